"""Losses of embeddings, including text embeddings."""
