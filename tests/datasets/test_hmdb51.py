import json

import pytest

from kdtoolbox.datasets.hmdb51 import HMDB51Dataset, read_hmdb51
from tests.datasets.conftest import PIPELINE, frame_numbers, write_frames


def _write_splits(folder):
    folder.mkdir()
    (folder / 'wave_test_split1.txt').write_text('w1.avi 1 \nw2.avi 2 \nw3.avi 0 \n')
    (folder / 'brush_hair_test_split1.txt').write_text('b 1.avi 1 \nb2.avi 2 \n')
    return folder


@pytest.mark.parametrize('split', [1, 2, 3])
def test_the_official_splits_have_the_published_counts(shared, split):
    folder = shared / 'data/annotations/hmdb51'
    label_map = (shared / 'data/annotations/labelmaps/hmdb51_label_map.txt').read_text().split()
    ids = {}
    for subset, published in (('training', 3570), ('validation', 1530)):
        annotations, classes = read_hmdb51(folder, split=split, subset=subset)
        ids[subset] = {annotation.key for annotation in annotations}
        assert len(ids[subset]) == published
        assert classes == label_map
    assert not ids['training'] & ids['validation']


def test_marks_choose_the_subset_and_sorted_names_the_label(tmp_path, folder_of_videos):
    root = folder_of_videos('wave/w1.avi', 'wave/w2.avi', 'wave/w3.avi', 'brush_hair/b 1.avi', 'brush_hair/b2.avi')
    splits = _write_splits(tmp_path / 'splits')
    for subset, expected in (
        ('training', [('brush_hair/b 1.avi', 0), ('wave/w1.avi', 1)]),
        ('validation', [('brush_hair/b2.avi', 0), ('wave/w2.avi', 1)]),
    ):
        dataset = HMDB51Dataset(data_root=root, ann_file=splits, subset=subset, pipeline=PIPELINE)
        infos = [dataset.get_data_info(index) for index in range(len(dataset))]
        assert [(info['sample_id'], info['label']) for info in infos] == expected
        assert dataset.metainfo['classes'] == ['brush_hair', 'wave'] and dataset.num_classes == 2


def test_frames_and_videos_give_the_same_samples(tmp_path, folder_of_videos):
    videos = folder_of_videos('wave/w1.avi', 'brush_hair/b 1.avi', num_frames=9)
    write_frames(tmp_path / 'frames/wave/w1', 9)
    write_frames(tmp_path / 'frames/brush_hair/b 1', 9)
    splits = _write_splits(tmp_path / 'splits')
    from_videos = HMDB51Dataset(data_root=videos, ann_file=splits, pipeline=PIPELINE)
    from_frames = HMDB51Dataset(data_root=tmp_path / 'frames', ann_file=splits, pipeline=PIPELINE, frames=True)
    for video, frames in zip(from_videos, from_frames, strict=True):
        assert frame_numbers(video['inputs']) == frame_numbers(frames['inputs'])
        assert frames['data_samples'].gt_labels.item == video['data_samples'].gt_labels.item
        assert frames['data_samples'].sample_id + '.avi' == video['data_samples'].sample_id


def test_the_json_of_the_preparation_tools_gives_what_the_split_files_give(tmp_path, folder_of_videos):
    root = folder_of_videos('wave/w1.avi', 'brush_hair/b 1.avi')
    splits = _write_splits(tmp_path / 'splits')
    database = {
        'w1': {'subset': 'training', 'annotations': {'label': 'wave'}},
        'w2': {'subset': 'validation', 'annotations': {'label': 'wave'}},
        'b 1': {'subset': 'training', 'annotations': {'label': 'brush_hair'}},
    }
    (tmp_path / 'hmdb51_1.json').write_text(json.dumps({'labels': ['brush_hair', 'wave'], 'database': database}))
    samples = [
        {info['sample_id']: info['label'] for info in map(dataset.get_data_info, range(len(dataset)))}
        for dataset in (
            HMDB51Dataset(data_root=root, ann_file=ann_file, pipeline=PIPELINE)
            for ann_file in (splits, tmp_path / 'hmdb51_1.json')
        )
    ]
    assert samples[0] == samples[1] == {'wave/w1.avi': 1, 'brush_hair/b 1.avi': 0}


def test_a_folder_without_the_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'no <class>_test_split2.txt in .*brush_hair_test_split1.txt'):
        read_hmdb51(_write_splits(tmp_path / 'splits'), split=2, subset='training')


def test_an_unknown_mark_is_refused(tmp_path):
    (tmp_path / 'wave_test_split1.txt').write_text('w1.avi 7\n')
    with pytest.raises(ValueError, match=r"wave_test_split1.txt.*mark 0, 1 or 2, got 'w1.avi 7'"):
        read_hmdb51(tmp_path, split=1, subset='training')


def test_hmdb51_has_no_testing_subset(tmp_path):
    with pytest.raises(ValueError, match="no subset 'testing'"):
        read_hmdb51(tmp_path, split=1, subset='testing')
