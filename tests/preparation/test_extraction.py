"""One video to one folder: the right frames, or one line that says why not."""

import filecmp
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kdtoolbox.preparation.extraction import FrameOptions, extract_video
from kdtoolbox.preparation.ffmpeg import Ffmpeg
from kdtoolbox.preparation.frame_folders import frame_names, mark_complete
from kdtoolbox.preparation.layouts import VideoJob
from kdtoolbox.video import VideoReader
from tests.preparation.processes import call

REAL_CLIPS = ('decord', 'torchcodec', 'ucf101', 'kth')
HEIGHT_240 = FrameOptions(height=240)


@pytest.fixture
def extract(tmp_path, ffmpeg):
    def run(video: Path, options: FrameOptions = HEIGHT_240, *, with_ffmpeg: Ffmpeg = ffmpeg):
        parts = tmp_path / 'parts'
        parts.mkdir(exist_ok=True)
        return extract_video(VideoJob(video, 'video'), tmp_path / 'jpg', parts, ffmpeg=with_ffmpeg, options=options)

    return run


def sizes(folder: Path) -> set[tuple[int, int]]:
    return {Image.open(folder / name).size for name in frame_names(folder)}


def assert_same_frames(folder: Path, reference: Path, names: list[str]) -> None:
    assert frame_names(folder) == names != []
    for name in names:
        if not filecmp.cmp(folder / name, reference / name, shallow=False):
            ours, theirs = (np.asarray(Image.open(file / name), dtype=float) for file in (folder, reference))
            assert abs(ours - theirs).mean() < 1, name  # of 255; decoders conceal damage differently with more threads


@pytest.mark.parametrize('folder', REAL_CLIPS)
def test_frames_of_real_clips_equal_those_of_the_plain_command(
    folder, shared, extract, reference_frames, ffmpeg, tmp_path
):
    for video in sorted((shared / 'data/clips' / folder).iterdir()):
        names = reference_frames(video, tmp_path / video.stem)
        if ffmpeg.header(video)[0].has_jpeg_colours():
            assert_same_frames(extract(video).part, tmp_path / video.stem, names)
        else:  # the plain command's colours are wrong: test_colours
            assert frame_names(extract(video).part) == names


@pytest.mark.parametrize(
    'options, kind',
    [
        (('-vf', "select='not(mod(n,3))+lt(n,6)'", '-fps_mode', 'vfr'), 'variable rate'),
        (('-vf', 'crop=33:47'), 'odd size'),
        (('-pix_fmt', 'yuv420p', '-f', 'matroska'), 'other container'),
    ],
)
def test_frames_of_unusual_videos_equal_those_of_the_plain_command(
    options, kind, make_video, extract, reference_frames, tmp_path
):
    video = make_video(tmp_path / 'a.mp4', 12, options=options)
    assert_same_frames(extract(video).part, tmp_path / 'reference', reference_frames(video, tmp_path / 'reference'))


def test_a_rotated_video_gives_upright_frames(make_video, maker, extract, tmp_path):
    make_video(tmp_path / 'lying.mp4')
    source, rotated = str(tmp_path / 'lying.mp4'), str(tmp_path / 'up.mp4')
    call(maker, '-display_rotation', '90', '-i', source, '-c', 'copy', rotated)
    assert sizes(extract(tmp_path / 'up.mp4').part) == {(180, 240)}  # 48 x 64 upright


@pytest.mark.parametrize(
    'turn',
    [
        '-display_rotation 90',
        '-display_rotation 180',
        '-display_rotation 270',
        '-display_rotation 0 -display_hflip',
        '-display_rotation 0 -display_vflip',
        '-display_rotation 90 -display_hflip',
        '-display_rotation 270 -display_hflip',
    ],
)
def test_turned_and_mirrored_videos_look_as_in_training_from_the_video(turn, make_video, maker, extract, tmp_path):
    make_video(tmp_path / 'plain.mp4', options=('-vf', 'gblur=4'))
    call(maker, *turn.split(), '-i', str(tmp_path / 'plain.mp4'), '-c', 'copy', str(tmp_path / 'turned.mp4'))
    shown = VideoReader(tmp_path / 'turned.mp4').frames([2])[0].astype(float)
    packaged = Ffmpeg(maker, time_limit_seconds=60)  # ffmpeg 4 does not mirror
    part = extract(tmp_path / 'turned.mp4', FrameOptions(height=shown.shape[0], quality=2), with_ffmpeg=packaged).part
    jpeg = np.asarray(Image.open(part / 'image_00003.jpg'), dtype=float)
    assert jpeg.shape == shown.shape and abs(jpeg - shown).mean() < 5  # tens where it is turned otherwise


