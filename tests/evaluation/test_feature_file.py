import json
import pickle

import numpy as np
import pytest
import torch
from safetensors import safe_open

from kdtoolbox.evaluation.feature_file import VideoFeatures, load_features, save_features
from kdtoolbox.evaluation.feature_tensors import FORM


def videos(**changes) -> VideoFeatures:
    values = dict(
        features=torch.arange(6.0).view(3, 2),
        labels=torch.tensor([0, 1, -1]),
        sample_ids=['ä/1', 'b', 'c'],
        roles=['gallery', 'query', ''],
        classes=['run', 'jump'],
        provenance={'layer': 'features'},
    )
    return VideoFeatures(**{**values, **changes})


def written(path, **changes):
    """A file of :func:`videos` with some arrays exchanged; None leaves one out."""
    save_features(videos(), path)
    with np.load(path) as archive:
        arrays = {**archive, **changes}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.mark.parametrize('name', ['features.safetensors', 'features.npz'])
def test_what_is_written_is_read_back(name, tmp_path):
    save_features(videos(), tmp_path / name)
    read = load_features(tmp_path / name)
    assert torch.equal(read.features, videos().features) and read.features.dtype == torch.float32
    assert torch.equal(read.labels, videos().labels)
    assert (read.sample_ids, read.roles, read.classes) == (['ä/1', 'b', 'c'], ['gallery', 'query', ''], ['run', 'jump'])
    assert read.provenance == {'layer': 'features'}


def test_files_are_safetensors_unless_their_name_says_npz_and_the_same_features_give_the_same_bytes(tmp_path):
    for name in ('a.safetensors', 'b.safetensors', 'c.npz'):
        save_features(videos(), tmp_path / name)
    one, other, npz = ((tmp_path / name).read_bytes() for name in ('a.safetensors', 'b.safetensors', 'c.npz'))
    assert one == other and one[8:9] == b'{' and npz.startswith(b'PK')
    (tmp_path / 'a.safetensors').rename(tmp_path / 'renamed.npz')  # what it is tells its content
    assert load_features(tmp_path / 'renamed.npz').sample_ids == ['ä/1', 'b', 'c']


@pytest.mark.parametrize(
    'header, tensors, message',
    [
        ({}, {}, 'not of the form kdtoolbox.features/1'),
        ({'sample_ids': ['a', 'b', 3]}, {}, 'sample_ids is no list of texts'),
        ({'roles': None}, {}, 'roles is no list of texts'),
        ({'provenance': {}}, {}, 'provenance is no text'),
        ({'sample_ids': ['a', 'b\0x', 'c']}, {}, 'NUL'),
        ({'sample_ids': ['a', 'b']}, {}, 'expected one feature vector, label, sample id'),
        ({'provenance': '{'}, {}, 'provenance is not JSON'),
        (None, {'features': torch.zeros(3, 2, dtype=torch.float64)}, 'features is float64'),
        (None, {'features': torch.zeros(3, 2, dtype=torch.bfloat16)}, 'cannot be read|features is'),
        (None, {'more': torch.zeros(1)}, 'unexpected'),
        (None, {'features': torch.full((3, 2), float('nan'))}, 'are not finite'),
    ],
)
def test_a_safetensors_file_of_another_content_is_refused(tmp_path, header, tensors, message):
    from safetensors.torch import load_file, save_file

    file = tmp_path / 'a.safetensors'
    save_features(videos(), file)
    with safe_open(file, 'pt') as content:
        texts = json.loads(content.metadata()[FORM])
    metadata = {} if header == {} else {FORM: json.dumps({**texts, **(header or {})})}
    save_file({**load_file(file), **tensors}, file, metadata=metadata)
    with pytest.raises(ValueError, match=message) as refused:
        load_features(file)
    assert str(file) in str(refused.value)


