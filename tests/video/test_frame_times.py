"""Seconds go by the frames' own times, from video files and from folders of frames alike."""

import numpy as np
import pytest

from kdtoolbox.datasets.transforms import DecodeClip, DecodeError, OpenVideo
from kdtoolbox.video import VideoReader, frames_between
from tests.video.numbered_videos import KINDS, NUM_FRAMES, make_video, number_of


def numbers_in(video, start: float, end: float) -> list[int]:
    """The numbers of the frames that a segment of a video gives."""
    results = OpenVideo()(dict(filename=str(video), segment_seconds=(start, end)))
    results['frame_inds'] = np.arange(results['total_frames'])
    return [number_of(image[..., 0]) for image in DecodeClip()(results)['imgs']]


def test_neighbouring_segments_at_29_97_share_no_frame(tmp_path):
    video = make_video(KINDS['h264_mkv_29.97'], tmp_path)
    first, second = numbers_in(video, 0, 1.001), numbers_in(video, 1.001, 2.002)
    assert first == list(range(30)) and second == list(range(30, 60))


def test_a_segment_holds_the_frames_that_begin_in_it(tmp_path):
    assert numbers_in(make_video(KINDS['h264_mp4'], tmp_path), 0, 0.56) == list(range(14))


def test_a_variable_rate_does_not_shift_a_segment(tmp_path):
    # Frames 0 to 20 come 25 a second, the others 5 a second: frame 20 + n at 0.8 s + n / 5 s.
    video = make_video(KINDS['variable_rate_mp4'], tmp_path)
    np.testing.assert_allclose(
        VideoReader(video).seconds,
        [number / 25 + 4 * max(number - 20, 0) / 25 for number in range(NUM_FRAMES)],
        atol=1e-3,
    )
    assert numbers_in(video, 4, 7) == list(range(36, 51))


@pytest.mark.parametrize('name', ['late_picture_mp4', 'late_picture_mkv'])
def test_a_picture_that_starts_after_the_sound_keeps_the_time_of_the_sound(tmp_path, name):
    video = make_video(KINDS[name], tmp_path)
    assert numbers_in(video, 2.4, 3.2) == list(range(10, 30))
    with pytest.raises(DecodeError, match='shows nothing in its segment 0.5 s to 1.5 s: the picture starts at 2 s'):
        numbers_in(video, 0.5, 1.5)


@pytest.mark.parametrize('name', ['sound_longer', 'sound_longer_avi'])
def test_sound_that_is_longer_than_the_picture_does_not_change_its_rate(tmp_path, name):
    video = make_video(KINDS[name], tmp_path)
    assert VideoReader(video).frames_per_second == pytest.approx(25, rel=1e-3)
    assert numbers_in(video, 1, 2) == list(range(25, 50))


@pytest.mark.parametrize('name', ['h264_ts', 'mpeg2_mpg', 'h264_avi', 'h264_flv', 'mpeg4_mp4_b_frames'])
def test_times_begin_with_the_container(tmp_path, name):
    video = make_video(KINDS[name], tmp_path)
    np.testing.assert_allclose(VideoReader(video).seconds, np.arange(NUM_FRAMES) / 25, atol=2e-3)


def test_a_file_cut_without_encoding_anew_begins_at_its_cut(tmp_path):
    reader = VideoReader(make_video(KINDS['cut_by_copy_mp4'], tmp_path))
    first = number_of(reader.frames([0])[0][..., 0])
    assert first == 35  # cut at 1.4 s of 25 frames a second
    np.testing.assert_allclose(reader.seconds, np.arange(NUM_FRAMES - first) / 25, atol=2e-3)


def test_the_clock_of_a_joined_stream_goes_on(tmp_path):
    np.testing.assert_allclose(
        VideoReader(make_video(KINDS['joined_ts'], tmp_path)).seconds, np.arange(2 * NUM_FRAMES) / 25, atol=2e-3
    )


def test_where_the_picture_stands_still_a_segment_gives_the_frame_that_is_shown():
    seconds = np.array([0.0, 1.0, 60.0])
    assert frames_between(seconds, 4, 7) == range(1, 2)
    assert frames_between(seconds, 60, 61) == range(2, 3)
    assert frames_between(seconds, 0, 0.5) == range(0, 1)


def frame_folder(folder, *, times=None, fps='25', num_frames=NUM_FRAMES):
    """Results of the data set for a folder of frames that need not be decoded."""
    results = dict(frame_dir=str(folder), total_frames=num_frames, avg_fps=float(fps))
    if times is not None:
        (folder / 'times').write_text(times)
        results['frame_times_file'] = str(folder / 'times')
    return results


def test_a_folder_of_frames_goes_by_its_file_of_times(tmp_path):
    times = [number / 25 + 4 * max(number - 20, 0) / 25 for number in range(NUM_FRAMES)]
    results = frame_folder(tmp_path, times=''.join(f'{time:.6f}\n' for time in times), fps='6.45')
    opened = OpenVideo()(results | dict(segment_seconds=(4, 7)))
    assert (opened['offset'], opened['total_frames']) == (36, 15)


def test_a_folder_of_frames_without_times_goes_by_its_rate(tmp_path):
    opened = OpenVideo()(frame_folder(tmp_path, fps='29.97') | dict(segment_seconds=(1.001, 2.002)))
    assert (opened['offset'], opened['total_frames']) == (30, 30)


@pytest.mark.parametrize('times', ['0.0\n0.04\n', 'x\n', '0.0\n' * NUM_FRAMES, 'nan\n' * NUM_FRAMES])
def test_a_file_of_times_that_is_none_is_refused(tmp_path, times):
    with pytest.raises(ValueError, match='times'):
        OpenVideo()(frame_folder(tmp_path, times=times) | dict(segment_seconds=(0, 1)))
