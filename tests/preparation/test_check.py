"""Each kind of damage to a good tree is found, and named."""

import json

import pytest


@pytest.fixture
def tree(prepare, make_video, tmp_path):
    """A good tree of four videos and the JSON of them."""
    database = {}
    for label, stem in (('run', 'a'), ('run', 'b'), ('sit', 'c'), ('sit', 'd')):
        make_video(tmp_path / f'videos/{label}/{stem}.avi')
        database[stem] = {'subset': 'training', 'annotations': {'label': label}}
    for command in (['video_jpg_kinetics', tmp_path / 'videos'], ['fps', tmp_path / 'videos'], ['n_frames_kinetics']):
        assert prepare(*command, tmp_path / 'jpg')[0] == 0
    (tmp_path / 'split.json').write_text(json.dumps({'labels': ['run', 'sit'], 'database': database}))
    return tmp_path / 'jpg'


def damage_middle(file) -> None:
    data = bytearray(file.read_bytes())
    data[:] = data[:2] + b'\0' * (len(data) - 4) + data[-2:]
    file.write_bytes(data)


def test_a_good_tree_passes(prepare, tree, tmp_path):
    status, printed = prepare('check', tree, '--json', tmp_path / 'split.json')
    assert status == 0 and '4 done, 0 already there, 0 failed' in printed
    assert '2 classes of 2 (run) to 2' in printed and 'imbalance' not in printed


@pytest.mark.parametrize(
    'damage, reason',
    [
        (lambda folder: (folder / 'image_00002.jpg').unlink(), '4 frames, but the last is number 5'),
        (
            lambda folder: (folder / 'image_00005.jpg').unlink(),
            '4 frames, but 5 were extracted; n_frames says 5.0, there are 4',
        ),
        (lambda folder: (folder / 'n_frames').write_text('6'), 'n_frames says 6.0, there are 5'),
        (lambda folder: (folder / 'n_frames').unlink(), 'n_frames is missing'),
        (lambda folder: (folder / 'fps').write_text(''), 'fps is missing or no number'),
        (lambda folder: (folder / 'fps').write_text('nan'), 'fps says nan, expected a rate above 0'),
        (lambda folder: (folder / 'fps').write_text('inf'), 'fps says inf, expected a rate above 0'),
        (lambda folder: (folder / 'fps').write_text('-25'), 'fps says -25, expected a rate above 0'),
        (lambda folder: (folder / 'fps').write_text('0'), 'fps says 0, expected a rate above 0'),
        (lambda folder: (folder / 'n_frames').write_text('nan'), 'n_frames says nan, there are 5'),
        (lambda folder: (folder / 'image_00004.jpg').write_bytes(b''), 'image_00004.jpg cannot be read'),
        (lambda folder: damage_middle(folder / 'image_00001.jpg'), 'image_00001.jpg cannot be read'),
    ],
)
def test_each_damage_is_named(damage, reason, prepare, tree):
    damage(tree / 'run/b')
    status, printed = prepare('check', tree)
    assert status == 1 and f'run/b: {reason}' in printed and '3 done, 0 already there, 1 failed' in printed
    assert reason in (tree / 'check_report.tsv').read_text()


def test_damage_inside_any_frame_is_found_when_every_frame_is_decoded(prepare, tree):
    damage_middle(tree / 'run/b/image_00002.jpg')
    assert prepare('check', tree)[0] == 0
    status, printed = prepare('check', tree, '--every-frame')
    assert status == 1 and 'image_00002.jpg cannot be read' in printed


def test_a_missing_video_is_named_and_a_surplus_one_counted(prepare, tree, tmp_path):
    (tree / 'sit/d').rename(tree / 'sit/z')
    status, printed = prepare('check', tree, '--json', tmp_path / 'split.json')
    assert status == 1 and 'd: annotated, but there is no sit/d in the tree' in printed
    assert '1 of 4 frame folders are in no annotation' in printed


def test_imbalance_is_a_remark_and_no_failure(prepare, tree, tmp_path):
    for number in range(20):
        (tree / f'run/{number}').symlink_to(tree / 'run/a')
    status, printed = prepare('check', tree)
    assert status == 0 and 'imbalance: run has more than 10 times the videos of sit' in printed


def test_activitynet_folders_are_found_with_and_without_their_prefix(prepare, tree, tmp_path):
    for number, name in enumerate(('v_abc', 'def')):
        (tree / name).symlink_to(tree / 'run' / 'ab'[number])
    segments = [{'segment': [0.0, 1.0], 'label': 'Ballet'}]
    database = {key: {'subset': 'training', 'annotations': segments} for key in ('abc', 'def')}
    (tmp_path / 'anet.json').write_text(json.dumps({'database': database}))
    status, printed = prepare('check', tree, '--json', tmp_path / 'anet.json')
    assert status == 0 and '1 classes of 2 (Ballet)' in printed


@pytest.mark.parametrize('content, message', [(None, 'there is no file'), ('{', 'not JSON'), ('[]', 'no "database"')])
def test_annotations_that_are_none_are_refused(content, message, prepare, tree, tmp_path):
    if content is not None:
        (tmp_path / 'x.json').write_text(content)
    status, printed = prepare('check', tree, '--json', tmp_path / 'x.json')
    assert status == 2 and message in printed


@pytest.mark.parametrize(
    'entry',
    [
        [],
        None,
        {},
        'run',
        {'annotations': {'label': 'run'}},
        {'subset': 1},
        {'subset': 'training', 'annotations': {'label': 1}},
        {'subset': 'training', 'annotations': [None]},
    ],
)
def test_an_entry_of_another_form_is_named(entry, prepare, tree, tmp_path):
    (tmp_path / 'x.json').write_text(json.dumps({'database': {'fine': {'subset': 'training'}, 'a': entry}}))
    status, printed = prepare('check', tree, '--json', tmp_path / 'x.json')
    assert status == 2 and "x.json: the entry of 'a' is" in printed
