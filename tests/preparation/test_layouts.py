"""Where videos are looked for, and where their frames may go."""

import pytest

from kdtoolbox.preparation.extraction import FrameOptions
from kdtoolbox.preparation.frame_tree import Extraction
from kdtoolbox.preparation.layouts import VideoJob, VideoTree, annotated_videos, any_videos
from kdtoolbox.preparation.report import Report


@pytest.mark.parametrize('target', ['../outside', '/outside', 'run/../../outside', ''])
def test_a_target_outside_the_tree_is_refused_before_anything_is_written(target, tmp_path):
    tree = VideoTree([VideoJob(tmp_path / 'a.avi', target)], {}, {})
    with pytest.raises(ValueError, match='is not a place inside'):
        Extraction(tree, tmp_path / 'jpg', FrameOptions(height=48)).run(None, Report(), num_workers=1)
    assert not (tmp_path / 'jpg').exists()


def test_the_layout_is_read_from_where_the_files_lie(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'v_a.mp4').touch()
    (tmp_path / 'run/notes.txt').touch()
    assert [job.target for job in any_videos(tmp_path).jobs] == ['v_a']
    (tmp_path / 'run/b.mp4').touch()
    assert [job.target for job in any_videos(tmp_path).jobs] == ['run/b']
    (tmp_path / 'v_c.mp4').touch()  # most are beside the folder now
    assert [job.target for job in any_videos(tmp_path).jobs] == ['v_a', 'v_c']


def test_a_name_in_another_case_is_taken_only_where_there_is_no_exact_one(tmp_path):
    for stem in ('aBc', 'ABC', 'Def'):
        (tmp_path / f'{stem}.mp4').touch()
    tree = annotated_videos([tmp_path], {'aBc': 'run/aBc', 'deF': 'sit/deF'})
    assert {(job.video.stem, job.target) for job in tree.jobs} == {('Def', 'sit/deF'), ('aBc', 'run/aBc')}


def test_a_video_is_found_once_however_links_loop(tmp_path):
    (tmp_path / 'videos/run').mkdir(parents=True)
    (tmp_path / 'videos/run/a.mp4').touch()
    (tmp_path / 'videos/run/up').symlink_to(tmp_path / 'videos')
    (tmp_path / 'videos/again').symlink_to(tmp_path / 'videos/run')
    tree = annotated_videos([tmp_path / 'videos'], {'a': 'run/a'})
    assert [job.target for job in tree.jobs] == ['run/a'] and not tree.refused


def test_a_picture_or_text_of_the_stem_of_a_video_is_passed_over_and_no_second_video(tmp_path):
    for name in ('a.mp4', 'a.jpg', 'a.txt', 'b', 'other.txt'):
        (tmp_path / name).touch()
    tree = annotated_videos([tmp_path], {'a': 'run/a', 'b': 'run/b'})
    assert [job.video.name for job in tree.jobs] == ['a.mp4'] and not tree.refused
    assert sorted(path.name for path in tree.passed_over) == ['a.jpg', 'a.txt', 'b']
