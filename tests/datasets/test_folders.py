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


def test_hidden_folders_are_no_classes(folder_of_videos):
    """A waste bin, previews, snapshots and what the preparation tools are at move no label."""
    names = [
        '.Trash-1000/files/a.avi',
        '.thumbs/a.avi',
        '.snapshot/day/run/x.avi',
        '.kdtoolbox/x.avi',
        '@eaDir/x.avi',
        '$RECYCLE.BIN/x.avi',
        'run/.thumbs/x.avi',
        'run/._x.avi',
    ]
    root = folder_of_videos('run/x.avi', 'sit/y.avi', *names)
    for dataset in (
        FolderDataset(data_root=root, pipeline=PIPELINE),
        UnlabelledFolderDataset(data_root=root, pipeline=PIPELINE),
    ):
        assert [sample_id for sample_id, _ in _samples(dataset)] == ['run/x.avi', 'sit/y.avi']
    assert FolderDataset(data_root=root, pipeline=PIPELINE).metainfo['classes'] == ['run', 'sit']


def test_hidden_folders_of_frames_are_no_classes(tmp_path):
    for name in ('run/x', '.kdtoolbox/y'):
        write_frames(tmp_path / name, 3)
    assert _samples(FolderDataset(data_root=tmp_path, pipeline=PIPELINE, frames=True)) == [('run/x', 0)]


def test_a_folder_is_visited_once_however_links_loop(tmp_path, folder_of_videos):
    root = folder_of_videos('run/x.avi')
    (root / 'run/up').symlink_to(root)
    (root / 'run/self').symlink_to('.')
    (root / 'again').symlink_to(root / 'run')  # before the folder itself in the alphabet
    assert _samples(FolderDataset(data_root=root, pipeline=PIPELINE)) == [('run/x.avi', 0)]


def test_class_folders_that_are_links_to_another_disk_are_followed(tmp_path, folder_of_videos):
    elsewhere = folder_of_videos('run/x.avi', below='disk')
    root = folder_of_videos('sit/y.avi')
    (root / 'run').symlink_to(elsewhere / 'run')
    assert _samples(FolderDataset(data_root=root, pipeline=PIPELINE)) == [('run/x.avi', 0), ('sit/y.avi', 1)]


def test_folders_without_a_video_are_said_to_be_no_classes(folder_of_videos, monkeypatch):
    told = []
    monkeypatch.setattr('kdtoolbox.datasets.folders.print_log', lambda text, *_: told.append(text))
    root = folder_of_videos('run/x.avi')
    (root / 'sit').mkdir()
    (root / 'jump').symlink_to(root / 'run')
    assert FolderDataset(data_root=root, pipeline=PIPELINE).metainfo['classes'] == ['run']
    assert len(told) == 1 and '2 folders hold no video of their own and are no classes: jump, sit' in told[0]


def test_videos_of_one_stem_are_all_used(folder_of_videos):
    root = folder_of_videos('run/x.avi', 'run/x.mp4.avi')
    (root / 'run/x.mp4.avi').rename(root / 'run/x.mp4')
    assert [sample_id for sample_id, _ in _samples(FolderDataset(data_root=root, pipeline=PIPELINE))] == [
        'run/x.avi',
        'run/x.mp4',
    ]


def test_a_video_outside_of_the_class_folders_is_refused(folder_of_videos):
    with pytest.raises(ValueError, match='outside of class folders, y.avi'):
        FolderDataset(data_root=folder_of_videos('run/x.avi', 'y.avi'), pipeline=PIPELINE)


def test_a_list_chooses_from_the_folders(tmp_path, folder_of_videos):
    root = folder_of_videos('run/x.avi', 'run/y.avi', 'jump/z.avi')
    (tmp_path / 'train.txt').write_text('run/y.avi\njump/z.avi\n')
    dataset = FolderDataset(data_root=root, ann_file=str(tmp_path / 'train.txt'), pipeline=PIPELINE)
    assert _samples(dataset) == [('run/y.avi', 1), ('jump/z.avi', 0)]


@pytest.mark.parametrize(
    'lines, complaint',
    [
        ('run/x.avi 1\njump/z.avi 1\n', "'jump/z.avi 1' contradicts another"),
        ('run/x.avi 1\nrun/y.avi 2\n', "'run/y.avi 2' contradicts another"),
        ('run/x.avi 0\njump/z.avi 1\n', "gives 'jump' the number 1 and 'run' 0, but labels follow"),
    ],
)
def test_numbers_that_contradict_the_folders_are_refused(tmp_path, folder_of_videos, lines, complaint):
    (tmp_path / 'mine.txt').write_text(lines)
    with pytest.raises(ValueError, match=f'mine.txt.*{complaint}'):
        FolderDataset(
            data_root=folder_of_videos('run/x.avi', 'run/y.avi', 'jump/z.avi'),
            pipeline=PIPELINE,
            ann_file=str(tmp_path / 'mine.txt'),
        )


def test_numbers_may_follow_classes_in_an_order_of_ones_own(tmp_path, folder_of_videos):
    (tmp_path / 'mine.txt').write_text('run/x.avi 0\njump/z.avi 1\n')
    dataset = FolderDataset(
        data_root=folder_of_videos('run/x.avi', 'jump/z.avi'),
        pipeline=PIPELINE,
        ann_file=str(tmp_path / 'mine.txt'),
        metainfo=dict(classes=['run', 'jump']),
    )
    assert _samples(dataset) == [('run/x.avi', 0), ('jump/z.avi', 1)]


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
        ('some/where/y', 5),
        ('x', 6),
    ]


def test_unlabelled_and_labelled_videos_concatenate(folder_of_videos):
    labelled = FolderDataset(data_root=folder_of_videos('run/x.avi', below='labelled'), pipeline=PIPELINE)
    unlabelled = UnlabelledFolderDataset(
        data_root=folder_of_videos('y.avi', below='unlabelled'), pipeline=PIPELINE, metainfo=dict(classes=['run'])
    )
    both = ConcatDataset([labelled, unlabelled])
    assert [sample['data_samples'].gt_labels.item.item() for sample in both] == [0, -1]


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="subset 'training' of .* is empty"):
        UnlabelledFolderDataset(data_root=tmp_path, pipeline=PIPELINE)
