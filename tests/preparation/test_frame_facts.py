"""``fps`` and ``n_frames``, against numbers known from making the videos and from the published ones."""

import shutil
from pathlib import Path

import pytest

from kdtoolbox.preparation.frame_facts import duration_seconds
from kdtoolbox.preparation.frame_folders import frame_folders
from tests.preparation.processes import call

REAL_CLIPS = {'v_ApplyEyeMakeup_g01_c01': (164, 25.0), 'v_Diving_g01_c01': (259, 29.97)}  # frames, frames a second


def frames(folder: Path, numbers) -> Path:
    folder.mkdir(parents=True)
    for number in numbers:
        (folder / f'image_{number:05d}.jpg').write_bytes(b'\xff\xd8\xff\xd9')
    return folder


def test_real_clips_get_their_known_frame_counts_and_rates(shared, prepare, tmp_path):
    for name in REAL_CLIPS:
        (tmp_path / 'videos' / 'class').mkdir(parents=True, exist_ok=True)
        (tmp_path / f'videos/class/{name}.avi').symlink_to(shared / f'data/clips/ucf101/{name}.avi')
    for command in (
        ['video_jpg_ucf101_hmdb51', tmp_path / 'videos'],
        ['fps', tmp_path / 'videos'],
        ['n_frames_ucf101_hmdb51'],
    ):
        assert prepare(*command, tmp_path / 'jpg')[0] == 0
    for name, (num_frames, rate) in REAL_CLIPS.items():
        folder = tmp_path / 'jpg/class' / name
        # ffmpeg fills a gap of the time stamps with a frame more; test_extraction holds the exact number.
        assert int((folder / 'n_frames').read_text()) == pytest.approx(num_frames, abs=1)
        assert float((folder / 'fps').read_text()) == pytest.approx(rate, abs=0.2)


def test_fps_is_frames_written_over_seconds_with_two_decimals(prepare, make_video, tmp_path):
    make_video(tmp_path / 'videos/a.mkv', 30)  # 3.0 s
    frames(tmp_path / 'jpg/a', range(1, 15))  # 14 frames, as when resampled
    assert prepare('fps', tmp_path / 'videos', tmp_path / 'jpg')[0] == 0
    assert (tmp_path / 'jpg/a/fps').read_text() == '4.67\n'


def test_a_video_whose_header_tells_no_length_is_decoded_for_it(make_video, maker, ffmpeg, tmp_path):
    make_video(tmp_path / 'a.avi', 30)
    call(maker, '-i', str(tmp_path / 'a.avi'), '-c', 'copy', '-f', 'm4v', str(tmp_path / 'raw'))
    assert ffmpeg.header(tmp_path / 'raw')[0].duration_seconds is None
    assert duration_seconds(tmp_path / 'raw', ffmpeg) == pytest.approx(3.0, abs=0.05)  # 30 frames, 10 a second


def extracted_rate(prepare, video: Path, jpg_dir: Path, *options: str) -> tuple[int, float]:
    """The number of JPEGs, and the rate that ``fps`` writes for them."""
    folder = jpg_dir / video.stem
    assert prepare('video_jpg', video.parent, jpg_dir, *options)[0] == 0
    assert prepare('fps', video.parent, jpg_dir, *(options if '--ffmpeg' in options else ()))[0] == 0
    return len(list(folder.glob('*.jpg'))), float((folder / 'fps').read_text())


def test_sound_that_is_longer_than_the_picture_does_not_change_the_rate(prepare, maker, tmp_path):
    video = tmp_path / 'videos/a.mp4'
    video.parent.mkdir()
    call(
        maker, '-f', 'lavfi', '-i', 'testsrc=size=64x48:rate=25:duration=2', '-f', 'lavfi', '-i', 'sine=d=4', str(video)
    )
    assert extracted_rate(prepare, video, tmp_path / 'jpg') == (50, 25.0)
    (tmp_path / 'jpg/a/.complete').unlink()  # as frames of another tool
    assert prepare('fps', video.parent, tmp_path / 'jpg')[0] == 0
    assert (tmp_path / 'jpg/a/fps').read_text() == '25.00\n'


