"""``--frames as-stored``: one JPEG of each frame that playing shows, with its time; what the default says of others."""

import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from kdtoolbox.datasets.locating import FrameFolderFinder
from kdtoolbox.datasets.transforms import OpenVideo
from kdtoolbox.preparation.conversion import Converted
from kdtoolbox.preparation.extraction import FrameOptions, extract_video
from kdtoolbox.preparation.frame_folders import frame_names
from kdtoolbox.preparation.layouts import VideoJob
from kdtoolbox.video import VideoReader
from tests.preparation.processes import call

NUMBERED = (
    'cut_copy.mp4',
    'cut_copy.ts',
    'from_avi.mp4',
    'h264_bf3.avi',
    'h264_bf3.ts',
    'h264_opengop.mp4',
    'hevc.mp4',
    'hevc_opengop.mkv',
    'libxvid_bf2.avi',
    'mpeg2.mpg',
    'mpeg4_bf2.avi',
    'rot90.mp4',
    'vfr.mp4',
)
AS_STORED, CONSTANT_RATE = FrameOptions(height=144, as_stored=True), FrameOptions(height=144)


@pytest.fixture
def extract(tmp_path, ffmpeg):
    def run(video: Path, options: FrameOptions) -> Converted:
        (tmp_path / 'parts').mkdir(exist_ok=True)
        return extract_video(
            VideoJob(video, 'video'), tmp_path / 'jpg', tmp_path / 'parts', ffmpeg=ffmpeg, options=options
        )

    return run


def times(folder: Path) -> list[float]:
    return [float(line) for line in (folder / 'times').read_text().splitlines()]


def number_shown(picture: np.ndarray) -> int:
    return sum(1 << bit for bit in range(10) if picture[24, 16 + 16 * bit].mean() > 128)


def decoded(video: Path) -> list[np.ndarray]:
    """All frames in order as RGB, as they lie in the file."""
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]


@pytest.mark.parametrize('name', NUMBERED)
def test_each_stored_frame_becomes_one_jpeg_in_the_order_and_at_the_time_of_playing(name, shared, extract):
    video = shared / 'cases/frames' / name
    frames = decoded(video)
    folder = extract(video, AS_STORED).part
    jpegs = [cv2.imread(str(folder / file))[..., ::-1] for file in frame_names(folder)]
    if name == 'rot90.mp4':
        jpegs = [np.rot90(cv2.resize(jpeg, (144, 176)), -1) for jpeg in jpegs]  # back as it lies in the file
    assert [number_shown(jpeg) for jpeg in jpegs] == [number_shown(frame) for frame in frames]
    assert times(folder) == pytest.approx(VideoReader(video).seconds.tolist(), abs=1e-5)


@pytest.mark.parametrize('segment', [(0, 0.5), (2, 3), (4.3, 5.1)])
@pytest.mark.parametrize('kind', ['as-stored', 'constant-rate'])
def test_a_segment_is_the_same_moment_in_the_video_and_in_its_frames(kind, segment, prepare, shared, tmp_path):
    video, jpg_dir = shared / 'cases/frames/vfr.mp4', tmp_path / 'jpg'
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos/vfr.mp4').symlink_to(video)
    for arguments in (
        ('video_jpg', tmp_path / 'videos', jpg_dir, '--frames', kind),
        ('fps', tmp_path / 'videos', jpg_dir),
        ('n_frames_kinetics', jpg_dir),
    ):
        assert prepare(*arguments)[0] == 0
    opened = OpenVideo()({'filename': str(video), 'segment_seconds': segment})
    in_video = [
        number_shown(image)
        for image in opened['video_reader'].frames(range(opened['offset'], opened['offset'] + opened['total_frames']))
    ]
    found = OpenVideo()(FrameFolderFinder([jpg_dir]).find(['vfr']) | {'segment_seconds': segment})
    files = frame_names(jpg_dir / 'vfr')[found['offset'] : found['offset'] + found['total_frames']]
    jpegs = [cv2.resize(cv2.imread(str(jpg_dir / 'vfr' / file)), (176, 144)) for file in files]
    shown = [number_shown(jpeg) for jpeg in jpegs]
    if kind == 'as-stored':
        assert shown == in_video
    else:  # ffmpeg repeats a frame up to 4 places early or late to keep the rate
        assert abs(shown[0] - in_video[0]) <= 4 and abs(shown[-1] - in_video[-1]) <= 4


def test_times_that_contradict_the_order_of_the_frames_are_mended_and_said(shared, extract):
    result = extract(shared / 'cases/frames/from_avi.mp4', AS_STORED)
    assert result.status == 'warning' and 'not all its times are in the order' in result.reason


