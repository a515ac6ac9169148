"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def shared_folder() -> Path:
    """Where the optional test data lies: ``$KDTOOLBOX_SHARED`` or ``shared`` beside the checkout."""
    return Path(os.environ.get('KDTOOLBOX_SHARED', REPOSITORY.parent / 'shared'))


def pytest_addoption(parser):
    parser.addoption(
        '--reference-dir', type=Path, help='folder of reference vectors of the losses; default <shared>/reference'
    )


def pytest_configure(config):
    config.reference_dir = config.getoption('--reference-dir') or shared_folder() / 'reference'


@pytest.fixture(scope='session')
def shared() -> Path:
    """Folder of real clips, annotation files and reference vectors; skips where it is absent."""
    folder = shared_folder()
    if not folder.is_dir():
        pytest.skip(f'no real data: {folder} is not there (set KDTOOLBOX_SHARED to point at it)')
    return folder


@pytest.fixture(autouse=True)
def default_scope():
    """Every test builds with kdtoolbox's registries, as a run does."""
    from mmengine.registry import init_default_scope

    init_default_scope('kdtoolbox')
