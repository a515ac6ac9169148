"""``kdtoolbox prepare <data set> ROOT``: from the folders people have after downloading to a data set that loads."""

import shutil
from pathlib import Path

import pytest

from kdtoolbox.preparation.frame_folders import frame_folders
from kdtoolbox.registry import DATASETS


def targets(root: Path) -> list[str]:
    return sorted(folder.relative_to(root / 'jpg').as_posix() for folder in frame_folders(root / 'jpg'))


def load(printed: str, name: str):
    """Build the data set that the command told to put in a config."""
    config: dict = {'dict': dict}
    exec(printed.split('In a config:')[1].replace('pipeline=...', 'pipeline=[], max_missing_share=1'), config)
    dataset = DATASETS.build(config[name])
    dataset.full_init()
    return dataset


def test_ucf101_as_unpacked_becomes_data_sets_that_load(shared, prepare, tmp_path):
    root = tmp_path / 'ucf'
    shutil.copytree(shared / 'data/annotations/ucf101', root / 'ucfTrainTestlist')
    for name in ('v_ApplyEyeMakeup_g01_c01', 'v_BenchPress_g01_c01'):  # test videos of split 1
        (root / f'UCF-101/{name.split("_")[1]}').mkdir(parents=True)
        (root / f'UCF-101/{name.split("_")[1]}/{name}.avi').symlink_to(shared / f'data/clips/ucf101/{name}.avi')
    (root / 'UCF-101/Archery').mkdir()
    for number in range(1, 4):
        name = f'v_Archery_g{20 + number}_c02.avi'  # training videos of split 1
        (root / 'UCF-101/Archery' / name).symlink_to(shared / 'data/ucf101_subset/Archery' / name)
    status, printed = prepare('ucf101', root, '--height', 60)
    assert status == 1 and '5 of 13320 annotated videos found' in printed  # the others are missing, and that is said
    assert 'annotated, but there is no ApplyEyeMakeup/v_ApplyEyeMakeup_g' in printed
    assert targets(root)[0] == 'ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01' and len(targets(root)) == 5
    assert [len(load(printed, name)) for name in ('train_dataset', 'val_dataset')] == [3, 2]
    assert load(printed, 'val_dataset').metainfo['classes'][:2] == ['ApplyEyeMakeup', 'ApplyLipstick']
    sample = load(printed, 'val_dataset').get_data_info(0)
    assert (sample['total_frames'], sample['label']) == (len(list(Path(sample['frame_dir']).glob('image_*.jpg'))), 0)


def test_hmdb51_as_unpacked_becomes_data_sets_that_load(make_video, prepare, tmp_path):
    for split in (1, 2, 3):
        file = tmp_path / f'splits/testTrainMulti_7030_splits/run_test_split{split}.txt'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('a b.avi 1 \n(c)+!.avi 2 \nunused.avi 0 \n')
    for stem in ('a b', '(c)+!', 'unused'):
        make_video(tmp_path / f'hmdb51_org/run/{stem}.avi')
    status, printed = prepare('hmdb51', tmp_path)
    assert status == 0 and '2 of 2 annotated videos found' in printed
    assert targets(tmp_path) == ['run/(c)+!', 'run/a b']
    assert [load(printed, name).get_data_info(0)['total_frames'] for name in ('train_dataset', 'val_dataset')] == [5, 5]


@pytest.mark.parametrize(
    'places',
    [
        ('videos/tai chi', 'videos/tai chi', 'videos/test'),
        ('train/tai_chi', 'val/tai_chi', 'test'),
        ('train', 'val', 'test'),
    ],
)
def test_kinetics_of_several_downloaders_becomes_the_same_tree(places, make_video, prepare, tmp_path):
    (tmp_path / 'annotations').mkdir()
    for name in ('train', 'val', 'test'):
        label = '' if name == 'test' else 'tai chi'
        (tmp_path / f'annotations/{name}.csv').write_text(
            f'label,youtube_id,time_start,time_end,split\n{label},-{name},1,11,{name}\n'
        )
    for place, name in zip(places, ('train', 'val', 'test'), strict=True):
        make_video(tmp_path / place / f'-{name}_000001_000011.mp4')
    status, printed = prepare('kinetics', tmp_path)
    assert status == 0
    keys = ('tai chi/-train', 'tai chi/-val', 'test/-test')
    assert targets(tmp_path) == [f'{key}_000001_000011' for key in keys]
    assert [len(load(printed, name)) for name in ('train_dataset', 'val_dataset')] == [1, 1]


