"""Whatever is in a file: a right answer, or a ValueError that names the file."""

import io
import json
import math
from pathlib import PurePosixPath

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kdtoolbox.datasets.annotations import Annotation, read_json
from kdtoolbox.datasets.hmdb51 import read_hmdb51
from kdtoolbox.datasets.kinetics import read_kinetics_csv
from kdtoolbox.datasets.locating import FrameFolderFinder
from kdtoolbox.datasets.transforms.decoding import _read_times
from kdtoolbox.datasets.ucf101 import read_class_index
from kdtoolbox.datasets.video_lists import read_list
from kdtoolbox.evaluation.feature_file import VideoFeatures, load_features, save_features
from kdtoolbox.preparation.annotations import hmdb51_annotations, kinetics_annotations, ucf101_annotations
from kdtoolbox.preparation.check import read_annotations
from kdtoolbox.reporting.measured_row import read_metrics
from kdtoolbox.teachers.probe import load_probe, save_probe
from kdtoolbox.video import frame_index
from kdtoolbox.yaml_experiments import checked_datasets, checked_experiment, read_yaml
from tests.conftest import REPOSITORY
from tests.untrusted_files.mutations import mutated, read_or_refused

quickly = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

CUT = json.dumps(
    {
        'labels': ['run', 'sit'],
        'database': {
            'a': {'subset': 'training', 'annotations': {'label': 'run'}},
            'b': {'subset': 'testing', 'annotations': {}},
        },
    }
).encode()
SEGMENTS = json.dumps(
    {
        'database': {
            'x': {
                'subset': 'training',
                'duration': 9.5,
                'annotations': [{'label': 'run', 'segment': [0.5, 3]}, {'label': 'sit', 'segment': [4, 5]}],
            }
        }
    }
).encode()
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**400),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3),
    max_leaves=6,
)


def stays_inside(annotation: Annotation) -> bool:
    path = PurePosixPath(annotation.key)
    return not path.is_absolute() and '..' not in path.parts and '\0' not in annotation.key


def check_annotations(found) -> None:
    annotations, _ = found
    for one in annotations:
        assert stays_inside(one)
        assert one.segment_seconds is None or all(math.isfinite(second) for second in one.segment_seconds)
        assert one.label is None or isinstance(one.label, str)
        f'{one.key}{one.label}'.encode()


@quickly
@given(content=mutated(CUT, SEGMENTS))
@example(content=SEGMENTS.replace(b'0.5', b'9' * 400))
@example(content=CUT.replace(b'"a"', b'"\\u0000"'))
@example(content=CUT.replace(b'"a"', b'"../a"'))
@example(content=CUT.replace(b'["run", "sit"]', b'7'))
@example(content=CUT.replace(b'["run", "sit"]', b'{"run": 1}'))
def test_annotations_in_json(content, tmp_path):
    if found := read_or_refused(lambda file: read_json(file, 'training'), tmp_path / 'a.json', content):
        check_annotations(found)
    read_or_refused(read_annotations, tmp_path / 'b.json', content)


@quickly
@given(
    video=st.fixed_dictionaries(
        {'subset': st.just('training') | values},
        optional={
            'duration': values,
            'annotations': values
            | st.lists(
                st.fixed_dictionaries({'label': st.just('run') | values, 'segment': st.lists(values, max_size=3)})
            ),
        },
    ),
    labels=values,
)
def test_annotations_of_any_values(video, labels, tmp_path):
    try:
        content = json.dumps({'labels': labels, 'database': {'v': video}}).encode()
    except UnicodeEncodeError:
        return
    if found := read_or_refused(lambda file: read_json(file, 'training'), tmp_path / 'a.json', content):
        check_annotations(found)
    read_or_refused(read_annotations, tmp_path / 'b.json', content)


@quickly
@given(content=mutated(b'Run/v_Run_g01_c01.avi 1\r\nSit/v_Sit_g01_c01.avi 2\r\n', b'Run/a.avi\nSit/b.mp4\n'))
@example(content=b'Run/a.avi ' + b'9' * 5000)
@example(content=b'../Run/a.avi 1')
@example(content=b'/etc/a.avi')
def test_lists_of_videos(content, tmp_path):
    if found := read_or_refused(read_list, tmp_path / 'trainlist01.txt', content, has_lines=True):
        check_annotations((found[0], None))


@quickly
@given(content=mutated(b'1 Run\r\n2 Sit\r\n'))
@example(content=b'1 \n')
def test_indexes_of_classes(content, tmp_path):
    found = read_or_refused(read_class_index, tmp_path / 'classInd.txt', content, has_lines=True)
    assert found is None or all(name.strip() for name in found)


