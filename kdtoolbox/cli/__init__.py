"""The commands; tools/*.py and the console script are doors to them."""
