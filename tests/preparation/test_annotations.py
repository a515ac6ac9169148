"""Official annotation files to JSON: published counts, hand-made small files, and files that are wrong."""

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from kdtoolbox.preparation.annotations import hmdb51_annotations, kinetics_annotations, ucf101_annotations

UCF101_COUNTS = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}  # training, test videos, as published
HMDB51_COUNTS = (3570, 1530)  # 70 and 30 of each of 51 classes, in each split


def subset_counts(annotations: dict) -> Counter:
    return Counter(entry['subset'] for entry in annotations['database'].values())


def write_ucf101(folder: Path, **changes: str) -> Path:
    """Two classes, CRLF as in the official files; ``changes`` replaces contents by stem of the file."""
    files = {
        'classInd': '1 Run\r\n2 Sit\r\n',
        'trainlist01': 'Run/v_Run_g01_c01.avi 1\r\nSit/v_Sit_g01_c01.avi 2\r\n',
        'testlist01': 'Run/v_Run_g02_c01.avi\r\n',
    }
    for stem, text in (files | changes).items():
        (folder / f'{stem}.txt').write_bytes(text.encode())
    return folder


@pytest.mark.parametrize('split', UCF101_COUNTS)
def test_ucf101_splits_have_the_published_counts(split, shared):
    annotations = ucf101_annotations(shared / 'data/annotations/ucf101', split)
    training, validation = UCF101_COUNTS[split]
    assert subset_counts(annotations) == {'training': training, 'validation': validation}
    assert len(annotations['database']) == 13320


def test_ucf101_labels_are_in_the_order_of_the_class_index(shared):
    folder = shared / 'data/annotations/ucf101'
    expected = [line.split()[1] for line in (folder / 'classInd.txt').read_text().splitlines()]
    annotations = ucf101_annotations(folder, 1)
    assert annotations['labels'] == expected and len(expected) == 101
    # The official order is not the sorted one: a sorted list would shift labels.
    assert expected != sorted(expected)
    # The class is in the folder's name: this one is spelt otherwise in the videos' names.
    assert annotations['database']['v_HandStandPushups_g01_c01']['annotations'] == {'label': 'HandstandPushups'}


def test_the_groups_of_ucf101_never_straddle_an_official_split(shared):
    database = ucf101_annotations(shared / 'data/annotations/ucf101', 1)['database']
    groups = {
        subset: {key.rsplit('_', 1)[0] for key, entry in database.items() if entry['subset'] == subset}
        for subset in ('training', 'validation')
    }
    assert not groups['training'] & groups['validation']


@pytest.mark.parametrize('split', [1, 2, 3])
def test_hmdb51_splits_have_the_published_counts_in_every_class(split, shared):
    annotations = hmdb51_annotations(shared / 'data/annotations/hmdb51', split)
    assert tuple(subset_counts(annotations)[subset] for subset in ('training', 'validation')) == HMDB51_COUNTS
    per_class = Counter((entry['annotations']['label'], entry['subset']) for entry in annotations['database'].values())
    assert per_class == {
        (label, subset): number
        for label in annotations['labels']
        for subset, number in (('training', 70), ('validation', 30))
    }
    assert len(annotations['labels']) == 51 and annotations['labels'] == sorted(annotations['labels'])


def test_kinetics_keys_subsets_and_labels_are_those_of_the_csv_files(shared):
    folder = shared / 'data/annotations/kinetics'
    files = {
        'training': folder / 'tiny400_train.csv',
        'validation': folder / 'kinetics-400_val.csv',
        'testing': folder / 'kinetics-400_test.csv',
    }
    annotations = kinetics_annotations(files)
    assert subset_counts(annotations) == {'training': 400, 'validation': 19906, 'testing': 38685}
    assert len(annotations['labels']) == 400 and annotations['labels'] == sorted(annotations['labels'])
    assert annotations['database']['0wR5jVB-WPk_000417_000427'] == {
        'subset': 'validation',
        'annotations': {'label': 'abseiling'},
    }
    assert annotations['database']['--6bJUbfpnQ_000017_000027'] == {'subset': 'testing', 'annotations': {}}


