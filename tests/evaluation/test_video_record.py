"""The file of what networks gave for each test video."""

from dataclasses import replace

import numpy as np
import pytest

from kdtoolbox.evaluation.video_record import ARRAYS, VideoRecord, load_record, save_record
from kdtoolbox.safe_files import save_arrays_aside

RECORD = VideoRecord(
    sample_ids=np.array(['a', 'b', 'c']),
    roles=np.array(['gallery', 'query', '']),
    files=np.array(['a.avi', '', 'c.avi']),
    labels=np.array([0, 1, -1]),
    classes=np.array(['x', 'y']),
    features=np.ones((3, 4), np.float32),
    probabilities=np.full((2, 2), 0.5, np.float32),
    provenance={'weights': 'epoch_1.pth'},
)


def test_it_is_read_as_it_was_written(tmp_path):
    save_record(RECORD, tmp_path / 'videos.npz')
    found = load_record(tmp_path / 'videos.npz')
    assert all(np.array_equal(getattr(found, name), getattr(RECORD, name)) for name in ARRAYS if name != 'provenance')
    assert found.provenance == RECORD.provenance
    assert found.query_ids == ['b', 'c'] and found.query_labels.tolist() == [1, -1]


@pytest.mark.parametrize(
    'change, message',
    [
        ({'labels': np.array([0, 1, 2])}, 'labels run from 0 to 2'),
        ({'features': np.ones((2, 4))}, 'features has 2 rows, expected 3'),
        ({'probabilities': np.ones((3, 2))}, 'probabilities has 3 rows, expected 2'),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(RECORD, **change)


def test_other_files_are_refused_with_their_name(tmp_path):
    file = tmp_path / 'videos.npz'
    with pytest.raises(ValueError, match='--compute writes it'):
        load_record(file)
    save_arrays_aside({'features': np.ones(3)}, file)
    with pytest.raises(ValueError, match=r'videos\.npz is no record'):
        load_record(file)
    np.savez(file, **{name: np.array([object()]) for name in ARRAYS})
    with pytest.raises(ValueError, match=r'videos\.npz is no npz archive of plain arrays'):
        load_record(file)
