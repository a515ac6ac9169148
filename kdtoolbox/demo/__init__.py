"""The demo and the videos it makes."""