def test_ffmpeg_4_says_that_it_may_not_mirror(make_video, maker, extract, stand_in, tmp_path):
    make_video(tmp_path / 'plain.mp4')
    call(maker, '-display_rotation', '90', '-i', str(tmp_path / 'plain.mp4'), '-c', 'copy', str(tmp_path / 'a.mp4'))
    old = Ffmpeg(stand_in(f'exec "{maker}" "$@"', version='libavfilter 7. 40.101'), time_limit_seconds=60)
    assert 'not mirrored' in extract(tmp_path / 'a.mp4', with_ffmpeg=old).reason
    assert extract(tmp_path / 'plain.mp4', with_ffmpeg=old).reason == ''


@pytest.mark.parametrize(
    'options, size', [(FrameOptions(height=24), (32, 24)), (FrameOptions(short_side=12), (16, 12))]
)
def test_height_and_short_side_keep_the_aspect(options, size, make_video, extract, tmp_path):
    assert sizes(extract(make_video(tmp_path / 'a.avi'), options).part) == {size}


def test_short_side_of_an_upright_video_is_its_width(make_video, extract, tmp_path):
    video = make_video(tmp_path / 'a.avi', options=('-vf', 'scale=30:60'))
    assert sizes(extract(video, FrameOptions(short_side=10)).part) == {(10, 20)}


def test_resampling_to_half_the_rate_gives_half_the_frames(make_video, extract, tmp_path):
    video = make_video(tmp_path / 'a.avi', 20)
    assert len(frame_names(extract(video, FrameOptions(height=48, frames_per_second=5)).part)) == 10


def test_better_quality_gives_larger_files(make_video, extract, tmp_path):
    video = make_video(tmp_path / 'a.avi', 1)
    best, worst = (extract(video, FrameOptions(height=48, quality=quality)).part for quality in (2, 31))
    assert (best / 'image_00001.jpg').stat().st_size > 1.5 * (worst / 'image_00001.jpg').stat().st_size


@pytest.mark.parametrize(
    'values',
    [
        {},
        {'height': 1, 'short_side': 1},
        {'height': 0},
        {'height': 9, 'quality': 40},
        {'height': 9, 'frames_per_second': 0.0},
    ],
)
def test_options_ffmpeg_could_not_use_are_refused(values):
    with pytest.raises(ValueError, match='expected|one of them'):
        FrameOptions(**values)


