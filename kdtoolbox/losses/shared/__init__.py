"""Helpers that several losses share: input checks, precision, gathering over processes."""
