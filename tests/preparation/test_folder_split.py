"""Splits of one's own folders: shares, groups, seeds."""

import json
import random
import time
from collections import Counter

import pytest

from kdtoolbox.datasets import FolderDataset
from kdtoolbox.preparation.folder_split import folder_annotations, training_only_classes


def validation_counts(annotations: dict) -> Counter:
    return Counter(
        entry['annotations']['label'] for entry in annotations['database'].values() if entry['subset'] == 'validation'
    )


def names(**num_videos: int) -> list[str]:
    return [f'{label}/{number:03d}' for label, number_of in num_videos.items() for number in range(number_of)]


def test_every_class_gives_its_share():
    annotations = folder_annotations(names(run=50, sit=10, jump=5), validation_share=0.2)
    assert validation_counts(annotations) == {'run': 10, 'sit': 2, 'jump': 1}
    assert annotations['labels'] == ['jump', 'run', 'sit']
    assert annotations['database']['sit/000']['annotations'] == {'label': 'sit'}


def test_stems_may_repeat_in_other_classes():
    assert len(folder_annotations(['run/1', 'run/2', 'sit/1', 'sit/2'])['database']) == 4


def test_the_split_depends_on_the_seed_and_not_on_the_order():
    videos = names(run=20, sit=20)
    shuffled = random.Random(1).sample(videos, len(videos))
    assert json.dumps(folder_annotations(videos, seed=3)) == json.dumps(folder_annotations(shuffled, seed=3))
    assert folder_annotations(videos, seed=3) != folder_annotations(videos, seed=4)


@pytest.mark.parametrize('seed', range(20))
def test_a_group_is_never_divided_not_even_across_classes(seed):
    rng = random.Random(seed)
    videos = sorted({f'{rng.choice(["run", "sit", "jump"])}/game{rng.randrange(30)}_{clip}' for clip in range(300)})
    annotations = folder_annotations(videos, validation_share=0.2, seed=seed, group_separator='_')
    subsets = {}
    for key, entry in annotations['database'].items():
        subsets.setdefault(key.split('/')[1].split('_')[0], set()).add(entry['subset'])
    assert all(len(found) == 1 for found in subsets.values())
    totals = Counter(video.split('/')[0] for video in videos)
    for label, number in validation_counts(annotations).items():
        assert 0 < number < totals[label]
        assert abs(number / totals[label] - 0.2) < 0.13  # as near as groups of about ten allow


def test_groups_of_the_real_ucf101_names_stay_together(shared):
    videos = [f'{file.parent.name}/{file.stem}' for file in (shared / 'data/ucf101_subset').glob('*/*.avi')]
    annotations = folder_annotations(videos, group_separator='_c')
    runs = {
        subset: {key.rsplit('_c', 1)[0] for key, entry in annotations['database'].items() if entry['subset'] == subset}
        for subset in ('training', 'validation')
    }
    assert runs['training'] and not runs['training'] & runs['validation']
    assert all(6 <= number <= 7 for number in validation_counts(annotations).values())  # 0.2 of 36, groups of two


def test_a_class_of_two_has_one_on_each_side_and_a_class_of_one_is_for_training():
    annotations = folder_annotations(names(run=2, sit=1), validation_share=0.01)
    assert validation_counts(annotations) == {'run': 1}
    assert training_only_classes(annotations) == ['sit']


@pytest.mark.parametrize('seed', range(6))
def test_one_large_group_and_one_small_gives_the_small_one_to_validation(seed):
    videos = ['run/long_1', 'run/long_2', 'run/long_3', 'run/short_1', 'run/short_2']
    annotations = folder_annotations(videos, validation_share=0.2, seed=seed, group_separator='_')
    assert {key for key, entry in annotations['database'].items() if entry['subset'] == 'validation'} == {
        'run/short_1',
        'run/short_2',
    }


@pytest.mark.parametrize(
    'videos, options, message',
    [
        (['run/a'], {}, 'can be used for validation'),
        (['run/a', 'run/b'], {'validation_share': 1.0}, 'between 0 and 1'),
        (['run/a', 'run/b_1'], {'group_separator': '_'}, "run/a has no '_'"),
        (['run/v_1', 'run/v_2'], {'group_separator': '_'}, 'smaller groups'),
    ],
)
def test_what_cannot_be_split_is_said(videos, options, message):
    with pytest.raises(ValueError, match=message):
        folder_annotations(videos, **options)


def test_the_command_writes_the_split_beside_the_classes(prepare, tmp_path):
    for name in names(run=5, sit=5):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f'{name}.mp4').write_bytes(b'video')
    status, printed = prepare('folder', tmp_path, '--validation-share', 0.4, '--seed', 1)
    assert status == 0 and '2 classes, 6 training, 4 validation' in printed
    assert json.loads((tmp_path / 'split.json').read_text()) == folder_annotations(
        names(run=5, sit=5), validation_share=0.4, seed=1
    )
    assert prepare('folder', tmp_path, '--out', tmp_path / 'again.json')[0] == 0  # the first file is not a video


