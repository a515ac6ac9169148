"""Indexes of frames are written beside the videos, once, and used."""

import os

import pytest

from kdtoolbox.cli.main import main
from kdtoolbox.video import VideoReader
from kdtoolbox.video.frame_index import index_file, load_index
from tests.video.numbered_videos import KINDS, NUM_FRAMES, make_video


def make_tree(folder):
    """A class folder each with a video that is read from key frames, one that is read in order, and a broken one."""
    videos = {}
    for name in ('h264_mp4_open_gop', 'mpeg4_avi_b_frames'):
        (folder / name).mkdir(parents=True)
        videos[name] = make_video(KINDS[name], folder / name)
    (folder / 'broken').mkdir()
    (folder / 'broken/x.mp4').write_bytes(b'no video')
    return videos


def test_each_video_gets_its_index_and_a_broken_one_is_named(tmp_path, capsys):
    videos = make_tree(tmp_path / 'videos')
    assert main(['prepare', 'index', str(tmp_path / 'videos'), '--jobs', '2']) == 1
    assert '2 done, 0 already there, 1 failed' in capsys.readouterr().out
    assert 'broken/x.mp4' in (tmp_path / 'videos/.kdtoolbox/index_report.tsv').read_text()
    for video in videos.values():
        assert len(load_index(video)) == NUM_FRAMES
    assert main(['prepare', 'index', str(tmp_path / 'videos')]) == 1
    assert '0 done, 2 already there, 1 failed' in capsys.readouterr().out


def test_a_changed_video_is_indexed_anew(tmp_path):
    video = make_tree(tmp_path / 'videos')['mpeg4_avi_b_frames']
    main(['prepare', 'index', str(tmp_path / 'videos')])
    os.utime(video, ns=(1, 1))
    assert load_index(video) is None
    main(['prepare', 'index', str(tmp_path / 'videos')])
    assert len(load_index(video)) == NUM_FRAMES


def test_a_video_with_an_index_is_not_decoded_to_be_counted(tmp_path, monkeypatch):
    video = make_tree(tmp_path / 'videos')['mpeg4_avi_b_frames']
    main(['prepare', 'index', str(tmp_path / 'videos')])
    monkeypatch.setattr('kdtoolbox.video.reader.decode_whole', lambda *args, **kwargs: 1 / 0)
    assert len(VideoReader(video)) == NUM_FRAMES
    index_file(video).unlink()
    with pytest.raises(ZeroDivisionError):
        VideoReader(video)
