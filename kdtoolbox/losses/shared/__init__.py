"""What several losses share: checks of their inputs, precision, gathering over processes."""
