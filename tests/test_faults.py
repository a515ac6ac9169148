"""What ``make faults`` does fifty times, a few times."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import REPOSITORY


@pytest.mark.timeout(600)
def test_trainings_features_frames_and_caches_that_were_killed_end_as_those_that_were_not():
    done = subprocess.run(
        [sys.executable, '-m', 'tests.faults', '--kills', '2'],
        cwd=REPOSITORY,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    kills = re.findall(r'(\w+): killed (\d+) times, ended as without', done.stdout)
    assert kills == [('training', '2'), ('features', '1'), ('frames', '1'), ('cache', '1')]
