"""Also shows that mmaction2's own transforms give the original experiments' temporal and corner crops."""

import math
from fractions import Fraction

import numpy as np
import pytest
from mmaction.datasets.transforms import MultiScaleCrop, SampleFrames

from kdtoolbox.datasets.seeding import seeded
from kdtoolbox.datasets.transforms import SampleClipsEvenly


@pytest.mark.parametrize('total_frames, frame_stride', [(16, 1), (17, 1), (40, 1), (1616, 1), (32, 2), (97, 2)])
def test_ten_clips_start_where_the_retrieval_protocol_says(total_frames, frame_stride):
    span = 16 * frame_stride
    results = SampleClipsEvenly(16, 10, frame_stride)(dict(total_frames=total_frames, start_index=0))
    first, last = Fraction(span, 2), total_frames - Fraction(span, 2)
    centres = [first + (last - first) * Fraction(i, 9) for i in range(10)]
    starts = [math.floor(centre - Fraction(span, 2)) for centre in centres]
    expected = [start + step * frame_stride for start in starts for step in range(16)]
    assert results['frame_inds'].tolist() == expected
    assert (results['num_clips'], results['clip_len'], results['frame_interval']) == (10, 16, frame_stride)


def test_short_videos_loop_from_their_first_frame():
    results = SampleClipsEvenly(clip_len=5, num_clips=2)(dict(total_frames=3, start_index=1))
    assert results['frame_inds'].tolist() == [1, 2, 3, 1, 2] * 2  # frame files are counted from 1


def test_no_clips_are_refused():
    with pytest.raises(ValueError, match='expected 1 or more'):
        SampleClipsEvenly(num_clips=0)


def test_random_clips_start_uniformly_and_short_videos_loop():
    sample = SampleFrames(clip_len=16, frame_interval=1, num_clips=1, out_of_bound_opt='loop')
    with seeded(0):
        starts = [sample(dict(total_frames=20, start_index=0))['frame_inds'] for _ in range(2000)]
    counts = np.bincount([frames[0] for frames in starts])
    assert len(counts) == 5 and counts.min() > 340 and counts.max() < 460  # 400 ± 3.4 deviations
    assert all((np.diff(frames) == 1).all() for frames in starts)
    assert sample(dict(total_frames=6, start_index=0))['frame_inds'].tolist() == [i % 6 for i in range(16)]
    assert sample(dict(total_frames=16, start_index=0))['frame_inds'].tolist() == list(range(16))


def test_multi_scale_crop_is_a_square_of_five_scales_in_a_corner_or_the_centre():
    scales = tuple(2 ** (-i / 4) for i in range(5))
    crop = MultiScaleCrop(input_size=224, scales=scales, max_wh_scale_gap=0)
    frame = np.arange(240 * 320).reshape(240, 320)
    seen = set()
    with seeded(0):
        for _ in range(800):
            image = crop(dict(imgs=[frame], img_shape=frame.shape))['imgs'][0]
            size = image.shape[0]
            assert image.shape == (size, size)
            top, left = divmod(int(image[0, 0]), 320)
            places = {(y, x) for y in (0, 240 - size) for x in (0, 320 - size)}
            places.add(((240 - size) // 2, (320 - size) // 2))
            nearest = min(places, key=lambda place: abs(place[0] - top) + abs(place[1] - left))
            # mmaction2 counts in quarters of the free space, so the far corners are up to 3 pixels inside.
            assert abs(nearest[0] - top) <= 3 and abs(nearest[1] - left) <= 3
            seen.add((size, nearest))
    assert {size for size, _ in seen} == {240, 201, 169, 142, 120}
    assert len(seen) == 3 + 4 * 5  # the full height leaves left, centre and right
