"""Reading what a training left in its work directory."""

from kdtoolbox.reporting.runs.run import Run, read_run

__all__ = ['Run', 'read_run']
