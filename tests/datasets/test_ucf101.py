import pytest

from kdtoolbox.datasets.ucf101 import UCF101Dataset, read_ucf101
from kdtoolbox.registry import DATASETS
from tests.datasets.conftest import PIPELINE


def _infos(dataset):
    return [dataset.get_data_info(index) for index in range(len(dataset))]


@pytest.mark.parametrize('split, published', [(1, (9537, 3783)), (2, (9586, 3734)), (3, (9624, 3696))])
def test_the_official_splits_have_the_published_counts(shared, split, published):
    folder = shared / 'data/annotations/ucf101'
    label_map = (shared / 'data/annotations/labelmaps/ucf101_label_map.txt').read_text().split()
    for subset, count in zip(('training', 'validation'), published, strict=True):
        annotations, classes = read_ucf101(folder, split=split, subset=subset)
        assert len({annotation.key for annotation in annotations}) == count
        assert classes == label_map
        assert all(annotation.key.startswith(f'{annotation.label}/v_') for annotation in annotations)


def test_real_clips_are_found_by_the_official_lists(shared):
    dataset = DATASETS.build(
        dict(
            type='UCF101Dataset',
            data_root=str(shared / 'data/ucf101_subset'),
            pipeline=PIPELINE,
            max_missing_share=1,
            ann_file=str(shared / 'data/annotations/ucf101'),
        )
    )
    assert len(dataset) == 216 and len(dataset.missing) == 9537 - 216
    sample = dataset[0]['data_samples']
    assert sample.sample_id.startswith('Archery/')
    assert dataset.metainfo['classes'][sample.gt_labels.item.item()] == 'Archery'


def test_a_plain_list_reads_from_the_first_folder_that_has_the_video(tmp_path, folder_of_videos):
    first = folder_of_videos('Archery/v_1.avi', below='first')
    second = folder_of_videos('Archery/v_1.avi', 'Surfing/v_2.mp4.avi', below='second')
    (tmp_path / 'train.txt').write_text('Surfing/v_2.mp4.avi 4\r\nArchery/v_1.avi\r\n', newline='')
    dataset = UCF101Dataset(data_root=[str(first), str(second)], ann_file=tmp_path / 'train.txt', pipeline=PIPELINE)
    assert [(info['filename'], info['label']) for info in _infos(dataset)] == [
        (str(second / 'Surfing/v_2.mp4.avi'), 1),
        (str(first / 'Archery/v_1.avi'), 0),
    ]
    assert [info['sample_id'] for info in _infos(dataset)] == ['Surfing/v_2.mp4.avi', 'Archery/v_1.avi']


def test_another_container_of_the_same_name_is_found(tmp_path, folder_of_videos):
    root = folder_of_videos('Archery/v_1.avi')
    (root / 'Archery/v_1.avi').rename(root / 'Archery/v_1.mkv')
    (tmp_path / 'train.txt').write_text('Archery/v_1.avi\n')
    dataset = UCF101Dataset(data_root=root, ann_file=tmp_path / 'train.txt', pipeline=PIPELINE)
    assert _infos(dataset)[0]['sample_id'] == 'Archery/v_1.mkv'


def test_labels_of_a_list_follow_the_class_index_beside_it(tmp_path, folder_of_videos):
    root = folder_of_videos('Surfing/v_2.avi')
    (tmp_path / 'classInd.txt').write_text('1 Archery\r\n2 Diving\r\n3 Surfing\r\n', newline='')
    (tmp_path / 'train.txt').write_text('Surfing/v_2.avi 3\n')
    dataset = UCF101Dataset(data_root=root, ann_file=tmp_path / 'train.txt', pipeline=PIPELINE)
    assert _infos(dataset)[0]['label'] == 2 and dataset.num_classes == 3
    (tmp_path / 'train.txt').write_text('Surfing/v_2.avi 2\n')
    with pytest.raises(ValueError, match=r'gives Surfing/v_2.avi the number 2'):
        UCF101Dataset(data_root=root, ann_file=tmp_path / 'train.txt', pipeline=PIPELINE)


@pytest.mark.parametrize('name, subset', [('trainlist01.txt', 'validation'), ('testlist01.txt', 'training')])
def test_a_list_of_the_other_subset_is_refused(tmp_path, folder_of_videos, name, subset):
    root = folder_of_videos('Archery/v_1.avi')
    (tmp_path / name).write_text('Archery/v_1.avi\n')
    options = dict(data_root=root, ann_file=str(tmp_path / name), pipeline=PIPELINE)
    with pytest.raises(ValueError, match=f'{name} is by its name not the list of the subset {subset!r}'):
        UCF101Dataset(subset=subset, **options)
    assert len(UCF101Dataset(subset={'training': 'validation', 'validation': 'training'}[subset], **options)) == 1


@pytest.mark.parametrize('line', ['../outside/v.avi', '/etc/v.avi', 'Archery/../../v.avi'])
def test_a_path_that_leaves_the_root_is_refused(tmp_path, line):
    (tmp_path / 'train.txt').write_text(f'{line} 1\n')
    with pytest.raises(ValueError, match='expected a path below the data root'):
        UCF101Dataset(data_root=tmp_path, ann_file=tmp_path / 'train.txt', pipeline=PIPELINE)


def test_a_line_of_another_form_is_refused(tmp_path):
    (tmp_path / 'train.txt').write_text('Archery\n')
    with pytest.raises(ValueError, match="train.txt, line 1: expected lines .* got 'Archery'"):
        UCF101Dataset(data_root=tmp_path, ann_file=tmp_path / 'train.txt', pipeline=PIPELINE)
