"""Tables of results and methods, and the provenance of numbers."""
