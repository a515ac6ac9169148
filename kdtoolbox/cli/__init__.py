"""The commands of ``kdtoolbox``; tools/*.py and the console script call them."""
