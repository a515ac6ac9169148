"""Config files: finding, reading, overriding and checking them."""
