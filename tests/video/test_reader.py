"""Damaged and unusual files, what is kept of a file, and what a reader costs."""

import json
import os
import resource

import numpy as np
import pytest

from kdtoolbox.datasets.transforms import DecodeClip, OpenVideo, SampleClipsEvenly
from kdtoolbox.video import DamagedVideo, DecodeError, VideoReader
from kdtoolbox.video.frame_index import index_file, load_index, save_index
from kdtoolbox.video.indexing import verified_index
from tests.forked import call
from tests.video.numbered_videos import KINDS, MPEG4_B, NUM_FRAMES, X264, Kind, make_video, number_of, run_ffmpeg


def numbers(reader: VideoReader, wanted: list[int]) -> list[int]:
    return [number_of(image[..., 0]) for image in reader.frames(wanted)]


def destroy_from(video, share: float) -> None:
    """Overwrite the file with noise from a share of its length on; an MP4 must have its header in front."""
    content = bytearray(video.read_bytes())
    start = int(share * len(content))
    content[start:] = np.random.default_rng(0).integers(0, 256, len(content) - start, np.uint8).tobytes()
    video.write_bytes(content)


@pytest.mark.parametrize('file, encode', [('x.mp4', (*X264, '-movflags', 'faststart')), ('x.mkv', X264)])
def test_of_a_damaged_file_the_frames_before_the_damage_can_be_read(tmp_path, file, encode):
    video = make_video(Kind(file, encode), tmp_path)
    destroy_from(video, 0.6)
    index, damage = verified_index(str(video))
    whole = len(index)
    assert 20 < whole < NUM_FRAMES and damage.first_damaged == whole
    reader = VideoReader(video)
    assert numbers(reader, [0, 5, whole - 3]) == [0, 5, whole - 3]
    if len(reader) > whole:
        with pytest.raises(DamagedVideo, match=r'is damaged from frame \d+ of \d+ on; .* Download it again'):
            VideoReader(video).frames([len(reader) - 1])
    save_index(index, video)  # from now on what is whole is all there is
    assert len(VideoReader(video)) == whole
    with pytest.raises(IndexError, match=f'has frames 0 to {whole - 1}, not {whole}'):
        VideoReader(video).frames([whole])


def test_a_real_damaged_file_says_where_the_damage_begins(shared):
    with pytest.raises(DamagedVideo, match='damaged from frame 60 of 100 on'):
        VideoReader(shared / 'cases/videos/last_third_destroyed.mp4').frames([80])
    assert len(verified_index(str(shared / 'cases/videos/last_third_destroyed.mp4'))[0]) == 59


def test_a_change_of_size_is_refused_with_what_to_do(tmp_path):
    first = make_video(Kind('x.ts', X264), tmp_path)
    (tmp_path / 'wide').mkdir()
    second = make_video(Kind('x.ts', X264, size=(128, 64)), tmp_path / 'wide')
    joined = tmp_path / 'joined.ts'
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    reader = VideoReader(joined)
    assert numbers(reader, [3, 40]) == [3, 40]
    with pytest.raises(
        DecodeError, match=r'changes its size from 96 x 64 to 128 x 64 at or before frame 100.*scale=96:64'
    ):
        reader.frames([100])


@pytest.mark.parametrize(
    'name, num_frames',
    [('av1.mp4', 50), ('recorded_without_duration.webm', 50), ('animation.gif', 20), ('sound_first.mp4', 25)],
)
def test_what_decord_cannot_open_is_read(shared, name, num_frames):
    reader = VideoReader(shared / 'cases/videos' / name)
    assert len(reader) == num_frames
    assert (
        len({image.tobytes() for image in reader.frames(range(num_frames))}) >= num_frames - 1
    )  # the GIF's stops once


def test_what_is_no_file_with_a_picture_says_what_it_is(tmp_path):
    with pytest.raises(DecodeError, match='cannot be opened: it is a folder'):
        VideoReader(tmp_path)
    with pytest.raises(DecodeError, match='No such file'):
        VideoReader(tmp_path / 'x.mp4')
    os.mkfifo(tmp_path / 'pipe.mp4')
    with pytest.raises(DecodeError, match='cannot be opened: it is no file'):
        VideoReader(tmp_path / 'pipe.mp4')
    run_ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', 'sound.mp4', folder=tmp_path)
    with pytest.raises(DecodeError, match='holds no moving picture, only: audio'):
        VideoReader(tmp_path / 'sound.mp4')
    (tmp_path / 'text.mp4').write_text('ffconcat version 1.0\nfile sound.mp4\n')
    with pytest.raises(DecodeError):
        VideoReader(tmp_path / 'text.mp4')