@quickly
@given(content=mutated(b'a_b.avi 1 \nc.avi 2 \nd.avi 0 \n'))
@example(content=b'../../etc/passwd.avi 1')
@example(content=b'a\0b.avi 1')
def test_split_files_of_hmdb51(content, tmp_path):
    file = tmp_path / 'run_test_split1.txt'
    if found := read_or_refused(
        lambda file: read_hmdb51(file.parent, split=1, subset='training'), file, content, has_lines=True
    ):
        check_annotations(found)
    for other in (2, 3):
        (tmp_path / f'run_test_split{other}.txt').write_bytes(b'')
    if found := read_or_refused(lambda file: hmdb51_annotations(file.parent, 1), file, content):
        assert not any('/' in key or key in ('', '.', '..') for key in found['database'])


@quickly
@given(
    content=mutated(
        b'label,youtube_id,time_start,time_end,split\nrun,abc-_,1,11,train\n"sit, down",d,0,10,val\n',
        b'youtube_id,time_start,time_end,split\nabc,1,11,train\n',
    )
)
@example(content=b'label,youtube_id,time_start,time_end,split\nrun,a,inf,11,train\n')
@example(content=b'label,youtube_id,time_start,time_end,split\nrun,/etc/x,1,11,train\n')
@example(content=b'label,youtube_id,time_start,time_end,split\nrun,,1,11,train\n')
@example(content=b'label,youtube_id,time_start,time_end,split\nrun,a,-1,11,train\n')
@example(content=b'\0label,youtube_id,time_start,time_end,split\nrun,a,1,"' + b'1' * 140_000 + b'",train\n')
def test_csv_files_of_kinetics(content, tmp_path):
    if found := read_or_refused(lambda file: read_kinetics_csv(file, 'training'), tmp_path / 'train.csv', content):
        check_annotations(found)
    if found := read_or_refused(lambda file: kinetics_annotations({'training': file}), tmp_path / 'b.csv', content):
        assert not any('/' in key for key in found['database'])


@quickly
@given(content=mutated(b'Run/v_Run_g01_c01.avi 1\r\n'))
def test_lists_that_are_prepared_into_json(content, tmp_path):
    (tmp_path / 'classInd.txt').write_bytes(b'1 Run\n')
    (tmp_path / 'testlist01.txt').write_bytes(b'Run/v_Run_g02_c01.avi\n')
    file = tmp_path / 'trainlist01.txt'
    if found := read_or_refused(lambda file: ucf101_annotations(file.parent, 1), file, content):
        assert not any('/' in key or key in ('', '.', '..') for key in found['database'])


EXPERIMENTS = [(REPOSITORY / f'configs/yaml/{name}.yml').read_bytes() for name in ('simple', 'anc')]
LAUGHS = b'a: &a [x, x, x, x, x, x, x, x, x]\n' + b''.join(
    f'{name}: &{name} [{", ".join([f"*{chr(ord(name) - 1)}"] * 9)}]\n'.encode() for name in 'bcdefghij'
)


@quickly
@given(content=mutated(*EXPERIMENTS))
@example(content=LAUGHS)
@example(content=b'a: &a [*a]')
@example(content=b'a: &a {<<: *a}')
@example(content=b'a: ' + b'[' * 5000)
@example(content=b'a: 2024-13-01')
@example(content=b'a: !!float x')
@example(content=b'a: !!bool x')
@example(content=b'a: !!timestamp x')
@example(content=b'a: ' + b'9' * 5000)
@example(content=b'\n\n\x07')
@example(content=b'a: !!python/object/apply:os.system [true]')
def test_experiments_in_yaml(content, tmp_path):
    found = read_or_refused(read_yaml, tmp_path / 'a.yml', content)
    if found is not None:
        for check in (checked_experiment, checked_datasets):
            try:
                check(found)
            except ValueError as error:  # the command puts the file's name before it
                assert str(error)


