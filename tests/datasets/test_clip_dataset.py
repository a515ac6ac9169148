import random

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from kdtoolbox.datasets import ClipDataset, FolderDataset, UCF101Dataset
from kdtoolbox.datasets.fixed_part import fixed_part
from kdtoolbox.datasets.transforms import DecodeTimeout
from kdtoolbox.registry import DATASETS
from tests.datasets.conftest import PIPELINE, frame_numbers, write_frames, write_video

AUGMENTING = [
    *PIPELINE[:3],
    dict(type='MultiScaleCrop', input_size=32, scales=(1, 0.84, 0.71), max_wh_scale_gap=0),
    dict(type='Resize', scale=(24, 24), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    *PIPELINE[3:],
]


def _ids_and_labels(dataset):
    return {info['sample_id']: info['label'] for info in map(dataset.get_data_info, range(len(dataset)))}


class _Warnings:
    """Stands in for print_log."""

    def __init__(self, monkeypatch):
        self.texts = []
        monkeypatch.setattr('kdtoolbox.datasets.clip_dataset.print_log', lambda text, *_: self.texts.append(text))


# Missing videos and annotations


def test_missing_videos_are_counted_and_named_in_one_warning(tmp_path, twelve_videos, monkeypatch):
    warnings = _Warnings(monkeypatch)
    lines = [f'a/a{number}.avi' for number in range(4)] + ['a/lost.avi']
    (tmp_path / 'list.txt').write_text('\n'.join(lines))
    dataset = UCF101Dataset(
        data_root=twelve_videos, ann_file=tmp_path / 'list.txt', pipeline=PIPELINE, max_missing_share=0.2
    )
    assert len(dataset) == 4 and dataset.missing == ['a/lost.avi']
    assert len(warnings.texts) == 1 and '1 of 5 videos' in warnings.texts[0] and 'a/lost.avi' in warnings.texts[0]
    with pytest.raises(ValueError, match=r'1 of 5 videos .* max_missing_share \(now 0.1\)'):
        UCF101Dataset(data_root=twelve_videos, ann_file=tmp_path / 'list.txt', pipeline=PIPELINE)


def test_nothing_but_missing_videos_is_refused_whatever_the_share(tmp_path, twelve_videos):
    (tmp_path / 'list.txt').write_text('a/lost.avi\n')
    with pytest.raises(ValueError, match=r'1 of 1 videos .* Set data_root'):
        UCF101Dataset(data_root=twelve_videos, ann_file=tmp_path / 'list.txt', pipeline=PIPELINE, max_missing_share=1)


def test_a_frame_folder_without_its_count_is_missing(tmp_path):
    (tmp_path / 'a/a0').mkdir(parents=True)
    (tmp_path / 'list.txt').write_text('a/a0.avi\n')
    with pytest.raises(ValueError, match='1 of 1 frame folders with n_frames'):
        UCF101Dataset(data_root=tmp_path, ann_file=tmp_path / 'list.txt', pipeline=PIPELINE, frames=True)


@pytest.mark.parametrize('name', ['n_frames', 'fps'])
@pytest.mark.parametrize('text', ['two', 'nan', 'inf', '-25'])
def test_a_fact_of_frames_that_is_no_number_is_refused(tmp_path, name, text):
    (write_frames(tmp_path / 'a/a0', 2) / name).write_text(text)
    with pytest.raises(ValueError, match=f'{name} holds {text!r}: expected one number'):
        FolderDataset(data_root=tmp_path, pipeline=PIPELINE, frames=True)


def test_a_missing_annotation_file_is_refused_with_what_is_there(tmp_path):
    (tmp_path / 'splits').mkdir()
    with pytest.raises(ValueError, match=r'list.txt is not there; in .* there is: splits'):
        UCF101Dataset(data_root=tmp_path, ann_file=tmp_path / 'list.txt', pipeline=PIPELINE)


def test_an_empty_list_is_refused(tmp_path):
    (tmp_path / 'list.txt').write_text('\n')
    with pytest.raises(ValueError, match=r"subset 'training' of .*list.txt is empty"):
        UCF101Dataset(data_root=tmp_path, ann_file=tmp_path / 'list.txt', pipeline=PIPELINE)


def test_a_video_listed_twice_is_used_once_and_reported(tmp_path, twelve_videos, monkeypatch):
    warnings = _Warnings(monkeypatch)
    (tmp_path / 'list.txt').write_text('a/a0.avi\na/a1.avi\na/a0.avi\n')
    dataset = UCF101Dataset(data_root=twelve_videos, ann_file=tmp_path / 'list.txt', pipeline=PIPELINE)
    assert list(_ids_and_labels(dataset)) == ['a/a0.avi', 'a/a1.avi'] and 'lists 1 videos twice' in warnings.texts[0]


@pytest.mark.parametrize('number', [0, -1, 1.5, True])
def test_a_number_of_labels_that_is_none_is_refused(twelve_videos, number):
    with pytest.raises(ValueError, match=f'labels_per_class={number}: expected a whole number, 1 or more'):
        FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, labels_per_class=number)


