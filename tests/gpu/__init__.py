"""Tests that need a GPU; they skip without one."""
