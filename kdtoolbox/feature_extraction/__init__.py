"""One vector a video from a student or a teacher, and the probes that are fitted on them."""
