"""Encoded again, a video has the same frames under the same numbers, and a key frame close to each."""

import time

import numpy as np
import pytest

from kdtoolbox.video import VideoReader
from tests.preparation.processes import start_prepare
from tests.video.numbered_videos import KINDS, frames_in_order, make_video

NAMES = (
    'mpeg4_avi_b_frames',
    'xvid_avi_packed',
    'mpeg2_mpg',
    'mpeg2_ts',
    'vp9_webm',
    'wmv2_asf',
    'gif',
    'ffv1_mkv',
    'late_picture_mp4',
    'variable_rate_mp4',
    'rotated_90',
    'mirrored',
    'cut_by_copy_mp4_open_gop',
    'joined_mp4',
)


@pytest.fixture(scope='module')
def numbered(tmp_path_factory):
    """Videos in all encodings and containers, with the name of the encoding; and their frames in order."""
    folder = tmp_path_factory.mktemp('numbered')
    (folder / 'all').mkdir()
    truth = {}
    for name in NAMES:
        (folder / name).mkdir()
        video = make_video(KINDS[name], folder / name)
        upright = VideoReader(video).frames([0])[0].shape[1::-1]
        truth[name] = frames_in_order(video, upright)
        video.rename(folder / f'all/{name}{video.suffix}')
    return folder / 'all', truth


def test_frames_keep_their_numbers_in_every_encoding_or_the_video_is_refused(numbered, prepare, tmp_path):
    videos, truth = numbered
    status, _ = prepare('reencode', videos, tmp_path / 'out', '--keyframe-interval', 8, '--quality', 12)
    report = (tmp_path / 'out/encoding_report.tsv').read_text()
    made = {file.stem: file for file in (tmp_path / 'out').glob('*.mp4')}
    refused = truth.keys() - made.keys()
    assert all(f'{name}.' in report for name in refused)
    assert (status == 1) == bool(refused) and len(refused) <= len(truth) // 10, report
    for name, file in made.items():
        reader = VideoReader(file)
        assert len(reader) == len(truth[name]), name
        assert list(np.diff([*reader.index.key_frames, len(reader)]))[:-1] == [8] * (len(reader.index.key_frames) - 1)
        for number in range(0, len(reader), 5):
            grey = reader.frames([number])[0].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
            distances = np.abs(truth[name] - grey).mean((1, 2))
            assert distances[number] == distances.min() < 8, (name, number, int(distances.argmin()))


@pytest.fixture
def three(make_video, tmp_path):
    """Three videos in two classes."""
    for name, num_frames in (('run/a', 20), ('run/b', 30), ('sit/c', 25)):
        make_video(tmp_path / f'videos/{name}.avi', num_frames)
    return tmp_path / 'videos'


def encoded(folder):
    return {file.relative_to(folder).as_posix(): file.stat().st_mtime_ns for file in folder.glob('*/*.mp4')}


def test_a_second_run_encodes_nothing_but_what_was_changed(three, make_video, prepare, tmp_path):
    out = tmp_path / 'out'
    status, printed = prepare('reencode', three, out, '--short-side', 32)
    assert (status, printed.splitlines()[-1]) == (0, '3 done, 0 already there, 0 failed')
    assert VideoReader(out / 'run/a.mp4').frames([3])[0].shape == (32, 42, 3)
    before = encoded(out)
    assert (
        prepare('reencode', three, out, '--short-side', 32)[1].splitlines()[-1] == '0 done, 3 already there, 0 failed'
    )
    assert encoded(out) == before
    make_video(three / 'run/a.avi', 40)
    assert '1 done, 2 already there' in prepare('reencode', three, out, '--short-side', 32)[1]
    assert len(VideoReader(out / 'run/a.mp4')) == 40
    status, printed = prepare('reencode', three, out)
    assert status == 2 and "'short_side': 32" in printed and "'short_side': 256" in printed


def test_killed_in_the_middle_it_leaves_whole_videos_and_the_next_run_ends_it(
    three, stand_in, executable, prepare, tmp_path
):
    slow = stand_in(
        f'case "$*" in *c.avi*libx264*) "{executable}" "$@"; touch "{tmp_path}/written"; sleep 8;;\n'
        f'*) exec "{executable}" "$@";; esac'
    )
    out = tmp_path / 'out'
    process = start_prepare('reencode', three, out, '--jobs', 2, '--ffmpeg', slow)
    end = time.monotonic() + 60
    while not (tmp_path / 'written').exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert 'sit/c.mp4' not in encoded(out)
    assert prepare('reencode', three, out)[0] == 0
    assert {name: len(VideoReader(out / name)) for name in encoded(out)} == {
        'run/a.mp4': 20,
        'run/b.mp4': 30,
        'sit/c.mp4': 25,
    }


@pytest.mark.parametrize(
    'option, message', [('--keyframe-interval 0', 'expected 1 to 1000'), ('--quality 60', 'expected 0 to 51')]
)
def test_a_wrong_option_is_named(option, message, three, prepare, tmp_path):
    status, printed = prepare('reencode', three, tmp_path / 'out', *option.split())
    assert status == 2 and option.split()[0] in printed and message in printed
