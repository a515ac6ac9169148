"""``kdtoolbox prepare check --videos``: how many frames, what is damaged, what reading by index gets wrong."""

import os
import shutil
import time

import av
import pytest

from kdtoolbox.preparation.isolated import CallFailed, IsolatedCalls
from kdtoolbox.preparation.video_check import check_video
from tests.preparation.processes import call


@pytest.mark.parametrize('name, num_frames', [('rot90.mp4', 150), ('vfr.mp4', 90)])
def test_a_file_that_decord_reads_right_has_its_number_of_frames_and_no_fault(name, num_frames, shared):
    found = check_video(str(shared / 'cases/frames' / name))
    assert (found.num_frames, found.damage, found.elsewhere, found.status) == (num_frames, '', '', 'done')


@pytest.mark.parametrize(
    'name, num_frames',
    [
        ('h264_bf3.ts', 150),
        ('h264_opengop.mp4', 150),
        ('libxvid_bf2.avi', 148),
        ('mpeg2.mpg', 150),
        ('cut_copy.ts', 110),
        ('hevc.mp4', 150),
        ('hevc_opengop.mkv', 150),
        ('mpeg4_bf2.avi', 150),
    ],
)
def test_a_file_that_decord_reads_wrong_is_found(name, num_frames, shared):
    found = check_video(str(shared / 'cases/frames' / name))
    assert (found.num_frames, found.damage, found.status) == (num_frames, '', 'warning')
    assert 'decord gives other frames' in found.elsewhere


def test_hmdb51_is_wrong_by_index_and_ucf101_is_right(shared):
    clips = shared / 'data/clips'
    hmdb51 = check_video(str(next((clips / 'hmdb51').glob('Golf*'))))
    assert hmdb51.num_frames == 89 and 'decord says 90 frames; decord gives other frames' in hmdb51.elsewhere
    assert check_video(str(clips / 'ucf101/v_BenchPress_g01_c01.avi')).elsewhere == ''


@pytest.mark.parametrize('name', ['av1.mp4', 'animation.gif', 'recorded_without_duration.webm'])
def test_what_decord_cannot_open_is_whole_and_said(name, shared):
    found = check_video(str(shared / 'cases/videos' / name))
    assert found.damage == '' and 'cannot be opened by decord' in found.elsewhere


def test_damage_is_said_with_its_place_and_the_frames_before_it(shared):
    found = check_video(str(shared / 'cases/videos/last_third_destroyed.mp4'))
    assert found.status == 'failed' and 50 < found.num_frames < 67
    assert f'damaged from frame {found.num_frames} (about {found.num_frames / 25:.1f} s) on' in found.damage


def test_a_file_that_ends_early_is_cut_off(make_video, tmp_path):
    whole = make_video(tmp_path / 'a.mp4', 40, options=('-movflags', 'faststart', '-g', '1')).read_bytes()
    (tmp_path / 'a.mp4').write_bytes(whole[: len(whole) * 3 // 4])
    found = check_video(str(tmp_path / 'a.mp4'))
    assert 'cut off' in found.damage or 'damaged from' in found.damage
    assert 20 < found.num_frames < 40


def test_frames_that_an_edit_list_hides_are_not_missing(shared):
    found = check_video(str(shared / 'cases/frames/cut_copy.mp4'))  # holds 150 packets, shows 111
    assert (found.num_frames, found.damage) == (111, '')


def test_a_mirrored_file_is_not_shown_right_by_decord(make_video, maker, tmp_path):
    make_video(tmp_path / 'plain.mp4', 10)
    call(
        maker,
        '-display_rotation',
        '0',
        '-display_hflip',
        '-i',
        str(tmp_path / 'plain.mp4'),
        '-c',
        'copy',
        str(tmp_path / 'a.mp4'),
    )
    assert 'turn or mirror' in check_video(str(tmp_path / 'a.mp4')).elsewhere
    assert check_video(str(tmp_path / 'plain.mp4')).elsewhere == ''


def test_the_command_tells_of_each_video_and_writes_nothing_among_them(prepare, make_video, shared, tmp_path):
    videos = tmp_path / 'videos'
    make_video(videos / 'run/good.mp4', 12)
    shutil.copy(shared / 'cases/frames/h264_opengop.mp4', videos / 'run/wrong.mp4')
    (videos / 'broken.avi').write_bytes(b'\x8f' * 999)
    (videos / 'notes.txt').write_text('no video')
    before = sorted(videos.rglob('*'))
    report = tmp_path / 'not yet there/report.tsv'
    status, printed = prepare('check', '--videos', videos, '--report', report, '-j', 2)
    assert status == 1 and printed.splitlines()[0] == '1 of 3 videos are damaged or cannot be read'
    assert '1 of 3 videos are read wrong' in printed
    assert '2 done (1 with a warning), 0 already there, 1 failed' in printed
    lines = {line.split('\t')[1].removeprefix(f'{videos}/'): line for line in report.read_text().splitlines()[1:]}
    assert lines['run/good.mp4'].startswith('done') and lines['run/good.mp4'].endswith('\t12 frames')
    assert lines['run/wrong.mp4'].startswith('warning') and '150 frames; decord gives other' in lines['run/wrong.mp4']
    assert lines['broken.avi'].startswith('failed') and 'cannot be opened' in lines['broken.avi']
    assert sorted(videos.rglob('*')) == before


def test_wrong_use_of_the_check_is_said(prepare, tmp_path):
    for arguments in (
        (),
        (tmp_path, '--videos', tmp_path),
        ('--videos', tmp_path, '--every-frame'),
        ('--videos', tmp_path),
        ('--videos', tmp_path, '--report', tmp_path),
    ):
        assert prepare('check', *arguments)[0] == 2


def answer(item: str) -> str:
    """What the calls of the next tests do; at the top of a module, to be found by other processes."""
    if item == 'dies':
        os.kill(os.getpid(), 11)
    if item == 'hangs':
        time.sleep(60)
    return item.upper()


def test_a_decoder_that_dies_or_hangs_is_one_failure_and_the_next_video_is_checked():
    calls = IsolatedCalls(answer, time_limit_seconds=30)
    try:
        assert calls('good') == 'GOOD'
        with pytest.raises(CallFailed, match='crashes on it'):
            calls('dies')
        assert calls('good') == 'GOOD'
        calls.time_limit_seconds = 0.3
        with pytest.raises(CallFailed, match='not done after 0.3 s'):
            calls('hangs')
    finally:
        calls.stop()
    with pytest.raises(CallFailed):
        calls('good')


def test_a_video_of_two_sizes_is_found_before_training_finds_it(tmp_path):
    parts = []
    for width in (64, 96):
        with av.open(str(tmp_path / 'part.ts'), 'w') as part:
            stream = part.add_stream('mpeg2video', rate=25)
            stream.width, stream.height, stream.pix_fmt = width, 48, 'yuv420p'
            for _ in range(3):
                part.mux(stream.encode(av.VideoFrame(width, 48, 'yuv420p')))
            part.mux(stream.encode())
        parts.append((tmp_path / 'part.ts').read_bytes())
    (tmp_path / 'two.ts').write_bytes(b''.join(parts))
    found = check_video(str(tmp_path / 'two.ts'))
    assert found.status == 'failed' and 'changes its size from 64 x 48 to 96 x 48' in found.damage
