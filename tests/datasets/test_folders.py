import pytest
from mmengine.dataset import ConcatDataset

from kdtoolbox.datasets.folders import FolderDataset, UnlabelledFolderDataset
from tests.datasets.conftest import PIPELINE, write_frames


def _samples(dataset):
    return [(info['sample_id'], info['label']) for info in map(dataset.get_data_info, range(len(dataset)))]


def test_class_folders_are_the_labels_however_deep_the_videos_lie(folder_of_videos):
    root = folder_of_videos('run/x.avi', 'jump/day 1/y.avi', 'jump/é "q".avi')
    (root / 'jump/notes.txt').write_text('not a video')
    dataset = FolderDataset(data_root=root, pipeline=PIPELINE)
    assert _samples(dataset) == [('jump/day 1/y.avi', 0), ('jump/é "q".avi', 0), ('run/x.avi', 1)]
    assert dataset.metainfo['classes'] == ['jump', 'run']
    assert [sample['inputs'].shape for sample in dataset] == [(1, 3, 4, 32, 48)] * 3


def test_videos_of_one_stem_are_all_used(folder_of_videos):
    root = folder_of_videos('run/x.avi', 'run/x.mp4.avi')
    (root / 'run/x.mp4.avi').rename(root / 'run/x.mp4')
    assert [sample_id for sample_id, _ in _samples(FolderDataset(data_root=root, pipeline=PIPELINE))] == [
        'run/x.avi', 'run/x.mp4']


def test_a_video_outside_of_the_class_folders_is_refused(folder_of_videos):
    with pytest.raises(ValueError, match='outside of class folders, y.avi'):
        FolderDataset(data_root=folder_of_videos('run/x.avi', 'y.avi'), pipeline=PIPELINE)


def test_a_list_chooses_from_the_folders(tmp_path, folder_of_videos):
    root = folder_of_videos('run/x.avi', 'run/y.avi', 'jump/z.avi')
    (tmp_path / 'train.txt').write_text('run/y.avi\njump/z.avi\n')
    dataset = FolderDataset(data_root=root, ann_file=str(tmp_path / 'train.txt'), pipeline=PIPELINE)
    assert _samples(dataset) == [('run/y.avi', 1), ('jump/z.avi', 0)]


def test_real_class_folders_are_read(shared):
    dataset = FolderDataset(data_root=shared / 'data/weizmann', pipeline=PIPELINE)
    assert len(dataset) == 90 and dataset.num_classes == 10


def test_unlabelled_videos_are_found_in_any_tree(folder_of_videos):
    dataset = UnlabelledFolderDataset(data_root=folder_of_videos('x.avi', 'some/where/y.avi'), pipeline=PIPELINE)
    assert _samples(dataset) == [('some/where/y.avi', -1), ('x.avi', -1)]
    assert dataset[0]['data_samples'].gt_labels.item.item() == -1


def test_frame_folders_are_found_in_any_tree(tmp_path):
    write_frames(tmp_path / 'some/where/y', 5)
    write_frames(tmp_path / 'x', 6)
    dataset = UnlabelledFolderDataset(data_root=tmp_path, pipeline=PIPELINE, frames=True)
    assert [(sample['data_samples'].sample_id, sample['data_samples'].total_frames) for sample in dataset] == [
        ('some/where/y', 5), ('x', 6)]


def test_unlabelled_and_labelled_videos_concatenate(folder_of_videos):
    labelled = FolderDataset(data_root=folder_of_videos('run/x.avi', below='labelled'), pipeline=PIPELINE)
    unlabelled = UnlabelledFolderDataset(data_root=folder_of_videos('y.avi', below='unlabelled'), pipeline=PIPELINE,
                                         metainfo=dict(classes=['run']))
    both = ConcatDataset([labelled, unlabelled])
    assert [sample['data_samples'].gt_labels.item.item() for sample in both] == [0, -1]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="subset 'training' of .* is empty"):
        UnlabelledFolderDataset(data_root=tmp_path, pipeline=PIPELINE)