def test_a_playlist_does_not_reach_beyond_its_file(tmp_path):
    video = make_video(KINDS['h264_ts'], tmp_path)
    playlist = tmp_path / 'playlist.mp4'
    playlist.write_text(f'#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{video.name}\n#EXT-X-ENDLIST\n')
    with pytest.raises(DecodeError):
        VideoReader(playlist)


def test_frames_outside_the_file_are_refused(tmp_path):
    reader = VideoReader(make_video(KINDS['h264_mp4'], tmp_path))
    for number in (-1, NUM_FRAMES):
        with pytest.raises(IndexError, match=f'has frames 0 to {NUM_FRAMES - 1}, not {number}'):
            reader.frames([0, number])


def test_a_repeated_frame_is_a_copy(tmp_path):
    first, second = VideoReader(make_video(KINDS['mpeg4_avi'], tmp_path)).frames([5, 5])
    np.testing.assert_array_equal(first, second)
    assert not np.shares_memory(first, second)


@pytest.mark.parametrize('name', ['h264_mp4_open_gop', 'mpeg4_avi_b_frames', 'variable_rate_mkv', 'h264_ts'])
def test_an_index_that_was_kept_is_the_one_that_was_found(tmp_path, name):
    video = make_video(KINDS[name], tmp_path)
    index, _ = verified_index(str(video))
    save_index(index, video)
    kept = load_index(video)
    np.testing.assert_array_equal(kept.time_stamps, index.time_stamps)
    np.testing.assert_array_equal(kept.key_frames, index.key_frames)
    assert (kept.time_base, kept.start_seconds, kept.frames_per_second) == (
        index.time_base,
        index.start_seconds,
        index.frames_per_second,
    )
    assert index_file(video).stat().st_size < 2000


def test_an_index_of_a_file_that_was_changed_is_not_used(tmp_path):
    video = make_video(KINDS['mpeg4_avi'], tmp_path)
    save_index(verified_index(str(video))[0], video)
    os.utime(video, ns=(1, 1))
    assert load_index(video) is None


@pytest.mark.parametrize(
    'change',
    [
        {'steps': [[0, 71]]},
        {'steps': [[1, 10**12]]},
        {'key_frames': [99]},
        {'steps': 'x'},
        {'time_base': [1, 0]},
        {'frames_per_second': -1},
        {'first_time_stamp': None},
    ],
)
def test_an_index_that_makes_no_sense_is_not_used(tmp_path, change):
    video = make_video(KINDS['mpeg4_avi'], tmp_path)
    save_index(verified_index(str(video))[0], video)
    index_file(video).write_text(json.dumps(json.loads(index_file(video).read_text()) | change))
    assert load_index(video) is None
    assert numbers(VideoReader(video), [7]) == [7]


def test_a_key_frame_that_leans_on_frames_before_it_is_not_in_the_index(tmp_path):
    # Gradual refresh: what the file calls a key frame is whole only some frames later.
    index, _ = verified_index(str(make_video(KINDS['h264_mp4_intra_refresh'], tmp_path)))
    assert index.key_frames.tolist() == [0]


def test_pictures_are_scaled_as_they_come(tmp_path):
    video = make_video(KINDS['h264_mp4'], tmp_path)
    full, small = VideoReader(video).frames([9])[0], VideoReader(video, max_short_side=32).frames([9])[0]
    assert full.shape == (64, 96, 3) and small.shape == (32, 48, 3)
    means = full.reshape(32, 2, 48, 2, 3).mean((1, 3))
    assert np.abs(means - small).mean() < 2
    assert VideoReader(video, max_short_side=64).frames([9])[0].shape == (64, 96, 3)


def print_memory_of_a_sample(file: str) -> None:
    """In megabytes, beyond what the process has."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results = SampleClipsEvenly(16, 10)(OpenVideo()(dict(filename=file, start_index=0)))
    assert len(DecodeClip()(results)['imgs']) == 160
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)


@pytest.mark.parametrize('size', [(1920, 1080), (3840, 2160)])
def test_a_test_sample_of_a_large_video_needs_less_than_300_mb(tmp_path, size):
    run_ffmpeg('-f', 'lavfi', '-i', 'testsrc2=s={}x{}:d=2:r=10'.format(*size), *X264, 'large.mp4', folder=tmp_path)
    run = call(print_memory_of_a_sample, str(tmp_path / 'large.mp4'), folder=tmp_path)
    assert 10 < float(run.stdout.split()[-1]) < 300


def test_readers_leave_no_file_open(tmp_path):
    video = make_video(Kind('x.avi', MPEG4_B), tmp_path)
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(50):
        reader = VideoReader(video)
        reader.frames([1, 30])
        reader.close()
    assert len(os.listdir('/proc/self/fd')) <= before
