import json

import pytest

from kdtoolbox.datasets.kinetics import KineticsDataset, read_kinetics_csv
from tests.datasets.conftest import PIPELINE

HEADER = 'label,youtube_id,time_start,time_end,split,is_cc\n'


def _csv(file, *rows, encoding='utf-8'):
    file.write_text(HEADER + '\n'.join(rows) + '\n', encoding=encoding)
    return file


def _samples(dataset):
    return [(info['sample_id'], info['label']) for info in map(dataset.get_data_info, range(len(dataset)))]


@pytest.mark.parametrize(
    'name, subset, num_classes',
    [
        ('kinetics-400_val.csv', 'validation', 400),
        ('deepmind_k400_validate.csv', 'validation', 400),
        ('kinetics-400_test.csv', 'testing', 0),
        ('tiny400_train.csv', 'training', 400),
    ],
)
def test_every_row_of_the_official_files_is_read(shared, name, subset, num_classes):
    path = shared / 'data/annotations/kinetics' / name
    annotations, _ = read_kinetics_csv(path, subset)
    assert len(annotations) == len(path.read_text().splitlines()) - 1
    assert len({annotation.label for annotation in annotations} - {None}) == num_classes
    assert all(len(annotation.key) == 11 + 14 for annotation in annotations)


def test_clips_are_found_in_class_folders_with_spaces_or_underscores_and_flat(tmp_path, folder_of_videos):
    root = folder_of_videos(
        'air drumming/-abc_000007_000017.avi', 'air_drumming/b_000001_000011.avi', 'c_000002_000012.avi'
    )
    clips = ('"air drumming",-abc,7,17', 'air drumming,b,1,11', 'abseiling,c,2,12')
    rows = [*(f'{clip},train,0' for clip in clips), 'abseiling,d,2,12,val,0']
    dataset = KineticsDataset(data_root=root, ann_file=_csv(tmp_path / 'train.csv', *rows), pipeline=PIPELINE)
    assert _samples(dataset) == [
        ('air drumming/-abc_000007_000017.avi', 1),
        ('air_drumming/b_000001_000011.avi', 1),
        ('c_000002_000012.avi', 0),
    ]


def test_test_clips_have_no_label_and_share_the_given_classes(tmp_path, folder_of_videos):
    root = folder_of_videos('test/a_000001_000011.avi')
    (tmp_path / 'test.csv').write_text('youtube_id,time_start,time_end,split\na,1,11,test\n')
    (tmp_path / 'label_map.txt').write_text('abseiling\nair drumming\n')
    dataset = KineticsDataset(
        data_root=root,
        ann_file=tmp_path / 'test.csv',
        subset='testing',
        pipeline=PIPELINE,
        metainfo=dict(classes=str(tmp_path / 'label_map.txt')),
    )
    assert _samples(dataset) == [('test/a_000001_000011.avi', -1)]
    assert dataset.metainfo['classes'] == ['abseiling', 'air drumming']
    assert dataset[0]['data_samples'].gt_labels.item.tolist() == [-1]


def test_a_label_outside_of_the_classes_is_refused(tmp_path):
    _csv(tmp_path / 'train.csv', 'juggling,a,1,11,train,0')
    with pytest.raises(ValueError, match=r"labelled \['juggling'\], none of the 2 classes"):
        KineticsDataset(
            data_root=tmp_path,
            ann_file=tmp_path / 'train.csv',
            pipeline=PIPELINE,
            metainfo=dict(classes=['abseiling', 'air drumming']),
        )


def test_a_file_saved_by_a_spreadsheet_keeps_its_labels(tmp_path):
    file = _csv(tmp_path / 'train.csv', 'air drumming,a,1,11,train,0', encoding='utf-8-sig')
    annotations, _ = read_kinetics_csv(file, 'training')
    assert [(annotation.key, annotation.label) for annotation in annotations] == [('a_000001_000011', 'air drumming')]


@pytest.mark.parametrize(
    'header', ['Label,youtube_id,time_start,time_end,split', 'youtube_id,time_start,time_end,split']
)
def test_labels_in_no_column_of_that_name_are_an_error_unless_testing(tmp_path, header):
    row = 'yoga,a,1,11' if header.startswith('Label') else 'a,1,11'
    (tmp_path / 'mine.csv').write_text(f'{header}\n{row},train\n{row},val\n{row},test\n')
    for subset in ('training', 'validation'):
        with pytest.raises(ValueError, match=r'mine.csv has no column label, but \['):
            read_kinetics_csv(tmp_path / 'mine.csv', subset)
    assert [annotation.label for annotation in read_kinetics_csv(tmp_path / 'mine.csv', 'testing')[0]] == [None]


@pytest.mark.parametrize(
    'row, complaint',
    [
        (',a,1,11,train,0', 'line 2: a has no label'),
        ('yoga,a,one,11,train,0', "line 2: the times are 'one'"),
        ('yoga,a,1,inf,train,0', "line 2: the times are '1' and 'inf'"),
    ],
)
def test_a_row_that_lacks_its_label_or_times_is_named(tmp_path, row, complaint):
    with pytest.raises(ValueError, match=f'train.csv, {complaint}'):
        read_kinetics_csv(_csv(tmp_path / 'train.csv', row), 'training')


def test_labelled_test_clips_are_found_in_test(tmp_path, folder_of_videos):
    root = folder_of_videos('test/a_000001_000011.avi', 'yoga/b_000001_000011.avi')
    file = _csv(tmp_path / 'test.csv', 'yoga,a,1,11,test,0', 'yoga,b,1,11,test,0')
    dataset = KineticsDataset(data_root=root, ann_file=file, subset='testing', pipeline=PIPELINE)
    assert _samples(dataset) == [('test/a_000001_000011.avi', 0), ('yoga/b_000001_000011.avi', 0)]


def test_the_json_of_the_preparation_tools_is_read(tmp_path, folder_of_videos):
    root = folder_of_videos('abseiling/a_000001_000011.avi', 'test/b_000001_000011.avi')
    database = {
        'a_000001_000011': {'subset': 'training', 'annotations': {'label': 'abseiling'}},
        'b_000001_000011': {'subset': 'testing'},
    }
    (tmp_path / 'kinetics.json').write_text(json.dumps({'labels': ['abseiling', 'yoga'], 'database': database}))
    for subset, expected in (
        ('training', ('abseiling/a_000001_000011.avi', 0)),
        ('testing', ('test/b_000001_000011.avi', -1)),
    ):
        dataset = KineticsDataset(data_root=root, ann_file=tmp_path / 'kinetics.json', subset=subset, pipeline=PIPELINE)
        assert _samples(dataset) == [expected] and dataset.num_classes == 2


def test_a_csv_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / 'train.csv').write_text('label,video\n')
    with pytest.raises(ValueError, match='has no column split, time_end, time_start, youtube_id'):
        KineticsDataset(data_root=tmp_path, ann_file=tmp_path / 'train.csv', pipeline=PIPELINE)