def test_the_name_is_kept_and_nothing_is_left_beside_it(tmp_path):
    save_features(videos(), tmp_path / 'sub/features')
    assert [path.name for path in (tmp_path / 'sub').iterdir()] == ['features']


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    save_features(videos(), tmp_path / 'features.npz')
    before = (tmp_path / 'features.npz').read_bytes()

    def fails(stream, **arrays):
        stream.write(b'half')
        raise OSError('disk full')

    monkeypatch.setattr('numpy.savez', fails)
    with pytest.raises(ValueError, match='disk full'):
        save_features(videos(), tmp_path / 'features.npz')
    assert (tmp_path / 'features.npz').read_bytes() == before
    monkeypatch.setattr('pathlib.Path.write_bytes', lambda self, content: fails(self.open('wb')))
    (tmp_path / 'features.npz').rename(tmp_path / 'features.safetensors')
    with pytest.raises(ValueError, match='disk full'):
        save_features(videos(), tmp_path / 'features.safetensors')
    assert (tmp_path / 'features.safetensors').read_bytes() == before


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(features=torch.tensor([[0.0, 1.0], [float('nan'), 0.0], [1.0, 1.0]])),
            "1 of 3 videos are not finite, .* of 'b'",
        ),
        (dict(sample_ids=['a', 'b', 'b'], roles=['query'] * 3), "'b' is there twice with the role 'query'"),
        (dict(roles=['gallery', 'query', 'train']), r"roles \['train'\]"),
        (dict(labels=torch.tensor([0, 2, 1])), 'labels run from 0 to 2: expected 0 to 1 for the 2 classes'),
        (dict(labels=torch.tensor([0, -2, 1])), 'labels run from -2'),
        (dict(labels=torch.tensor([0, 1])), "'labels': 2"),
        (dict(features=torch.zeros(3, 0)), r'shape \(3, 0\)'),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        videos(**changes)


def test_one_video_may_be_query_and_gallery():
    assert len(videos(sample_ids=['a', 'a', 'c'], roles=['gallery', 'query', '']).sample_ids) == 3


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(labels=None), r"\['labels'\] are missing and \[\] unexpected"),
        (dict(weights=np.zeros(3)), r"\['weights'\] unexpected"),
        (dict(features=np.zeros((3, 2))), r'features is float64 \(3, 2\), expected float32 \(V, C\)'),
        (dict(features=np.zeros(3, np.float32)), r'features is float32 \(3,\)'),
        (dict(labels=np.zeros(3)), r'labels is float64 \(3,\), expected int64'),
        (dict(sample_ids=np.arange(3)), r'sample_ids is int64'),
        (dict(provenance=np.array('{')), 'provenance is not JSON'),
        (dict(provenance=np.array('[]')), 'provenance is list'),
        (dict(features=np.full((3, 2), np.inf, np.float32)), 'features.npz: the features of 3 of 3 videos'),
    ],
)
def test_a_file_of_another_content_is_refused(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load_features(written(tmp_path / 'features.npz', **changes))


def test_a_checkpoint_is_refused_without_all_its_members_being_listed(tmp_path):
    torch.save({f'layer{index}': torch.zeros(1) for index in range(100)}, tmp_path / 'student.pth')
    with pytest.raises(ValueError, match=r'and 1\d\d more unexpected; .*extract_features') as info:
        load_features(tmp_path / 'student.pth')
    assert len(str(info.value)) < 500 + len(str(tmp_path))


def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / 'ran'), 'w')

    for name, content in (('object', np.array([Evil()], dtype=object)), ('pickle', None)):
        path = tmp_path / f'{name}.npz'
        if content is None:
            path.write_bytes(pickle.dumps(Evil()))
        else:
            written(path, sample_ids=content)
        with pytest.raises(ValueError, match='is no feature file.*pickle'):
            load_features(path)
    assert not (tmp_path / 'ran').exists()


def test_other_files_are_refused_with_what_to_do(tmp_path):
    np.save(tmp_path / 'array.npy', np.zeros(3))
    (tmp_path / 'text.npz').write_text(json.dumps({}))
    save_features(videos(), tmp_path / 'cut.npz')
    (tmp_path / 'cut.npz').write_bytes((tmp_path / 'cut.npz').read_bytes()[:300])
    for name in ('array.npy', 'text.npz', 'cut.npz'):
        with pytest.raises(ValueError, match='is no feature file.*tools/extract_features.py'):
            load_features(tmp_path / name)
    with pytest.raises(ValueError, match='no such file'):
        load_features(tmp_path / 'nothing.npz')
