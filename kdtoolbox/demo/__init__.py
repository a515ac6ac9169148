"""The demo and its generated videos."""
