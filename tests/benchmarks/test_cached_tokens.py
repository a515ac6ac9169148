"""The benchmark of a cached teacher's tokens reads what it says."""

import os

import pytest
from mmengine.registry import init_default_scope

from benchmarks import cached_tokens


@pytest.mark.skipif(not os.path.exists('/proc/self/io'), reason='reads Linux accounts of disks')
def test_the_drawn_tokens_are_a_share_of_all(tmp_path):
    init_default_scope('kdtoolbox')
    rows = cached_tokens.measure(tmp_path, cached_tokens.settings(tiny=True), num_clips=2, rounds=1, keep=0.25)
    bytes_of_a_token, frames = 2 * 32 * 2, 2 * cached_tokens.FRAMES
    asked = {way: row['asked for, MB'] for way, row in rows.items()}
    assert asked[cached_tokens.ALL] == asked[cached_tokens.UNTOLD] == round(bytes_of_a_token * frames * 5 / 1e6, 2)
    assert asked[cached_tokens.DRAWN] == pytest.approx(bytes_of_a_token * frames * 4 / 4 / 1e6, abs=0.01)
    assert all(row['cold, ms'] > 0 and row['warm, ms'] > 0 for row in rows.values())
