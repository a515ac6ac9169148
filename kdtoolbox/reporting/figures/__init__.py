"""Figures of a training: curves, accuracies with intervals, confusion, calibration, a map of features."""