def test_labels_of_a_class_that_has_none_are_refused(twelve_videos):
    with pytest.raises(ValueError, match="labels_per_class=2, but the class 'd' has only 0 labelled videos"):
        FolderDataset(
            data_root=twelve_videos, pipeline=PIPELINE, labels_per_class=2, metainfo=dict(classes=['a', 'b', 'c', 'd'])
        )


@pytest.mark.parametrize(
    'classes, complaint',
    [
        (['a', 'b', 'c', 'b'], "the class 'b' twice"),
        (['a', 'b', 'c', ''], "class called ''"),
        (['a', 'b', 'c', ' '], "class called ' '"),
        (['a', 'b', 'c', 4], 'class called 4'),
    ],
)
def test_classes_without_a_name_of_their_own_are_refused(twelve_videos, classes, complaint):
    with pytest.raises(ValueError, match=complaint):
        FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, metainfo=dict(classes=classes))


def test_the_classes_of_a_json_file_are_checked_alike(tmp_path, twelve_videos):
    (tmp_path / 'split.json').write_text(
        '{"labels": ["a", "a"], "database": {"a/a0": {"subset": "training", "annotations": {"label": "a"}}}}'
    )
    with pytest.raises(ValueError, match="the class 'a' twice among its 2 classes"):
        FolderDataset(data_root=twelve_videos, ann_file=str(tmp_path / 'split.json'), pipeline=PIPELINE)


def test_classes_that_differ_only_in_case_or_spaces_are_said(folder_of_videos, monkeypatch):
    told = []
    monkeypatch.setattr('kdtoolbox.datasets.labels.print_log', lambda text, *_: told.append(text))
    root = folder_of_videos('Run/x.avi', 'run/x.avi', 'run /x.avi', 'sit/x.avi')
    assert FolderDataset(data_root=root, pipeline=PIPELINE).num_classes == 4
    assert len(told) == 1 and "'Run', 'run', 'run ' differ only in case or spaces" in told[0]


def test_a_class_without_a_training_video_is_said(twelve_videos, monkeypatch):
    """As where labels from 1 to n are given n + 1 classes."""
    told = []
    monkeypatch.setattr('kdtoolbox.datasets.labels.print_log', lambda text, *_: told.append(text))
    options = dict(data_root=twelve_videos, pipeline=PIPELINE, metainfo=dict(classes=['none', 'a', 'b', 'c']))
    FolderDataset(subset='validation', **options)
    assert not told
    FolderDataset(**options)
    assert len(told) == 1 and '1 of the 4 classes' in told[0] and 'no training video, among them none' in told[0]


@pytest.mark.parametrize('option', [dict(subset='train'), dict(role='probe'), dict(unlabelled='hide')])
def test_an_unknown_choice_is_refused(twelve_videos, option):
    with pytest.raises(ValueError, match='expected one of'):
        FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, **option)


def test_annotations_of_another_form_are_refused(tmp_path, twelve_videos):
    (tmp_path / 'list.csv').touch()
    with pytest.raises(ValueError, match='UCF101Dataset cannot read its annotations from .*list.csv'):
        UCF101Dataset(data_root=twelve_videos, ann_file=tmp_path / 'list.csv', pipeline=PIPELINE)


