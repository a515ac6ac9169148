"""Frames by torchcodec, where it imports, against the toolbox's own reader."""

from itertools import pairwise

import numpy as np
import pytest

from kdtoolbox.datasets.transforms import DecodeClip, OpenVideo
from kdtoolbox.video import DecodeError, VideoReader
from kdtoolbox.video import torchcodec_reader as module
from kdtoolbox.video.torchcodec_reader import TorchCodecReader, torchcodec_imports
from tests.video.numbered_videos import KINDS, make_video

needs_torchcodec = pytest.mark.skipif(not torchcodec_imports(), reason='torchcodec does not import here')
CLIP = [*range(20, 36), 3, 71, 3]


@needs_torchcodec
@pytest.mark.parametrize('name', ['h264_mp4', 'h264_mkv_open_gop', 'hevc_mp4', 'vp9_webm', 'variable_rate_mp4'])
def test_it_is_used_for_files_whose_packets_tell_and_gives_the_same_frames(tmp_path, name):
    video = make_video(KINDS[name], tmp_path)
    reader = TorchCodecReader(video)
    frames = reader.frames(CLIP)
    assert reader.is_used
    # Another build of FFmpeg may round colours differently; the next frame is off by far more.
    assert np.abs(np.int16(frames) - np.int16(VideoReader(video).frames(CLIP))).mean((1, 2, 3)).max() < 2
    assert not np.shares_memory(frames[-1], frames[-3])


@needs_torchcodec
@pytest.mark.parametrize('name', ['mpeg4_avi_b_frames', 'h264_mp4_intra_refresh', 'mirrored', 'h264_ts'])
def test_it_is_not_used_for_files_of_which_it_gives_other_frames(tmp_path, name):
    video = make_video(KINDS[name], tmp_path)
    reader = TorchCodecReader(video)
    assert not reader.is_used
    assert np.array_equal(reader.frames([30, 41]), VideoReader(video).frames([30, 41]))


@needs_torchcodec
def test_frames_whose_times_differ_from_the_index_are_read_by_the_other(tmp_path, monkeypatch):
    video = make_video(KINDS['h264_mp4'], tmp_path)
    reader = TorchCodecReader(video)
    decoder = reader._decoder

    class Late:
        def get_frames_at(self, numbers):
            return decoder.get_frames_at([number + 1 for number in numbers])

    reader._decoder = Late()
    assert np.array_equal(reader.frames([30, 41]), VideoReader(video).frames([30, 41])) and not reader.is_used


@needs_torchcodec
def test_large_pictures_are_scaled_as_they_come(tmp_path):
    video = make_video(KINDS['h264_mp4'], tmp_path)
    results = OpenVideo('torchcodec', max_short_side=32)(dict(filename=str(video)))
    assert 'torchcodec' in results['decoder']
    images = DecodeClip()(results | dict(frame_inds=np.array([0, 40])))['imgs']
    own = VideoReader(video, max_short_side=32).frames([0, 40])
    assert images[0].shape == own[0].shape == (32, 48, 3)
    assert np.abs(np.int16(images) - np.int16(own)).mean() < 8


@needs_torchcodec
def test_a_damaged_file_is_left_to_the_other(tmp_path):
    (tmp_path / 'x.mp4').write_bytes(b'no video')
    with pytest.raises(DecodeError, match=r'x.mp4 cannot be opened'):
        TorchCodecReader(tmp_path / 'x.mp4')


def test_auto_is_pyav_where_torchcodec_does_not_import(monkeypatch):
    transform = 'kdtoolbox.datasets.transforms.decoding.torchcodec_imports'
    monkeypatch.setattr(transform, lambda: False)
    assert OpenVideo('auto').decoder == 'pyav'
    with pytest.raises(ValueError, match=r'torchcodec does not import. Install kdtoolbox\[torchcodec\]'):
        OpenVideo('torchcodec')
    monkeypatch.setattr(transform, lambda: True)
    assert OpenVideo('auto').decoder == 'torchcodec'
    assert OpenVideo('auto', device='cuda').device == 'cuda'


def test_only_torchcodec_decodes_on_another_device():
    with pytest.raises(ValueError, match="device='cuda'"):
        OpenVideo('pyav', device='cuda')


def test_the_index_is_told_with_durations_and_key_frames(tmp_path):
    index = VideoReader(make_video(KINDS['h264_mp4'], tmp_path)).index
    frames = module.json.loads(module._mappings(index))['frames']
    assert [frame['pts'] for frame in frames] == index.time_stamps.tolist()
    assert [number for number, frame in enumerate(frames) if frame['key_frame']] == index.key_frames.tolist()
    assert all(one['pts'] + one['duration'] == other['pts'] for one, other in pairwise(frames))
