"""Which class each video of a folder has, which are held out, and which copy stays."""

import json

import pytest

from kdtoolbox.recipes.survey import _copies
from kdtoolbox.recipes.video_labels import label_videos


@pytest.mark.parametrize(
    'names, labels',
    [
        (['run/a.mp4', 'run/b.mp4', 'sit/c.mp4', 'sit/d.mp4'], ['run', 'run', 'sit', 'sit']),
        (['x/run/a.mp4', 'x/run/b.mp4', 'x/sit/deep/c.mp4', 'x/sit/d.mp4'], ['run', 'run', 'sit', 'sit']),
        (['run/a.mp4', 'run/b.mp4', 'sit/c.mp4', 'sit/d.mp4', 'e.mp4'], ['run', 'run', 'sit', 'sit', None]),
        (['run/a.mp4', 'run/b.mp4', 'sit/c.mp4', 'sit/d.mp4', 'unlabelled/e.mp4'], ['run', 'run', 'sit', 'sit', None]),
        (['a/1.mp4', 'b/2.mp4', 'c/3.mp4'], [None] * 3),  # a folder for each video
        (['a/1.mp4', 'a/2.mp4'], [None] * 2),
        (['1.mp4', '2.mp4'], [None] * 2),
    ],
)
def test_class_folders_are_recognised_and_other_folders_are_not(names, labels):
    assert list(label_videos(names).labels.values()) == labels


def test_train_and_test_folders_are_subsets_and_the_folders_in_them_classes():
    names = [f'{subset}/{label}/{n}.mp4' for subset in ('train', 'test') for label in ('run', 'sit') for n in range(3)]
    videos = label_videos(names)
    assert videos.classes == ['run', 'sit'] and videos.names('validation') == names[6:]
    beside = label_videos([*names, 'unlabelled/a.mp4', 'b.mp4'])
    assert beside.classes == ['run', 'sit'] and beside.names('validation') == names[6:]
    assert beside.labels['unlabelled/a.mp4'] is beside.labels['b.mp4'] is None
    flat = label_videos([f'{subset}/{n}.mp4' for subset in ('train', 'test') for n in range(3)])
    assert not flat.classes and flat.names('validation') == ['test/0.mp4', 'test/1.mp4', 'test/2.mp4']


def test_without_labels_a_tenth_is_held_out_and_recordings_are_not_divided():
    names = [f'g{group}_{n}.mp4' for group in range(10) for n in range(4)]
    held_out = label_videos(names, group_separator='_').names('validation')
    assert len(held_out) == 4 and len({name.partition('_')[0] for name in held_out}) == 1
    assert len(label_videos(names).names('validation')) == 4
    with pytest.raises(ValueError, match="a.mp4 has no '_' after its group"):
        label_videos([*names, 'a.mp4'], group_separator='_')


def test_of_two_copies_that_in_a_class_folder_stays(tmp_path):
    for name in ('unsorted/a.avi', 'z/b.avi', 'c.avi'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'a video')
    assert _copies(tmp_path, ['c.avi', 'unsorted/a.avi', 'z/b.avi']) == {
        'c.avi': 'z/b.avi',
        'unsorted/a.avi': 'z/b.avi',
    }


def test_a_fifth_of_each_class_is_held_out_and_recordings_are_not_divided():
    names = [f'{label}/g{group}_{n}.mp4' for label in ('run', 'sit') for group in range(10) for n in range(2)]
    videos = label_videos(names, group_separator='_')
    held_out = videos.names('validation')
    assert len(held_out) == 8 and {name.split('/')[0] for name in held_out} == {'run', 'sit'}
    groups = {
        subset: {name.rpartition('_')[0] for name in videos.names(subset)} for subset in ('training', 'validation')
    }
    assert not groups['training'] & groups['validation']
    assert label_videos(names[::-1]).subsets == label_videos(names).subsets | {}


@pytest.mark.parametrize(
    'content, message',
    [
        ({'database': {'other/a': {'subset': 'training', 'annotations': {'label': 'a'}}}}, 'names none of the videos'),
        ({}, 'is not ActivityNet-style JSON'),
    ],
)
def test_labels_that_do_not_fit_are_said(tmp_path, content, message):
    (tmp_path / 'split.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        label_videos(['run/a.mp4'], labels=str(tmp_path / 'split.json'))
    with pytest.raises(ValueError, match='expected a folder for each class'):
        label_videos(['a.mp4'], labels='folders')
    assert label_videos(['a/1.mp4', 'b/2.mp4'], labels='folders').classes == ['a', 'b']
    with pytest.raises(ValueError, match='expected auto, folders, none, or a JSON file'):
        label_videos(['a.mp4'], labels='colours')