def test_the_rate_of_a_variable_recording_is_that_of_its_jpegs(prepare, shared, tmp_path):
    (tmp_path / 'videos').mkdir()
    video = tmp_path / 'videos/vfr.mp4'
    video.symlink_to(shared / 'cases/frames/vfr.mp4')  # 90 frames in 6 s, on a grid of 25 a second
    num_files, rate = extracted_rate(prepare, video, tmp_path / 'jpg')
    assert (num_files, rate) == (pytest.approx(150, abs=2), 25.0)
    num_files, rate = extracted_rate(prepare, video, tmp_path / 'stored', '--frames', 'as-stored')
    assert (num_files, rate) == (90, pytest.approx(89 / 5.88, abs=0.01))  # the last one is i = 147, at 147 / 25 s


def test_the_rate_of_a_transport_stream_whose_times_jump_is_that_of_its_jpegs(prepare, make_video, maker, tmp_path):
    make_video(tmp_path / 'a.ts', 20, options=('-c:v', 'mpeg2video', '-r', '25'))
    make_video(tmp_path / 'b.ts', 20, options=('-c:v', 'mpeg2video', '-r', '25', '-output_ts_offset', '5000'))
    (tmp_path / 'videos').mkdir()
    video = tmp_path / 'videos/a.ts'
    video.write_bytes((tmp_path / 'a.ts').read_bytes() + (tmp_path / 'b.ts').read_bytes())
    # With the newest ffmpeg: a static build of 7.0.2 crashes on transport streams.
    assert extracted_rate(prepare, video, tmp_path / 'jpg', '--ffmpeg', maker)[1] == 25.0
    (tmp_path / 'jpg/a/.complete').unlink()
    assert prepare('fps', video.parent, tmp_path / 'jpg', '--ffmpeg', maker)[0] == 0
    assert (tmp_path / 'jpg/a/fps').read_text() == '25.00\n'


def test_rates_of_film_on_television_have_three_decimals(prepare, make_video, tmp_path):
    video = make_video(tmp_path / 'videos/a.mp4', 20, options=('-r', '24000/1001'))
    assert extracted_rate(prepare, video, tmp_path / 'jpg')[1] == 23.976  # 23.98 is 2 frames off after 10 minutes


def test_a_video_without_frames_or_without_a_length_is_a_failure(prepare, make_video, tmp_path):
    make_video(tmp_path / 'videos/a.avi')
    (tmp_path / 'videos/b.avi').write_bytes(b'\x8f' * 999)
    frames(tmp_path / 'jpg/b', [1])
    status, printed = prepare('fps', tmp_path / 'videos', tmp_path / 'jpg')
    assert status == 1 and '2 failed' in printed
    report = (tmp_path / 'jpg/fps_report.tsv').read_text()
    assert 'extract this video first' in report and 'Invalid data' in report


@pytest.mark.parametrize('command', ['n_frames_kinetics', 'n_frames_ucf101_hmdb51'])
def test_frames_are_counted_by_number_and_other_files_are_not(command, prepare, tmp_path):
    folder = frames(tmp_path / 'run/a', range(1, 12))
    (folder / 'image_1.jpg').touch()
    (folder / 'thumbnail.jpg').touch()
    frames(tmp_path / 'test/b', [1])
    assert prepare(command, tmp_path)[0] == 0
    assert (folder / 'n_frames').read_text() == '11\n'
    assert (tmp_path / 'test/b/n_frames').read_text() == '1\n'


def test_no_count_is_written_where_a_frame_is_missing_or_all_are(prepare, tmp_path):
    frames(tmp_path / 'run/gap', [1, 3])
    frames(tmp_path / 'run/none', [])
    status, printed = prepare('n_frames_kinetics', tmp_path)
    assert status == 1 and '2 failed' in printed
    assert not list(tmp_path.glob('run/*/n_frames'))


def test_more_than_99999_frames_are_in_order(tmp_path):
    from kdtoolbox.preparation.frame_folders import frame_names

    frames(tmp_path / 'a', [100000, 99999])
    assert frame_names(tmp_path / 'a') == ['image_99999.jpg', 'image_100000.jpg']


def test_a_tree_without_frame_folders_is_refused(prepare, tmp_path):
    status, printed = prepare('n_frames_kinetics', tmp_path)
    assert status == 2 and 'no frame folders' in printed
    shutil.rmtree(tmp_path)
    status, printed = prepare('n_frames_kinetics', tmp_path)
    assert status == 2 and 'no folder' in printed


def test_folders_of_both_layouts_are_found(tmp_path):
    frames(tmp_path / 'flat', [1])
    frames(tmp_path / 'class/deep', [1])
    (tmp_path / '.kdtoolbox/parts').mkdir(parents=True)
    assert [str(folder.relative_to(tmp_path)) for folder in frame_folders(tmp_path)] == ['class/deep', 'flat']