# Roles and labels


def test_gallery_and_queries_concatenate_and_keep_their_roles(tmp_path, twelve_videos):
    (tmp_path / 'train.txt').write_text('a/a0.avi\nb/b0.avi\n')
    (tmp_path / 'test.txt').write_text('a/a1.avi\nb/b1.avi\n')
    dataset = DATASETS.build(
        dict(
            type='ConcatDataset',
            datasets=[
                dict(
                    type='UCF101Dataset',
                    data_root=str(twelve_videos),
                    ann_file=str(tmp_path / f'{name}.txt'),
                    pipeline=PIPELINE,
                    role=role,
                    test_mode=True,
                )
                for name, role in (('train', 'gallery'), ('test', 'query'))
            ],
        )
    )
    samples = [dataset[index]['data_samples'] for index in range(4)]
    assert [(sample.sample_id, sample.role) for sample in samples] == [
        ('a/a0.avi', 'gallery'),
        ('b/b0.avi', 'gallery'),
        ('a/a1.avi', 'query'),
        ('b/b1.avi', 'query'),
    ]


def test_labels_per_class_keeps_so_many_and_drops_the_rest(twelve_videos):
    few = _ids_and_labels(FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, labels_per_class=2, seed=1))
    assert sorted(few.values()) == [0, 0, 1, 1, 2, 2]
    more = _ids_and_labels(FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, labels_per_class=3, seed=1))
    assert few.keys() < more.keys()
    others = [
        _ids_and_labels(FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, labels_per_class=2, seed=seed))
        for seed in range(2, 6)
    ]
    assert any(other.keys() != few.keys() for other in others)


def test_the_unlabelled_rest_can_stay_without_labels(twelve_videos):
    options = dict(data_root=twelve_videos, pipeline=PIPELINE, labels_per_class=1)
    kept = _ids_and_labels(FolderDataset(unlabelled='keep', **options))
    assert len(kept) == 12 and sorted(kept.values()) == [-1] * 9 + [0, 1, 2]
    dropped = _ids_and_labels(FolderDataset(**options))
    assert dropped == {sample_id: label for sample_id, label in kept.items() if label != -1}


def test_more_labels_than_a_class_has_are_refused(twelve_videos):
    with pytest.raises(ValueError, match=r"labels_per_class=5, but the class 'a' has only 4"):
        FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, labels_per_class=5)


# Videos that do not decode


def test_a_broken_video_is_replaced_by_the_next_and_logged_once(twelve_videos, monkeypatch):
    warnings = _Warnings(monkeypatch)
    (twelve_videos / 'a/a3.avi').write_bytes(b'no video at all')
    dataset = FolderDataset(data_root=twelve_videos, pipeline=PIPELINE)
    for _ in range(2):
        sample = dataset[3]['data_samples']
        assert (sample.sample_id, sample.gt_labels.item.item(), sample.replaces) == ('b/b0.avi', 1, 'a/a3.avi')
    assert len(warnings.texts) == 1 and 'a/a3.avi' in warnings.texts[0] and dataset.state.num_bad == 1
    assert 'replaces' not in dataset[4]['data_samples'].metainfo


def test_a_real_corrupted_video_is_left_out_of_a_test(shared, twelve_videos):
    (twelve_videos / 'c/c9.mp4').write_bytes((shared / 'data/clips/decord/corrupted.mp4').read_bytes())
    clip_of_all_frames = [PIPELINE[0], dict(type='SampleClipsEvenly', clip_len=50, num_clips=1), *PIPELINE[2:]]
    dataset = FolderDataset(data_root=twelve_videos, pipeline=clip_of_all_frames, test_mode=True)
    sample = dataset[12]['data_samples']
    assert (sample.sample_id, sample.role, sample.gt_labels.item.item()) == ('c/c9.mp4', 'undecodable', -1)
    trained_on = FolderDataset(data_root=twelve_videos, pipeline=clip_of_all_frames)[12]['data_samples']
    assert (trained_on.sample_id, trained_on.role, trained_on.replaces) == ('a/a0.avi', 'query', 'c/c9.mp4')


