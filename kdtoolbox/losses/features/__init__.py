"""Losses of feature vectors and feature maps."""