def test_five_frames_of_a_browser_recording_are_five_jpegs_and_the_default_says_what_it_makes_of_them(
    maker, extract, tmp_path
):
    video = tmp_path / 'a.webm'  # a time stamp each millisecond: ffmpeg takes this for 1000 frames a second
    call(
        maker,
        '-f',
        'lavfi',
        '-i',
        'testsrc=size=64x48:rate=1000:duration=0.005',
        '-vf',
        "setpts='PTS+N*100'",
        '-fps_mode',
        'passthrough',
        '-c:v',
        'libvpx',
        str(video),
    )
    stored, constant = extract(video, AS_STORED), extract(video, CONSTANT_RATE)
    assert len(frame_names(stored.part)) == 5 and times(stored.part) == [0, 0.101, 0.202, 0.303, 0.404]
    assert stored.status == 'done'
    num_files = len(frame_names(constant.part))
    assert num_files > 400 and constant.status == 'warning'
    assert f'{num_files} files of 5 stored frames' in constant.reason and '--frames as-stored' in constant.reason


def test_a_picture_that_starts_after_the_sound_has_its_own_times(maker, extract, tmp_path):
    video = tmp_path / 'a.mp4'
    call(
        maker,
        '-f',
        'lavfi',
        '-i',
        'sine=d=5',
        '-itsoffset',
        '3',
        '-f',
        'lavfi',
        '-i',
        'testsrc=size=64x48:rate=25:duration=2',
        '-map',
        '0',
        '-map',
        '1',
        str(video),
    )
    stored, constant = extract(video, AS_STORED), extract(video, CONSTANT_RATE)
    assert len(frame_names(stored.part)) == 50
    assert times(stored.part) == pytest.approx([3 + index / 25 for index in range(50)], abs=0.03)
    assert 'of 50 stored frames' in constant.reason and '75 repeated' in constant.reason


def test_long_videos_keep_exact_times(maker, extract, tmp_path):
    video = tmp_path / 'a.mkv'  # ffmpeg prints the second time as 40000, six digits
    call(
        maker,
        '-f',
        'lavfi',
        '-i',
        'testsrc=size=16x16:rate=25:duration=0.08',
        '-vf',
        "setpts='PTS+N*40000.12/TB'",
        '-fps_mode',
        'passthrough',
        '-c:v',
        'mpeg4',
        str(video),
    )
    assert times(extract(video, AS_STORED).part) == pytest.approx([0, 40000.16], abs=1e-3)


def test_a_constant_rate_without_repeated_frames_is_done_without_a_word(make_video, extract, tmp_path):
    assert extract(make_video(tmp_path / 'a.mp4', 20), CONSTANT_RATE).status == 'done'


def test_the_data_sets_are_told_where_the_times_lie_and_only_where_there_are_any(prepare, make_video, tmp_path):
    make_video(tmp_path / 'videos/run/a.mp4', 6)
    for jpg_dir, options in ((tmp_path / 'stored', ('--frames', 'as-stored')), (tmp_path / 'constant', ())):
        assert prepare('video_jpg_ucf101_hmdb51', tmp_path / 'videos', jpg_dir, *options)[0] == 0
        assert prepare('fps', tmp_path / 'videos', jpg_dir)[0] == 0
        assert prepare('n_frames_ucf101_hmdb51', jpg_dir)[0] == 0
        assert prepare('check', jpg_dir)[0] == 0
    found = FrameFolderFinder([tmp_path / 'stored']).find(['run/a'])
    assert found['frame_times_file'] == os.path.join(tmp_path, 'stored/run/a/times')
    assert (found['total_frames'], found['avg_fps']) == (6, 10)
    assert times(tmp_path / 'stored/run/a') == pytest.approx([index / 10 for index in range(6)])
    assert 'frame_times_file' not in FrameFolderFinder([tmp_path / 'constant']).find(['run/a'])


def test_a_file_of_times_that_does_not_fit_is_found_by_the_check(prepare, make_video, tmp_path):
    make_video(tmp_path / 'videos/run/a.mp4', 6)
    prepare('video_jpg_ucf101_hmdb51', tmp_path / 'videos', tmp_path / 'jpg', '--frames', 'as-stored')
    for lines, problem in (
        ('0\n1\n', '2 times of 6 frames'),
        ('0\n1\n2\n1\n2\n3\n', 'do not ascend'),
        ('x\n', 'a number a line'),
    ):
        (tmp_path / 'jpg/run/a/times').write_text(lines)
        assert prepare('check', tmp_path / 'jpg')[0] == 1
        assert problem in (tmp_path / 'jpg/check_report.tsv').read_text()


def test_stored_and_constant_frames_do_not_mix_and_neither_do_two_rates(prepare, make_video, tmp_path):
    make_video(tmp_path / 'videos/run/a.mp4', 6)
    command = ('video_jpg_ucf101_hmdb51', tmp_path / 'videos', tmp_path / 'jpg')
    status, printed = prepare(*command, '--frames', 'as-stored', '--fps', '5')
    assert status == 2 and 'one of them' in printed
    assert prepare(*command, '--frames', 'as-stored')[0] == 0
    status, printed = prepare(*command)
    assert status == 2 and 'as_stored' in printed