def test_a_test_that_cannot_leave_a_broken_video_out_stops_and_names_it(twelve_videos):
    (twelve_videos / 'a/a3.avi').write_bytes(b'no video at all')
    dataset = FolderDataset(data_root=twelve_videos, pipeline=PIPELINE[:-1], test_mode=True)
    with pytest.raises(ValueError, match='a/a3.avi does not decode, .* without PackActionInputs'):
        dataset[3]


def test_a_packed_sample_knows_its_file(tmp_path, twelve_videos):
    write_frames(tmp_path / 'frames/a/a0', 5)
    for root, frames, name in ((twelve_videos, False, 'a/a0.avi'), (tmp_path / 'frames', True, 'a/a0')):
        dataset = FolderDataset(data_root=root, pipeline=PIPELINE, frames=frames)
        assert dataset[0]['data_samples'].file == str(root / name)


def test_too_many_broken_videos_stop_the_run(twelve_videos):
    for number in range(4):
        (twelve_videos / f'b/b{number}.avi').write_bytes(b'no video at all')
    dataset = FolderDataset(data_root=twelve_videos, pipeline=PIPELINE)
    with pytest.raises(ValueError, match=r'4 of the 12 videos .* max_bad_share=0.01 allows; the last: .*b3.avi'):
        dataset[4]
    assert FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, max_bad_share=0.34)[4]['data_samples'].replaces


def test_no_video_that_decodes_stops_the_run(folder_of_videos):
    root = folder_of_videos('a/a0.avi')
    (root / 'a/a0.avi').write_bytes(b'no video at all')
    with pytest.raises(ValueError, match='none of the 1 videos'):
        FolderDataset(data_root=root, pipeline=PIPELINE)[0]


def test_broken_videos_are_counted_across_workers(twelve_videos):
    for name in ('a/a0', 'b/b0', 'c/c0'):
        (twelve_videos / f'{name}.avi').write_bytes(b'no video at all')
    dataset = FolderDataset(data_root=twelve_videos, pipeline=PIPELINE)
    list(DataLoader(dataset, batch_size=2, num_workers=2, collate_fn=pseudo_collate))
    assert dataset.state.num_bad == 3


def test_a_mistake_in_the_pipeline_is_not_taken_for_a_broken_video(twelve_videos):
    def mistaken(results):
        return results['no such key']

    dataset = FolderDataset(data_root=twelve_videos, pipeline=[mistaken])
    with pytest.raises(KeyError, match='no such key'):
        dataset[0]


def test_a_video_that_hangs_is_not_tried_again(twelve_videos):
    tried = []

    def hanging(results):
        tried.append(results['sample_id'])
        if results['sample_id'] == 'a/a0.avi':
            raise DecodeTimeout('a/a0.avi', 60)
        return results

    dataset = FolderDataset(data_root=twelve_videos, pipeline=[hanging])
    assert [dataset[0]['sample_id'], dataset[0]['sample_id']] == ['a/a1.avi', 'a/a1.avi']
    assert tried == ['a/a0.avi', 'a/a1.avi', 'a/a1.avi']


# Determinism


def _batches(dataset: ClipDataset, num_workers: int, epochs: int = 2) -> list:
    loader = DataLoader(
        dataset, batch_size=5, num_workers=num_workers, collate_fn=pseudo_collate, persistent_workers=num_workers > 0
    )
    batches = []
    for epoch in range(epochs):
        dataset.set_epoch(epoch)
        batches.append(torch.cat([torch.cat(batch['inputs']) for batch in loader]))
    return batches


def test_any_number_of_workers_gives_the_same_samples_and_each_epoch_others(twelve_videos):
    (twelve_videos / 'b/b2.avi').write_bytes(b'no video at all')
    dataset = FolderDataset(data_root=twelve_videos, pipeline=AUGMENTING)
    alone = _batches(dataset, num_workers=0)
    together = _batches(FolderDataset(data_root=twelve_videos, pipeline=AUGMENTING), num_workers=2)
    assert torch.equal(alone[0], together[0]) and torch.equal(alone[1], together[1])
    assert not torch.equal(alone[0], alone[1])
    other_seed = FolderDataset(data_root=twelve_videos, pipeline=AUGMENTING, seed=1)
    assert not torch.equal(_batches(other_seed, num_workers=0, epochs=1)[0], alone[0])


