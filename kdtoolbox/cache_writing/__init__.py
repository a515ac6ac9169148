"""Writing and verifying teacher caches."""
