import os
from fractions import Fraction

import numpy as np
import pytest

from kdtoolbox.video import FrameIndex, VideoReader
from kdtoolbox.video import reader as reader_module
from kdtoolbox.video.remembered_indexes import RememberedIndexes
from tests.video.numbered_videos import KINDS, make_video


@pytest.fixture
def fresh(monkeypatch):
    indexes = RememberedIndexes(2**20)
    for name, method in (('remembered', indexes.get), ('remember', indexes.add), ('forget', indexes.forget)):
        monkeypatch.setattr(reader_module, f'{name}_index', method)
    return indexes


def index_of(num_frames: int) -> FrameIndex:
    return FrameIndex(np.arange(num_frames), Fraction(1, 25), 0.0, np.array([0]), 25.0)


def test_a_video_that_is_opened_again_is_not_listed_again(tmp_path, fresh, monkeypatch):
    video = make_video(KINDS['h264_mp4'], tmp_path)
    before = VideoReader(video).frames([3, 40])
    assert len(fresh) == 1
    monkeypatch.setattr(reader_module, 'index_from_packets', None)  # calling it would raise
    assert np.array_equal(VideoReader(video).frames([3, 40]), before)


def test_a_file_that_was_changed_is_listed_again(tmp_path, fresh):
    video = make_video(KINDS['h264_mp4'], tmp_path)
    VideoReader(video)
    os.utime(video, (1, 1))
    assert fresh.get(str(video)) is None


def test_time_stamps_that_turn_out_wrong_are_forgotten(tmp_path, fresh):
    video = make_video(KINDS['h264_mp4'], tmp_path)
    right = VideoReader(video)
    wanted = right.frames([30])
    wrong = FrameIndex(right.index.time_stamps + 1, *list(vars(right.index).values())[1:])
    fresh.add(wrong, str(video))
    assert np.array_equal(VideoReader(video).frames([30]), wanted)
    assert fresh.get(str(video)) is None


def test_what_was_used_longest_ago_goes_first(tmp_path):
    indexes = RememberedIndexes(3 * 1400)
    files = [tmp_path / f'{number}' for number in range(4)]
    for number, file in enumerate(files):
        file.touch()
        indexes.add(index_of(100), str(file))
        if number == 2:
            assert indexes.get(str(files[0])) is not None
    assert [indexes.get(str(file)) is not None for file in files] == [True, False, True, True]