def test_loading_leaves_the_random_state_of_the_caller_alone(twelve_videos):
    dataset = FolderDataset(data_root=twelve_videos, pipeline=AUGMENTING)

    def draw(load: bool):
        random.seed(3), np.random.seed(3), torch.manual_seed(3)
        if load:
            dataset[0]
        return random.random(), np.random.rand(), torch.rand(1).item()

    assert draw(load=True) == draw(load=False)


def test_a_copied_subset_counts_for_itself(twelve_videos):
    (twelve_videos / 'a/a1.avi').write_bytes(b'no video at all')
    dataset = FolderDataset(data_root=twelve_videos, pipeline=PIPELINE)
    subset = dataset.get_subset([1, 5])
    assert subset[0]['data_samples'].sample_id == 'b/b1.avi'
    assert (subset.state.num_bad, dataset.state.num_bad) == (1, 0)


def test_a_video_shorter_than_the_clip_loops(tmp_path):
    write_video(tmp_path / 'a/short.avi', num_frames=3)
    sample = FolderDataset(data_root=tmp_path, pipeline=PIPELINE)[0]
    assert frame_numbers(sample['inputs']) == [0, 1, 2, 0]


# A class that is missing whole


def test_a_class_whose_folder_was_renamed_is_an_error_though_few_videos_are_missing(tmp_path, twelve_videos):
    lines = [f'{label}/{label}{number}.avi' for label in 'abc' for number in range(4)] + ['walking/w0.avi']
    (tmp_path / 'list.txt').write_text('\n'.join(lines))
    options = dict(data_root=twelve_videos, ann_file=tmp_path / 'list.txt', pipeline=PIPELINE)
    with pytest.raises(ValueError, match='all videos of 1 classes .* are missing in .*: walking. Was a folder renamed'):
        UCF101Dataset(**options)  # 1 of 13 is below the tolerated tenth
    assert len(UCF101Dataset(**options, max_missing_share=1)) == 12


# A fixed part of the videos


def test_a_part_of_the_videos_is_the_same_for_every_seed_and_order(twelve_videos):
    parts = [FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, max_per_class=2, seed=seed) for seed in (0, 1)]
    assert [len(part) for part in parts] == [6, 6] and parts[0].num_available == 12
    assert _ids_and_labels(parts[0]) == _ids_and_labels(parts[1])
    assert sorted(_ids_and_labels(parts[0]).values()) == [0, 0, 1, 1, 2, 2]
    samples = [{'sample_id': f'a/{number}', 'label': number % 2} for number in range(20)]
    chosen = {sample['sample_id'] for sample in fixed_part(samples, 3)}
    assert {sample['sample_id'] for sample in fixed_part(samples[::-1], 3)} == chosen
    assert chosen < {sample['sample_id'] for sample in fixed_part(samples, 4)}


def test_a_part_with_few_labels_and_the_others_has_as_many_of_each_class(twelve_videos):
    options = dict(data_root=twelve_videos, pipeline=PIPELINE, max_per_class=3)
    whole, part = FolderDataset(**options), FolderDataset(**options, labels_per_class=1, unlabelled='keep')
    assert _ids_and_labels(part).keys() == _ids_and_labels(whole).keys() and len(part) == 9
    assert sorted(label for label in _ids_and_labels(part).values() if label >= 0) == [0, 1, 2]
    assert part.num_available == 12


def test_a_part_larger_than_a_class_is_all_of_it_and_none_is_refused(twelve_videos):
    assert len(FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, max_per_class=99)) == 12
    with pytest.raises(ValueError, match='max_per_class=0: expected a whole number, 1 or more'):
        FolderDataset(data_root=twelve_videos, pipeline=PIPELINE, max_per_class=0)
