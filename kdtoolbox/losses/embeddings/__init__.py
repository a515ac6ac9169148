"""Losses of embeddings, of texts among them."""
