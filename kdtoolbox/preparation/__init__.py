"""Preparing downloaded data sets: frame folders, fps, frame counts, annotation JSON, and checks."""
