"""Losses of relations between the clips of a batch, or between channels."""
