"""Files that are no good videos, or are in odd places: right, or one line in words a user has."""

import shutil

import av
import numpy as np
import pytest

from kdtoolbox.datasets import FolderDataset
from kdtoolbox.datasets.transforms import DecodeClip, DecodeError, OpenVideo
from tests.datasets.conftest import PIPELINE, write_video
from tests.odd_files import NO_FILES


def decode(path, number=0):
    return DecodeClip()(OpenVideo()(dict(filename=str(path))) | dict(frame_inds=np.array([number])))


@pytest.mark.parametrize(
    'make, words',
    [
        *zip(NO_FILES, ('No such file', 'it is a folder', 'it is no file', 'No such file', 'symbolic links')),
        (lambda file: file.touch(), 'Invalid data'),
        (lambda file: file.write_text('<html>'), 'cannot be opened: .* It is an HTML page'),
        (lambda file: file.write_text('version https://git-lfs.github.com/spec/v1\n'), 'git lfs pull'),
        (lambda file: file.write_text('ffconcat version 1.0\nfile /etc/passwd\n'), 'It is a text file'),
        (
            lambda file: file.write_text('#EXTM3U\n#EXTINF:1,\nhttp://localhost:1/a.ts\n'),
            'cannot be opened|is not a video',
        ),
    ],
)
def test_what_is_no_video_is_one_line_that_names_it(make, words, tmp_path):
    make(tmp_path / 'x.avi')
    with pytest.raises(DecodeError, match=words) as refused:
        decode(tmp_path / 'x.avi')
    assert str(tmp_path / 'x.avi') in str(refused.value) and '\n' not in str(refused.value)


@pytest.mark.parametrize(
    'name', ['a b.avi', 'ä\u2028.avi', '-i.avi', '%05d.avi', 'a:b.avi', 'x' * 240 + '.avi', 'é́.avi', "'.avi"]
)
def test_names_do_not_matter(name, tmp_path):
    write_video(tmp_path / 'plain.avi')
    (tmp_path / 'plain.avi').rename(tmp_path / name)
    assert len(decode(tmp_path / name)['imgs']) == 1


def test_a_link_to_a_video_is_the_video(tmp_path):
    write_video(tmp_path / 'real/a.avi')
    (tmp_path / 'videos/run').mkdir(parents=True)
    (tmp_path / 'videos/run/a.avi').symlink_to(tmp_path / 'real/a.avi')
    dataset = FolderDataset(data_root=tmp_path / 'videos', pipeline=PIPELINE)
    assert dataset[0]['data_samples'].sample_id == 'run/a.avi'


def test_a_video_that_vanishes_or_is_cut_while_training_is_replaced(tmp_path):
    for name in 'abcdefgh':
        write_video(tmp_path / f'run/{name}.avi')
    dataset = FolderDataset(data_root=tmp_path, pipeline=PIPELINE)
    assert dataset[0]['data_samples'].sample_id == 'run/a.avi'
    (tmp_path / 'run/a.avi').unlink()
    assert dataset[0]['data_samples'].replaces == 'run/a.avi'
    with open(tmp_path / 'run/c.avi', 'r+b') as file:
        file.truncate(100)
    assert dataset[2]['data_samples'].replaces == 'run/c.avi'


def test_a_video_that_is_changed_while_training_has_the_frames_it_has_now(tmp_path):
    write_video(tmp_path / 'x.avi', num_frames=12)
    counts = np.zeros(1, np.int32)
    OpenVideo()(dict(filename=str(tmp_path / 'x.avi'), frame_counts=counts, video_number=0))
    write_video(tmp_path / 'x.avi', num_frames=4)
    opened = OpenVideo()(dict(filename=str(tmp_path / 'x.avi'), frame_counts=counts, video_number=0))
    assert opened['total_frames'] == 4
    assert len(DecodeClip()(opened | dict(frame_inds=np.array([3])))['imgs']) == 1


def test_a_file_without_any_stream_says_that_it_holds_nothing(tmp_path):
    (tmp_path / 'x.mp4').write_bytes(
        bytes.fromhex('00000014') + b'ftypisom' + bytes(4) + b'isom' + bytes.fromhex('00000074') + b'moov'
        + bytes.fromhex('0000006c') + b'mvhd' + bytes(12) + bytes.fromhex('000003e8') + bytes(84)
    )  # fmt: skip
    with pytest.raises(DecodeError, match=r'holds no moving picture, only: nothing'):
        decode(tmp_path / 'x.mp4')


@pytest.mark.parametrize(
    'name, num_frames',
    [
        ('av1.mp4', 50),
        ('recorded_without_duration.webm', 50),
        ('animation.gif', 20),
        ('sound_first.mp4', 25),
        ('large_2160p.mp4', 16),
    ],
)
def test_videos_as_sites_browsers_and_phones_make_them(name, num_frames, shared, tmp_path):
    shutil.copy(shared / 'cases/videos' / name, tmp_path / name)
    results = decode(tmp_path / name, num_frames - 1)
    assert results['total_frames'] == num_frames and len(results['imgs']) == 1


def test_a_video_whose_end_is_destroyed_says_from_where_in_what_coding_and_what_to_do(shared, tmp_path):
    shutil.copy(shared / 'cases/videos/last_third_destroyed.mp4', tmp_path / 'x.mp4')
    with pytest.raises(DecodeError, match=r'x\.mp4 is damaged from frame \d+ .* ffmpeg -i FILE .*\(it is h264 in mov'):
        decode(tmp_path / 'x.mp4', 99)
    assert len(decode(tmp_path / 'x.mp4', 3)['imgs']) == 1


def test_a_coding_that_gives_no_frame_is_named_with_the_command_that_mends(tmp_path):
    write_video(tmp_path / 'x.avi')
    with av.open(str(tmp_path / 'x.avi')) as container:
        first = next(packet for packet in container.demux(video=0) if packet.size)
        position = first.pos
    content = bytearray((tmp_path / 'x.avi').read_bytes())
    content[position:] = bytes(len(content) - position)
    (tmp_path / 'x.avi').write_bytes(content)
    with pytest.raises(DecodeError, match=r'no frame comes out of it \(mpeg4 in avi\)\. Encode it again: ffmpeg'):
        decode(tmp_path / 'x.avi')
