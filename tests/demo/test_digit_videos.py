import cv2
import numpy as np
import pytest

from kdtoolbox.datasets import HMDB51Dataset
from kdtoolbox.demo.digit_videos import (
    CLASSES,
    NUM_FRAMES,
    DigitVideos,
    bounce,
    render,
    split_digits,
    write_digit_videos,
)

SMALL = DigitVideos(training_videos_per_class=2, test_videos_per_class=1)


def test_no_digit_image_is_both_for_training_and_for_testing():
    subsets = split_digits(0)
    images = {subset: {image.tobytes() for image in images} for subset, (images, _) in subsets.items()}
    assert not images['training'] & images['test']
    shares = [np.bincount(labels, minlength=10) / len(labels) for _, labels in subsets.values()]
    np.testing.assert_allclose(*shares, atol=0.01)


def test_the_scene_does_not_depend_on_the_digit():
    blank, full = np.zeros((8, 8), np.float32), np.ones((8, 8), np.float32)
    without, again, with_digit = (render(digit, np.random.default_rng(3)) for digit in (blank, blank, full))
    np.testing.assert_array_equal(without, again)
    assert (without == without[:1]).all()  # no digit, nothing moves
    covered = (with_digit != without).any((0, 3))
    assert 0.02 < covered.mean() < 0.95
    np.testing.assert_array_equal(with_digit[:, ~covered], without[:, ~covered])


def test_a_digit_bounces_off_the_walls():
    path = bounce(np.linspace(-50, 50, 200), 10, 20)
    assert path.min() >= 10 and path.max() <= 20
    assert np.abs(np.diff(path)).max() < 1  # it never jumps


def test_the_videos_are_read_by_the_ordinary_adapter(tmp_path):
    videos, annotations = write_digit_videos(tmp_path / 'digits', SMALL)
    assert len(list(annotations.glob('*_test_split1.txt'))) == len(CLASSES) == 10
    datasets = {
        subset: HMDB51Dataset(data_root=videos, ann_file=annotations, subset=subset, pipeline=[])
        for subset in ('training', 'validation')
    }
    assert [len(dataset) for dataset in datasets.values()] == [20, 10] and not datasets['training'].missing
    capture = cv2.VideoCapture(str(next(videos.glob('digit3/*.avi'))))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == NUM_FRAMES


def test_what_is_there_is_kept_and_other_settings_replace_it(tmp_path):
    videos, _ = write_digit_videos(tmp_path / 'digits', SMALL)
    marker = next(videos.rglob('*.avi'))
    marker.write_bytes(b'kept')
    write_digit_videos(tmp_path / 'digits', SMALL)
    assert marker.read_bytes() == b'kept'
    write_digit_videos(tmp_path / 'digits', DigitVideos(training_videos_per_class=1, test_videos_per_class=1))
    assert len(list(videos.rglob('*.avi'))) == 20


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / 'digits').mkdir()
    (tmp_path / 'digits/thesis.tex').write_text('years of work')
    with pytest.raises(ValueError, match='was not written by the demo'):
        write_digit_videos(tmp_path / 'digits', SMALL)
    assert (tmp_path / 'digits/thesis.tex').read_text() == 'years of work'


def test_more_videos_than_digits_are_refused_and_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match='there are only'):
        write_digit_videos(tmp_path / 'digits', DigitVideos(training_videos_per_class=1000))
    assert not (tmp_path / 'digits').exists()
