"""Losses between the tokens of transformers, of which the student may see only some."""
