"""Runs of a config: training, testing, chains of stages, sweeps, and measuring what came out."""
