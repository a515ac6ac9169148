"""Work directories for tests of reports."""

from pathlib import Path

import pytest

from tests.browser import browser, opened  # noqa: F401
from tests.reporting.work_dirs import write_videos, write_work_dir


@pytest.fixture(scope='session')
def video_files(tmp_path_factory) -> list[str]:
    """The videos of the records, the last one damaged; to be read only."""
    return write_videos(tmp_path_factory.mktemp('videos'))


@pytest.fixture(scope='session')
def run_dir(tmp_path_factory, video_files) -> Path:
    """A work directory with all that a report shows; to be read only."""
    return write_work_dir(tmp_path_factory.mktemp('runs') / 'kd', video_files)


@pytest.fixture(scope='session')
def baseline_dir(tmp_path_factory, video_files) -> Path:
    """The same, of a student that gets more queries wrong; to be read only."""
    return write_work_dir(tmp_path_factory.mktemp('runs') / 'scratch', video_files, wrong=(0, 1, 2, 5, 7))
