"""Configs as files: finding, reading, overriding and checking them."""
