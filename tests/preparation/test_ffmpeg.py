"""Finding ffmpeg, and reading what it prints."""

import shutil

import pytest

from kdtoolbox.preparation.ffmpeg import Ffmpeg, FfmpegRun, find_ffmpeg, read_header


def test_the_named_one_goes_before_the_path_and_that_before_the_packaged_one(stand_in, tmp_path, monkeypatch):
    named = stand_in('exit 0')
    on_path = tmp_path / 'bin/ffmpeg'
    on_path.parent.mkdir()
    shutil.copy(named, on_path)
    monkeypatch.setenv('PATH', f'{on_path.parent}:/usr/bin:/bin')
    assert find_ffmpeg(named) == named
    assert find_ffmpeg() == str(on_path)
    on_path.unlink()
    monkeypatch.setenv('PATH', str(tmp_path))
    import imageio_ffmpeg

    assert find_ffmpeg() == imageio_ffmpeg.get_ffmpeg_exe()


def test_one_that_does_not_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match='does not run as ffmpeg.*--ffmpeg'):
        find_ffmpeg(str(tmp_path / 'none'))


def test_the_header_of_a_real_file_is_read(shared, ffmpeg):
    header, _ = ffmpeg.header(shared / 'data/clips/ucf101/v_Diving_g01_c01.avi')
    assert header.frames_per_second == 29.97 and 'avi' in header.format_names and header.has_video
    assert header.duration_seconds == pytest.approx(259 / 29.97, abs=0.01)  # frames and rate of the manifest


def test_a_title_cannot_pass_for_a_header():
    log = (
        "[info] Input #0, avi, from 'x':\n[info]   Metadata:\n[info]     title           :   Duration: 09:00:00.00\n"
        '[info]                     :   Stream #0:0: Video: x, 99 fps\n[info]   Duration: N/A, bitrate: N/A\n'
        '[info]   Stream #0:0: Audio: mp3'
    )
    header = read_header(log)
    assert (header.duration_seconds, header.frames_per_second, header.has_video) == (None, None, False)


def test_what_is_no_log_of_ffmpeg_is_no_video():
    assert read_header('').complaint() == 'no video stream: it holds nothing'


def test_the_header_of_ffmpeg_4_is_read():
    header = read_header(
        "[info] Input #0, mov,mp4, from 'x':\n[info]   Duration: 00:00:02.00, start: 0.0\n"
        '[info]     Stream #0:0(und): Video: h264, yuv420p(tv, bt709), 64x48, 1k fps, 1k tbr\n'
    )
    assert header.complaint() == '' and not header.has_jpeg_colours() and header.frames_per_second == 1000


@pytest.mark.parametrize(
    'version, option', [('4.4.1', '-vsync'), ('5.1.9', '-vsync'), ('6.1', '-fps_mode'), ('N-118000-gabc', '-fps_mode')]
)
def test_frames_as_stored_are_asked_for_in_the_words_of_the_version(version, option, tmp_path):
    libavfilter = {'4': 7, '5': 8, '6': 9, 'N': 11}[version[0]]
    file = tmp_path / 'ffmpeg'
    file.write_text(f'#!/bin/sh\necho "ffmpeg version {version}"; echo "libavfilter     {libavfilter}. 44.100 / …"\n')
    file.chmod(0o755)
    assert Ffmpeg(str(file), time_limit_seconds=9).passthrough_options == [option, 'passthrough']


def test_errors_are_listed_once_without_addresses():
    run = FfmpegRun(
        1, '[h264 @ 0x1] [error] bad NAL\n[h264 @ 0x2] [error] bad NAL\n[info] fine\n[error] Conversion failed!'
    )
    assert run.errors() == ['bad NAL', 'Conversion failed!']
