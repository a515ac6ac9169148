"""What counts as a video, and what is looked into."""

import pytest

from kdtoolbox.datasets import FolderDataset
from kdtoolbox.preparation.layouts import class_videos
from kdtoolbox.video_files import find_files, is_video

NAMES = ['a.mp4', 'b.MOV', 'c', 'd.jpg', 'e.txt', 'Thumbs.db', '.DS_Store', '._a.mp4', 'f.mts', 'g.mp4.part', 'h.JSON']


def test_training_and_preparation_take_the_same_files_for_videos(tmp_path):
    (tmp_path / 'run').mkdir()
    for folder in ('run', '.Trash-1000', '@eaDir', '.kdtoolbox'):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in NAMES:
            (tmp_path / folder / name).write_bytes(b'video')
    trained_on = FolderDataset(data_root=tmp_path, pipeline=[])
    prepared = class_videos(tmp_path).jobs
    expected = ['run/a.mp4', 'run/b.MOV', 'run/f.mts']
    assert [trained_on.get_data_info(index)['sample_id'] for index in range(len(trained_on))] == expected
    assert [job.video.relative_to(tmp_path).as_posix() for job in prepared] == expected


def test_a_loop_of_links_between_folders_ends(tmp_path):
    for name in ('one', 'two'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'v.avi').touch()
    (tmp_path / 'one/to_two').symlink_to(tmp_path / 'two')
    (tmp_path / 'two/to_one').symlink_to(tmp_path / 'one')
    (tmp_path / 'lost').symlink_to(tmp_path / 'nowhere')
    assert find_files(tmp_path, is_video) == ['one/v.avi', 'two/v.avi']


def test_a_root_may_be_hidden_or_a_link_or_not_there(tmp_path):
    (tmp_path / '.data').mkdir()
    (tmp_path / '.data/v.avi').touch()
    (tmp_path / 'link').symlink_to(tmp_path / '.data')
    for root in ('.data', 'link'):
        assert find_files(tmp_path / root, is_video) == ['v.avi']
    assert find_files(tmp_path / 'nowhere', is_video) == []


def test_a_folder_that_may_not_be_read_is_an_error_and_not_an_empty_one(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(folder)

    monkeypatch.setattr('os.scandir', refuse)
    with pytest.raises(ValueError, match='may not be read'):
        find_files(tmp_path, is_video)
