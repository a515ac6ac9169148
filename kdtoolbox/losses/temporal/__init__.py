"""Losses that know time."""