def test_a_hundred_thousand_videos_are_split_in_seconds():
    """Were each looked for among those already chosen, it would take minutes."""
    videos = [f'class{number % 400:03}/video{number:06}' for number in range(120_000)]
    start = time.process_time()
    annotations = folder_annotations(videos)
    assert time.process_time() - start < 20
    assert sum(validation_counts(annotations).values()) == 24_000


def test_the_command_takes_videos_only_and_says_what_it_leaves_out(prepare, tmp_path):
    for name in (
        'run/a.mp4',
        'run/b.mp4',
        'run/a.jpg',
        'run/Thumbs.db',
        'run/no_suffix',
        'run/half.mp4.part',
        'run/day 1/deep.mp4',
        '__pycache__/x.pyc',
        '.Trash-1000/t.mp4',
        'run/.thumbs/a.mp4',
        'stray.mp4',
        'README.txt',
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'video')
    status, printed = prepare('folder', tmp_path)
    content = json.loads((tmp_path / 'split.json').read_text())
    assert status == 0 and content['labels'] == ['run'] and sorted(content['database']) == ['run/a', 'run/b']
    assert '7 left out' in printed and 'run/day 1: a folder in a class folder' in printed
    assert 'run/half.mp4.part: an unfinished download' in printed and 'stray.mp4: a file beside' in printed
    for name in ('run/a.jpg', 'run/Thumbs.db', 'run/no_suffix'):
        assert f'{name}: no video: its name ends in none of .avi' in printed
    assert 'README' not in printed and '.thumbs' not in printed


def test_what_the_command_splits_is_what_training_finds(prepare, tmp_path):
    for name in ('run/a.mp4', 'run/b.mp4', 'run/c', 'run/d.jpg', '.thumbs/e.mp4'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'video')
    assert prepare('folder', tmp_path, '--validation-share', 0.5)[0] == 0
    found = [
        FolderDataset(data_root=tmp_path, ann_file=str(tmp_path / 'split.json'), subset=subset, pipeline=[])
        for subset in ('training', 'validation')
    ]
    ids = [dataset.get_data_info(index)['sample_id'] for dataset in found for index in range(len(dataset))]
    assert sorted(ids) == ['run/a.mp4', 'run/b.mp4'] and not any(dataset.missing for dataset in found)


def test_the_command_refuses_two_files_of_one_name(prepare, tmp_path):
    (tmp_path / 'run').mkdir()
    for name in ('a.mp4', 'a.avi', 'b.avi'):
        (tmp_path / 'run' / name).touch()
    status, printed = prepare('folder', tmp_path)
    assert status == 2 and 'would share' in printed and not (tmp_path / 'split.json').exists()


def test_videos_that_cannot_be_read_are_left_out_and_named_when_asked_to_open_them(prepare, make_video, tmp_path):
    for name in ('run/0', 'run/1', 'sit/0', 'sit/1'):
        make_video(tmp_path / f'{name}.mp4')
    (tmp_path / 'run/broken.mp4').write_bytes(b'not a video')
    (tmp_path / '__pycache__').mkdir()
    (tmp_path / '__pycache__/a.pyc').write_bytes(b'x')
    for options, num_run in ([], 3), (['--open', '--jobs', 2], 2):
        status, printed = prepare('folder', tmp_path, *options)
        database = json.loads((tmp_path / 'split.json').read_text())
        labels = Counter(entry['annotations']['label'] for entry in database['database'].values())
        assert status == 0 and database['labels'] == ['run', 'sit'] and labels == {'run': num_run, 'sit': 2}
    assert '2 left out, among them' in printed and f'{tmp_path}/run/broken.mp4' in printed
    (tmp_path / 'alone/run').mkdir(parents=True)
    (tmp_path / 'run/broken.mp4').rename(tmp_path / 'alone/run/broken.mp4')
    status, printed = prepare('folder', tmp_path / 'alone', '--open')
    assert status == 2 and 'none of the 1 videos' in printed and 'broken.mp4' in printed


def test_a_place_for_the_split_is_made_or_refused_before_the_videos_are_opened(prepare, make_video, tmp_path):
    for name in ('run/0', 'run/1'):
        make_video(tmp_path / f'videos/{name}.mp4')
    assert prepare('folder', tmp_path / 'videos', '--out', tmp_path / 'new/folder/split.json')[0] == 0
    assert (tmp_path / 'new/folder/split.json').is_file()
    status, printed = prepare('folder', tmp_path / 'videos', '--open', '--out', tmp_path)
    assert status == 2 and f'{tmp_path} cannot be written: it is a folder' in printed and printed.count('\n') == 1