def test_another_release_of_kinetics_with_other_columns_reads_the_same(shared):
    folder = shared / 'data/annotations/kinetics'
    annotations = kinetics_annotations({'validation': folder / 'deepmind_k400_validate.csv'})
    assert annotations['database']['--07WQ2iBlw_000001_000011']['annotations'] == {'label': 'javelin throw'}
    assert len(annotations['database']) == 18009


def test_test_videos_have_no_label_even_where_the_csv_has_one(tmp_path):
    rows = [['label', 'youtube_id', 'time_start', 'time_end', 'split'], ['run', 'abc', '1.0', '11', 'test']]
    with open(tmp_path / 'test.csv', 'w', newline='') as file:
        csv.writer(file).writerows(rows)
    assert kinetics_annotations({'testing': tmp_path / 'test.csv'}) == {
        'labels': [],
        'database': {'abc_000001_000011': {'subset': 'testing', 'annotations': {}}},
    }


def test_small_ucf101_files_read_as_worked_out_by_hand(tmp_path):
    assert ucf101_annotations(write_ucf101(tmp_path), 1) == {
        'labels': ['Run', 'Sit'],
        'database': {
            'v_Run_g01_c01': {'subset': 'training', 'annotations': {'label': 'Run'}},
            'v_Sit_g01_c01': {'subset': 'training', 'annotations': {'label': 'Sit'}},
            'v_Run_g02_c01': {'subset': 'validation', 'annotations': {'label': 'Run'}},
        },
    }


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'classInd': '1 Run\n3 Sit\n'}, r'classInd.txt:2: .*expected class number 2'),
        ({'classInd': '1 Run\n2 ../Sit\n'}, r'classInd.txt:2: .*no slash'),
        ({'trainlist01': 'Run/v.avi 2\n'}, r'trainlist01.txt:1: Run is number 1'),
        ({'trainlist01': 'Fly/v.avi 1\n'}, r"trainlist01.txt:1: class 'Fly'"),
        ({'trainlist01': '../../etc/passwd 1\n'}, r'trainlist01.txt:1: got'),
        ({'trainlist01': 'Run/...avi 1\n'}, r"trainlist01.txt:1: got the name '..'"),
        ({'testlist01': 'Run/v_Run_g01_c01.avi\n'}, r'testlist01.txt:1: v_Run_g01_c01 .* before'),
    ],
)
def test_a_wrong_line_of_ucf101_is_named(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        ucf101_annotations(write_ucf101(tmp_path, **changes), 1)


def test_a_missing_file_is_named_with_what_is_there(tmp_path):
    with pytest.raises(ValueError, match='trainlist02.txt.*holds.*classInd.txt'):
        ucf101_annotations(write_ucf101(tmp_path), 2)


def test_hmdb51_uses_one_two_and_not_zero(tmp_path):
    for split in (1, 2, 3):
        (tmp_path / f'run_test_split{split}.txt').write_text('a b.avi 1 \nc#!.avi 2 \nd.avi 0 \n')
    assert hmdb51_annotations(tmp_path, 2)['database'] == {
        'a b': {'subset': 'training', 'annotations': {'label': 'run'}},
        'c#!': {'subset': 'validation', 'annotations': {'label': 'run'}},
    }


@pytest.mark.parametrize('line', ['a.avi 3', 'a.avi', '../a.avi 1x'])
def test_a_wrong_line_of_hmdb51_is_named(line, tmp_path):
    for split in (1, 2, 3):
        (tmp_path / f'run_test_split{split}.txt').write_text(line)
    with pytest.raises(ValueError, match='run_test_split1.txt:1: got'):
        hmdb51_annotations(tmp_path, 1)


def test_a_class_of_hmdb51_without_all_three_files_is_named(tmp_path):
    (tmp_path / 'run_test_split1.txt').write_text('a.avi 1')
    with pytest.raises(ValueError, match='lacks 2 .* run_test_split2.txt'):
        hmdb51_annotations(tmp_path, 1)


@pytest.mark.parametrize(
    'row, message',
    [
        ('run,../../etc,1,2', 'no slash'),
        ('..,abc,1,2', 'can be a folder'),
        ('run,abc,one,2', 'expected seconds'),
        ('run,abc,,2', 'expected seconds'),
        ('a/b,abc,1,2', 'no slash'),
    ],
)
def test_a_wrong_row_of_kinetics_is_named(row, message, tmp_path):
    (tmp_path / 'train.csv').write_text(f'label,youtube_id,time_start,time_end\n{row}\n')
    with pytest.raises(ValueError, match=f'train.csv:2.*{message}'):
        kinetics_annotations({'training': tmp_path / 'train.csv'})


def test_files_given_for_one_another_are_refused_by_what_their_rows_say(prepare, tmp_path):
    for name in ('train', 'validate', 'test'):
        (tmp_path / f'{name}.csv').write_text(f'label,youtube_id,time_start,time_end,split\nrun,{name},1,11,{name}\n')
    files = [tmp_path / f'{name}.csv' for name in ('train', 'validate', 'test')]
    for swapped in ((1, 0, 2), (2, 1, 0), (0, 2, 1)):
        status, printed = prepare('kinetics_json', *(files[number] for number in swapped), tmp_path / 'out.json')
        assert status == 2 and ':2: a row of the split' in printed and not (tmp_path / 'out.json').exists()
    assert prepare('kinetics_json', *files, tmp_path / 'out.json')[0] == 0


def test_a_csv_of_something_else_is_refused(tmp_path):
    (tmp_path / 'train.csv').write_text('a,b\n1,2\n')
    with pytest.raises(ValueError, match="columns are \\['a', 'b'\\]"):
        kinetics_annotations({'training': tmp_path / 'train.csv'})


@pytest.mark.parametrize(
    'command, source, written',
    [
        ('ucf101_json', 'ucf101', ['ucf101_01.json', 'ucf101_02.json', 'ucf101_03.json']),
        ('hmdb51_json', 'hmdb51', ['hmdb51_1.json', 'hmdb51_2.json', 'hmdb51_3.json']),
    ],
)
def test_the_tools_write_three_files_and_the_same_bytes_each_time(command, source, written, shared, prepare, tmp_path):
    for file in (shared / 'data/annotations' / source).iterdir():
        (tmp_path / file.name).symlink_to(file)
    contents = []
    for _ in range(2):
        assert prepare(command, tmp_path)[0] == 0
        contents.append([(tmp_path / name).read_bytes() for name in written])
    assert contents[0] == contents[1]
    assert sorted(file.name for file in tmp_path.glob('*.json')) == written
    assert set(json.loads(contents[0][0])) == {'labels', 'database'}


def test_the_door_in_tools_does_what_the_sub_command_does(tmp_path):
    for name in ('train', 'val', 'test'):
        (tmp_path / f'{name}.csv').write_text(f'label,youtube_id,time_start,time_end\nrun,{name},1,11\n')
    repository = Path(__file__).parents[2]
    files = [tmp_path / f'{name}.csv' for name in ('train', 'val', 'test')]
    door = repository / 'tools/kinetics_json.py'
    subprocess.run(
        [sys.executable, door, *files, tmp_path / 'kinetics.json'], check=True, env={'PYTHONPATH': str(repository)}
    )
    assert list(json.loads((tmp_path / 'kinetics.json').read_text())['database']) == [
        'train_000001_000011',
        'val_000001_000011',
        'test_000001_000011',
    ]