def test_activitynet_becomes_data_sets_that_load(make_video, prepare, tmp_path):
    segments = '[{"segment": [0.0, 0.3], "label": "Ballet"}]'
    (tmp_path / 'activity_net.v1-3.min.json').write_text(
        f'{{"version": "VERSION 1.3", "database": {{"-a": {{"subset": "training", "annotations": {segments}}}, '
        f'"b": {{"subset": "validation", "annotations": {segments}}}, '
        '"c": {"subset": "testing", "annotations": []}}}'
    )
    for key in ('-a', 'b', 'c'):
        make_video(tmp_path / f'videos/v_{key}.mp4')
    status, printed = prepare('activitynet', tmp_path)
    assert status == 0 and targets(tmp_path) == ['v_-a', 'v_b', 'v_c']
    assert [len(load(printed, name)) for name in ('train_dataset', 'val_dataset')] == [1, 1]


def test_a_second_run_of_the_chain_extracts_nothing(make_video, prepare, tmp_path):
    test_hmdb51_as_unpacked_becomes_data_sets_that_load(make_video, prepare, tmp_path)
    assert '0 done, 2 already there, 0 failed' in prepare('hmdb51', tmp_path)[1]


def test_a_dry_run_of_the_chain_extracts_nothing(make_video, prepare, tmp_path):
    for split in (1, 2, 3):
        (tmp_path / f'run_test_split{split}.txt').write_text('a.avi 1\n')
    make_video(tmp_path / 'run/a.avi')
    before = {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}
    status, printed = prepare('hmdb51', tmp_path, '--dry-run')
    assert {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()} == before
    assert status == 0 and '1 videos to extract' in printed and not (tmp_path / 'jpg').exists()


def test_a_video_spelt_in_another_case_is_found(make_video, prepare, tmp_path):
    for split in (1, 2, 3):
        (tmp_path / f'run_test_split{split}.txt').write_text('HandStand.avi 1\n')
    make_video(tmp_path / 'videos/run/Handstand.avi')
    assert prepare('hmdb51', tmp_path)[0] == 0 and targets(tmp_path) == ['run/HandStand']


def test_two_copies_of_a_video_are_not_guessed_between(make_video, prepare, tmp_path):
    for split in (1, 2, 3):
        (tmp_path / f'run_test_split{split}.txt').write_text('a.avi 1\nb.avi 2\n')
    for place in ('one/run/a.avi', 'two/run/a.avi', 'one/run/b.avi'):
        make_video(tmp_path / place)
    status, _ = prepare('hmdb51', tmp_path)
    assert status == 1 and targets(tmp_path) == ['run/b']
    assert 'would share the frame folder run/a' in (tmp_path / 'jpg/extraction_report.tsv').read_text()


@pytest.mark.parametrize(
    'name, message',
    [
        ('ucf101', 'looked for classInd.txt'),
        ('hmdb51', 'looked for <class>_test_split1.txt'),
        ('kinetics', 'no *train.csv'),
        ('activitynet', 'looked for activity_net.v1-3.min.json'),
    ],
)
def test_a_root_without_annotations_says_what_to_put_there(name, message, prepare, tmp_path):
    status, printed = prepare(name, tmp_path)
    assert status == 2 and message in printed


def test_a_root_without_videos_says_so(prepare, tmp_path):
    for split in (1, 2, 3):
        (tmp_path / f'run_test_split{split}.txt').write_text('a.avi 1\n')
    status, printed = prepare('hmdb51', tmp_path)
    assert status == 2 and 'none of the annotated videos' in printed
