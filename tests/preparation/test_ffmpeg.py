"""Finding ffmpeg, and reading what it prints."""

import shutil

import pytest

from kdtoolbox.preparation.ffmpeg import FfmpegRun, find_ffmpeg, read_header


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
    log = ("[info] Input #0, avi, from 'x':\n[info]   Metadata:\n[info]     title           :   Duration: 09:00:00.00\n"
           '[info]                     :   Stream #0:0: Video: x, 99 fps\n[info]   Duration: N/A, bitrate: N/A\n'
           '[info]   Stream #0:0: Audio: mp3')
    header = read_header(log)
    assert (header.duration_seconds, header.frames_per_second, header.has_video) == (None, None, False)


def test_what_is_no_log_of_ffmpeg_is_no_video():
    assert read_header('').complaint() == 'no video stream: sound only'


def test_errors_are_listed_once_without_addresses():
    run = FfmpegRun(1, '[h264 @ 0x1] [error] bad NAL\n[h264 @ 0x2] [error] bad NAL\n'
                    '[info] fine\n[error] Conversion failed!')
    assert run.errors() == ['bad NAL', 'Conversion failed!']
