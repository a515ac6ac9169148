"""Extracting one feature vector for each video from a student or a teacher, and fitting probes."""