def npz(**arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.fixture(scope='module')
def feature_file(tmp_path_factory) -> bytes:
    file = tmp_path_factory.mktemp('features') / 'a.npz'
    videos = VideoFeatures(
        torch.ones(2, 3), torch.tensor([0, 1]), ['a', 'b'], ['gallery', 'query'], ['x', 'y'], {'weights': 'w'}
    )
    save_features(videos, file)
    return file.read_bytes()


@quickly
@given(data=st.data())
def test_files_of_features(data, feature_file, tmp_path):
    found = read_or_refused(load_features, tmp_path / 'a.npz', data.draw(mutated(feature_file)))
    assert found is None or (found.features.isfinite().all() and len(found.sample_ids) == 2)


@quickly
@given(text=st.sampled_from(['{"a": 1}', '{"a": [[]]}', '[', '{"a": NaN}', '{"weights": "w"}', '7', '{"a": null}']))
def test_provenance_in_files_of_features(text, tmp_path):
    content = npz(
        features=np.ones((1, 2), np.float32), labels=np.zeros(1, np.int64), provenance=np.array(text),
        sample_ids=np.array(['a']), roles=np.array(['']), classes=np.array(['x']),
    )  # fmt: skip
    found = read_or_refused(load_features, tmp_path / 'a.npz', content)
    assert found is None or all(isinstance(value, str | None) for value in found.provenance.values())


@pytest.fixture(scope='module')
def probe(tmp_path_factory) -> tuple[torch.nn.Module, bytes]:
    network = torch.nn.Linear(3, 2)
    file = tmp_path_factory.mktemp('probe') / 'probe.pth'
    save_probe(file, network=network, weight=torch.ones(2, 3), bias=torch.zeros(2), classes=['a', 'b'])
    return network, file.read_bytes()


@quickly
@given(data=st.data())
def test_files_of_probes(data, probe, tmp_path):
    network, content = probe
    found = read_or_refused(
        lambda file: load_probe(file, network=network), tmp_path / 'probe.pth', data.draw(mutated(content))
    )
    assert found is None or all(isinstance(name, str) for name in found[1])


@pytest.mark.parametrize(
    'changes',
    [dict(classes=[1, 2]), dict(classes='ab'), dict(weight=torch.ones(2, 3, dtype=torch.int64)), dict(network=7)],
)
def test_probes_of_other_content_are_refused(changes, probe, tmp_path):
    network, content = probe
    (tmp_path / 'probe.pth').write_bytes(content)
    stored = torch.load(tmp_path / 'probe.pth', weights_only=True)
    torch.save({**stored, **changes}, tmp_path / 'probe.pth')
    with pytest.raises(ValueError, match=r'probe\.pth'):
        load_probe(tmp_path / 'probe.pth', network=network)


small_texts = mutated(b'12\n', b'25.00\n') | st.binary(max_size=8)


@quickly
@given(content=small_texts)
@example(content=b'nan')
@example(content=b'inf')
@example(content=b'1e300')
@example(content=b'-3')
@example(content=b'\xff')
@example(content=b'0.5')
def test_counts_of_frames_and_rates(content, tmp_path):
    (tmp_path / 'v').mkdir(exist_ok=True)
    (tmp_path / 'v/fps').write_bytes(b'25')
    found = read_or_refused(lambda file: FrameFolderFinder([tmp_path]).find(['v']), tmp_path / 'v/n_frames', content)
    assert found is None or 0 < found['total_frames'] <= 10**9
    (tmp_path / 'v/n_frames').write_bytes(b'12')
    found = read_or_refused(lambda file: FrameFolderFinder([tmp_path]).find(['v']), tmp_path / 'v/fps', content)
    assert found is None or 0 <= found.get('avg_fps', 0) <= 10**9


@quickly
@given(content=mutated(b'0.000000\n0.040000\n0.080000\n'))
@example(content=b'0\n1\nnan\n')
@example(content=b'0\n1\n1\n')
def test_times_of_frames(content, tmp_path):
    found = read_or_refused(lambda file: _read_times(str(file), 3), tmp_path / 'times', content)
    assert found is None or (len(found) == 3 and (np.diff(found) > 0).all())


@pytest.fixture(scope='module')
def indexed_video(tmp_path_factory):
    video = tmp_path_factory.mktemp('index') / 'v.mp4'
    video.write_bytes(b'x')
    index = frame_index.FrameIndex(np.arange(5) * 2, frame_index.Fraction(1, 50), 0.0, np.array([0, 3]), 25.0)
    frame_index.save_index(index, video)
    return video, frame_index.index_file(video).read_bytes()


@quickly
@given(data=st.data())
def test_indexes_of_frames_are_right_or_made_anew(data, indexed_video):
    video, content = indexed_video
    frame_index.index_file(video).write_bytes(data.draw(mutated(content)))
    index = frame_index.load_index(video)
    if index is not None:
        assert (np.diff(index.time_stamps) > 0).all() and np.isfinite(index.seconds).all()
        assert np.isfinite(index.frames_per_second) and index.frames_per_second > 0
        assert ((index.key_frames >= 0) & (index.key_frames < len(index))).all()


RESULTS = b'{"retrieval/top1": 0.5, "provenance": {"config": "a", "checkpoint": "b", "sha256": null}}'


@quickly
@given(content=mutated(RESULTS))
def test_files_of_results(content, tmp_path):
    found = read_or_refused(read_metrics, tmp_path / 'a.json', content)
    assert found is None or isinstance(found[0], dict)
