"""Tables of results and methods, and what a number came from."""