@pytest.mark.parametrize(
    'name',
    [
        '-vf.avi',
        'it\'s "so" & so; $(x).avi',
        'день ü 動画.avi',
        '100%d %05d.avi',
        'http:x.avi',
        '.hidden.avi',
        'no_extension',
        'wrong_extension.txt',
        'two.dots.avi',
        os.fsdecode(b'latin-\xe9.avi'),
        'line\nbreak.avi',
    ],
)
def test_names_of_all_kinds_are_read(name, make_video, extract, tmp_path, monkeypatch):
    make_video(tmp_path / 'plain.avi', 3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    result = extract(Path(name))  # relative: a leading dash would be an option, a colon a protocol
    assert (result.status, len(frame_names(result.part))) == ('done', 3)


@pytest.mark.parametrize(
    'content, reason',
    [(b'', 'empty file'), (b'\x8f' * 999, 'Invalid data'), (b'hello, this is text\n' * 50, 'Invalid data')],
)
def test_files_that_are_no_videos_fail_with_a_reason(content, reason, extract, tmp_path):
    (tmp_path / 'a.avi').write_bytes(content)
    result = extract(tmp_path / 'a.avi')
    assert (result.status, result.part) == ('failed', None)
    assert reason in result.reason and '\n' not in result.reason
    assert list((tmp_path / 'parts').iterdir()) == []


@pytest.mark.parametrize(
    'name, arguments, reason',
    [
        ('a.m4a', ('-f', 'lavfi', '-i', 'sine=d=0.2'), 'no video stream: sound only'),
        (
            'a.mp3',
            (
                '-f',
                'lavfi',
                '-i',
                'sine=d=0.2',
                '-f',
                'lavfi',
                '-i',
                'testsrc=d=0.1:r=10',
                '-map',
                '0',
                '-map',
                '1',
                '-c:v',
                'mjpeg',
                '-frames:v',
                '1',
                '-disposition:v',
                'attached_pic',
            ),
            'no video stream',
        ),
        ('a.jpg', ('-f', 'lavfi', '-i', 'testsrc', '-frames:v', '1'), 'not a video'),
    ],
)
def test_sound_covers_and_pictures_fail_with_a_reason(name, arguments, reason, maker, extract, tmp_path):
    call(maker, *arguments, str(tmp_path / name))
    result = extract(tmp_path / name)
    assert result.status == 'failed' and reason in result.reason


def test_an_mp4_without_any_stream_is_said_to_hold_nothing(make_video, extract, tmp_path):
    whole = make_video(tmp_path / 'whole.mp4').read_bytes()
    (tmp_path / 'a.mp4').write_bytes(whole.replace(b'trak', b'free'))  # the header without its only track
    assert 'no video stream: it holds nothing' in extract(tmp_path / 'a.mp4').reason


def test_a_text_file_is_not_taken_for_a_video(extract, tmp_path):
    (tmp_path / 'README.txt').write_text('ffmpeg has a demuxer that draws text')
    assert extract(tmp_path / 'README.txt').status == 'failed'


def test_a_playlist_does_not_lead_to_other_files(make_video, extract, tmp_path):
    make_video(tmp_path / 'other.avi')
    (tmp_path / 'a.avi').write_text('ffconcat version 1.0\nfile other.avi\n')
    assert extract(tmp_path / 'a.avi').status == 'failed'


def test_a_video_whose_index_was_cut_off_fails(make_video, extract, tmp_path):
    whole = make_video(tmp_path / 'a.mp4', 20).read_bytes()
    (tmp_path / 'a.mp4').write_bytes(whole[: len(whole) // 2])
    result = extract(tmp_path / 'a.mp4')
    assert result.status == 'failed' and 'moov' in result.reason


def test_a_video_that_was_cut_off_keeps_its_frames_and_says_so(make_video, extract, reference_frames, tmp_path):
    whole = make_video(tmp_path / 'a.mkv', 40).read_bytes()
    (tmp_path / 'a.mkv').write_bytes(whole[: len(whole) // 2])
    result = extract(tmp_path / 'a.mkv')
    assert result.status == 'warning' and 'announces about 40' in result.reason
    assert frame_names(result.part) == reference_frames(tmp_path / 'a.mkv', tmp_path / 'reference')


def test_a_missing_video_fails_with_a_reason(extract, tmp_path):
    assert 'No such file' in extract(tmp_path / 'gone.avi').reason


def test_a_decoder_that_hangs_ends_at_the_time_limit(make_video, extract, stand_in, tmp_path):
    # The stand-in starts a process of its own, which must not be left behind.
    hanging = Ffmpeg(stand_in(f'sleep 60 & echo $! > {tmp_path}/child; wait'), time_limit_seconds=0.5)
    result = extract(make_video(tmp_path / 'a.avi'), with_ffmpeg=hanging)
    assert result.status == 'failed' and '0.5 s' in result.reason
    child = Path('/proc', (tmp_path / 'child').read_text().strip(), 'stat')
    assert not child.exists() or child.read_text().split()[2] == 'Z'


def test_a_frame_that_was_not_written_to_its_end_is_noticed(make_video, extract, stand_in, executable, tmp_path):
    # An older ffmpeg ends with 0 when the last bytes of a frame do not fit on the disk.
    script = f'"{executable}" "$@"; case "$*" in *image_*) : > image_00003.jpg;; esac'
    careless = Ffmpeg(stand_in(script), time_limit_seconds=60)
    result = extract(make_video(tmp_path / 'a.avi'), with_ffmpeg=careless)
    assert result.status == 'failed' and 'image_00003.jpg was not written to its end' in result.reason


def test_a_whole_folder_is_left_alone_and_one_that_lost_a_frame_is_not(make_video, extract, tmp_path):
    video, folder = make_video(tmp_path / 'a.avi', 3), tmp_path / 'jpg/video'
    folder.parent.mkdir()
    extract(video).part.rename(folder)
    assert extract(video).status == 'already there'
    (folder / 'image_00002.jpg').unlink()
    assert extract(video).status == 'done'


def test_a_folder_without_the_mark_or_of_another_video_is_not_taken_for_whole(make_video, extract, tmp_path):
    video, folder = make_video(tmp_path / 'a.avi', 3), tmp_path / 'jpg/video'
    folder.parent.mkdir()
    extract(video).part.rename(folder)
    mark_complete(folder, num_frames=3, video_bytes=video.stat().st_size + 1, warning='')
    assert extract(video).status == 'done'
    (folder / '.complete').unlink()
    assert extract(video).status == 'done'


def test_a_folder_with_files_of_someone_else_is_never_replaced(make_video, extract, tmp_path):
    notes = tmp_path / 'jpg/video/notes.txt'
    notes.parent.mkdir(parents=True)
    notes.write_text('mine')
    result = extract(make_video(tmp_path / 'a.avi'))
    assert result.status == 'failed' and 'notes.txt' in result.reason
