"""What ``make faults`` does fifty times, a few times."""

import re

import pytest

from tests import faults
from tests.conftest import REPOSITORY
from tests.forked import call


@pytest.mark.timeout(600)
def test_trainings_features_frames_and_caches_that_were_killed_end_as_those_that_were_not(tmp_path):
    ended = call(faults.main, ['--kills', '2'], folder=tmp_path, cwd=REPOSITORY, seconds=550)
    assert ended.returncode == 0, ended.stderr[-5000:]
    kills = re.findall(r'(\w+): killed (\d+) times, ended as without', ended.stdout)
    assert kills == [('training', '2'), ('features', '1'), ('frames', '1'), ('cache', '1')]
