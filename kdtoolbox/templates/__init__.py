"""Templates of what can be added to kdtoolbox, and writing files from them."""
