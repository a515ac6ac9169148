"""Whole trees: parallel, interrupted, full disks; what has its final name is whole."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from kdtoolbox.preparation.frame_folders import count_frames, frame_folders, frame_names, move_into_place
from tests.preparation.processes import start_prepare

NUM_FRAMES = {'run/a': 3, 'run/b': 5, 'sit/a': 7, 'sit/slow': 4}


@pytest.fixture
def videos(make_video, tmp_path):
    for name, num_frames in NUM_FRAMES.items():
        make_video(tmp_path / f'videos/{name}.avi', num_frames)
    return tmp_path / 'videos'


def counts(jpg_dir: Path) -> dict[str, int]:
    return {folder.relative_to(jpg_dir).as_posix(): len(frame_names(folder)) for folder in frame_folders(jpg_dir)}


def wait_for(is_so, *, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, 'it did not come to this'
        time.sleep(0.02)


@pytest.fixture
def slow_ffmpeg(stand_in, executable, tmp_path):
    """ffmpeg that has written all frames of the video called slow, and then does not end."""
    return stand_in(
        f'case "$*" in *slow.avi*image_*) "{executable}" "$@"; touch "{tmp_path}/written"; sleep 8;;\n'
        f'*) exec "{executable}" "$@";; esac'
    )


@pytest.mark.parametrize('jobs', [1, 3])
def test_any_number_of_jobs_gives_all_frames(jobs, prepare, videos, tmp_path):
    jpg_dir = tmp_path / "it's 100%d"  # what a shell or ffmpeg would read in a name stays a name
    status, printed = prepare('video_jpg_ucf101_hmdb51', videos, jpg_dir, '--jobs', jobs)
    assert (status, counts(jpg_dir)) == (0, NUM_FRAMES)
    assert printed.splitlines()[-1] == '4 done, 0 already there, 0 failed'


def test_a_second_run_finds_all_there_and_writes_nothing(prepare, videos, tmp_path):
    prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')
    before = {folder: folder.stat().st_mtime_ns for folder in frame_folders(tmp_path / 'jpg')}
    status, printed = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')
    assert (status, printed.splitlines()[-1]) == (0, '0 done, 4 already there, 0 failed')
    assert before == {folder: folder.stat().st_mtime_ns for folder in frame_folders(tmp_path / 'jpg')}


def test_killed_in_the_middle_only_whole_videos_have_their_names_and_the_next_run_ends_it(
    prepare, videos, slow_ffmpeg, tmp_path
):
    process = start_prepare('video_jpg_kinetics', videos, tmp_path / 'jpg', '--jobs', 2, '--ffmpeg', slow_ffmpeg)
    wait_for((tmp_path / 'written').exists)
    process.kill()
    process.communicate()
    assert list((tmp_path / 'jpg/.kdtoolbox/parts').iterdir()), 'the frames of the slow video should lie there'
    there = {name: number for name, number in NUM_FRAMES.items() if (tmp_path / 'jpg' / name).exists()}
    assert 'sit/slow' not in there
    if there:
        assert counts(tmp_path / 'jpg') == there
    assert prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')[0] == 0
    assert counts(tmp_path / 'jpg') == NUM_FRAMES
    assert not (tmp_path / 'jpg/.kdtoolbox/parts').exists()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_keeps_what_was_finished_and_leaves_no_process(number, videos, slow_ffmpeg, tmp_path):
    process = start_prepare('video_jpg_kinetics', videos, tmp_path / 'jpg', '--jobs', 2, '--ffmpeg', slow_ffmpeg)
    wait_for((tmp_path / 'written').exists)
    time.sleep(0.5)  # the three others need a moment
    process.send_signal(number)
    printed = process.communicate(timeout=5)[0]  # sooner than the slow one would have ended
    assert process.returncode == 130
    assert '3 done' in printed and 'interrupted' in printed and 'Traceback' not in printed
    assert counts(tmp_path / 'jpg') == {name: number for name, number in NUM_FRAMES.items() if name != 'sit/slow'}


def test_frames_reach_the_disk_before_their_folder_gets_its_name(prepare, videos, tmp_path, monkeypatch):
    order = []
    monkeypatch.setattr(os, 'sync', lambda: order.append('sync'))
    monkeypatch.setattr(
        'kdtoolbox.preparation.frame_tree.move_into_place',
        lambda part, folder: (order.append('name'), move_into_place(part, folder)),
    )
    prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')
    assert order[0] == 'sync' and order.count('name') == 4


def test_on_a_full_disk_it_stops_at_once_and_keeps_what_is_whole(prepare, videos, stand_in, executable, tmp_path):
    full = stand_in(
        f'case "$*" in *sit/a.avi*) echo "[out#0] [error] x: No space left on device" >&2; exit 228;;\n'
        f'*) exec "{executable}" "$@";; esac'
    )
    status, printed = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg', '--jobs', 1, '--ffmpeg', full)
    assert status == 2 and 'disk' in printed and 'full' in printed
    there = counts(tmp_path / 'jpg')
    assert 'sit/a' not in there and there.items() <= NUM_FRAMES.items() and there


def test_a_really_full_disk_leaves_no_broken_frames(prepare, make_video, tmp_path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', disk], capture_output=True).returncode:
        pytest.skip('mounting a small disk needs rights this user does not have')
    try:
        for number in range(8):
            make_video(tmp_path / f'videos/run/{number}.avi', 20)
        status, printed = prepare('video_jpg_kinetics', tmp_path / 'videos', disk / 'jpg', '--jobs', 2)
        assert status == 2 and 'full' in printed
        assert set(counts(disk / 'jpg').values()) == {20}
    finally:
        subprocess.run(['umount', disk], check=True)


def test_frames_of_two_sizes_do_not_mix(prepare, videos, tmp_path):
    prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')
    status, printed = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg', '--height', 120)
    assert status == 2 and "'height': 240" in printed and "'height': 120" in printed


def test_two_runs_do_not_write_to_one_tree(prepare, videos, slow_ffmpeg, tmp_path):
    process = start_prepare('video_jpg_kinetics', videos, tmp_path / 'jpg', '--ffmpeg', slow_ffmpeg)
    wait_for((tmp_path / 'written').exists)
    status, printed = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert status == 2 and 'another run' in printed


def test_failures_are_lines_of_the_report_and_the_exit_status(prepare, videos, tmp_path):
    (videos / 'run/empty.avi').touch()
    (videos / 'sit/noise\n.avi').write_bytes(b'\x8f' * 999)
    status, printed = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')
    assert status == 1
    assert '4 done, 0 already there, 2 failed' in printed and 'extraction_report.tsv' in printed
    rows = [line.split('\t') for line in (tmp_path / 'jpg/extraction_report.tsv').read_text().splitlines()]
    assert rows[0] == ['status', 'video', 'reason']
    assert [(row[0], Path(row[1]).name) for row in rows[1:]] == [('failed', 'empty.avi'), ('failed', r'noise\n.avi')]


def test_videos_that_would_share_a_folder_all_fail(prepare, make_video, videos, tmp_path):
    make_video(videos / 'run/a.mp4')
    status, _printed = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')
    assert (status, set(counts(tmp_path / 'jpg'))) == (1, {'run/b', 'sit/a', 'sit/slow'})
    assert (tmp_path / 'jpg/extraction_report.tsv').read_text().count('would share the frame folder run/a') == 2


def test_what_is_no_video_by_its_place_or_name_is_passed_over_and_named(prepare, videos, tmp_path):
    (videos / 'README').write_text('about')
    (videos / 'run/c.mp4.part').write_text('half a download')
    (videos / 'run/.DS_Store').touch()
    (videos / 'run/deeper').mkdir()
    status, printed = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')
    assert status == 0 and '3 passed over' in printed
    report = (tmp_path / 'jpg/extraction_report.tsv').read_text()
    assert 'README' in report and 'unfinished download' in report and 'deeper' in report and 'DS_Store' not in report


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(prepare, videos, tmp_path):
    status, printed = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg', '--dry-run', '--quality', 2)
    assert status == 0 and '4 videos to extract' in printed and '-q:v 2' in printed
    assert not (tmp_path / 'jpg').exists()


def test_frames_are_not_written_among_the_videos(prepare, videos):
    status, printed = prepare('video_jpg_kinetics', videos, videos / 'jpg')
    assert status == 2 and 'is inside' in printed


@pytest.mark.parametrize('command, expected', [('video_jpg', '<video>'), ('video_jpg_kinetics', '<class>/<video>')])
def test_the_wrong_layout_is_said_not_guessed(command, expected, prepare, make_video, tmp_path):
    make_video(tmp_path / ('videos/run/a.avi' if command == 'video_jpg' else 'videos/a.avi'))
    status, printed = prepare(command, tmp_path / 'videos', tmp_path / 'jpg')
    assert status == 2 and expected in printed


def test_a_flat_folder_gives_a_flat_tree_of_height_360(prepare, make_video, tmp_path):
    from PIL import Image

    make_video(tmp_path / 'videos/v_-abc.mp4', 3)
    assert prepare('video_jpg', tmp_path / 'videos', tmp_path / 'jpg')[0] == 0
    assert count_frames(tmp_path / 'jpg/v_-abc') == 3
    assert Image.open(tmp_path / 'jpg/v_-abc/image_00001.jpg').size == (480, 360)


def test_no_frames_are_written_through_a_link_out_of_the_tree(prepare, videos, tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'jpg').mkdir()
    (tmp_path / 'jpg/run').symlink_to(tmp_path / 'elsewhere')
    status, _ = prepare('video_jpg_kinetics', videos, tmp_path / 'jpg')
    assert status == 1 and not list((tmp_path / 'elsewhere').iterdir())
    assert 'by a link, and nothing is written outside' in (tmp_path / 'jpg/extraction_report.tsv').read_text()
