"""Losses over time steps."""
