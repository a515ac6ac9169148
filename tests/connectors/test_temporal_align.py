import numpy as np
import pytest
import torch

from kdtoolbox.connectors import TemporalAlign
from kdtoolbox.connectors.temporal_align import MODES, alignment_weights
from kdtoolbox.views import step_times

TIMES = [
    step_times(steps, num_frames=16, frame_stride=stride)
    for steps, stride in ((16, 1), (8, 1), (5, 1), (1, 1), (8, 2), (2, 2), (4, 4), (2, 8))
]


def sequence(times, shape=(2, 3), seed=0):
    return torch.randn(*shape, len(times), generator=torch.Generator().manual_seed(seed))


def test_steps_are_in_the_middle_of_the_frames_they_are_made_of():
    for stride in (1, 2, 3):
        shown = np.arange(0, 24, stride)
        for steps in (1, 2, 4, 8):
            if len(shown) % steps == 0:
                expected = shown.reshape(steps, -1).mean(1)
                assert step_times(steps, num_frames=24, frame_stride=stride).tolist() == expected.tolist()
    assert step_times(3, num_frames=7, frame_stride=3).tolist() == [0, 3, 6]  # the last frame of 7 is shown too
    with pytest.raises(ValueError, match='1 or more'):
        step_times(0, num_frames=16, frame_stride=1)


@pytest.mark.parametrize('mode', MODES)
def test_equal_times_are_the_identity(mode):
    for times in TIMES:
        x = sequence(times)
        assert torch.equal(TemporalAlign(mode)(x, times, times.clone()), x)
        weights = alignment_weights(times, times, mode)
        torch.testing.assert_close(weights, torch.eye(len(times)).double(), atol=1e-12, rtol=0)


@pytest.mark.parametrize('mode', MODES)
def test_what_does_not_change_in_time_comes_out_as_it_is(mode):
    for times in TIMES:
        for target_times in TIMES:
            weights = alignment_weights(times, target_times, mode)
            assert weights.shape == (len(target_times), len(times)) and weights.min() >= 0
            torch.testing.assert_close(weights.sum(1), torch.ones(len(target_times)).double())


@pytest.mark.parametrize('mode', MODES)
def test_running_the_clip_backwards_runs_the_result_backwards(mode):
    for times in TIMES:
        for target_times in TIMES:
            backwards = [15 - steps.flip(0) for steps in (times, target_times)]
            weights = alignment_weights(times, target_times, mode)
            if mode == 'nearest':  # of two as near, the earlier is taken
                distances = (target_times[:, None] - times).abs().sort(1).values
                if len(times) > 1 and (distances[:, 0] == distances[:, 1]).any():
                    continue
            torch.testing.assert_close(alignment_weights(*backwards, mode), weights.flip(0, 1), atol=1e-6, rtol=0)


def test_linear_is_numpys_interpolation_and_holds_the_ends():
    for times in TIMES:
        for target_times in TIMES:
            x = sequence(times, (1, 1))
            expected = np.interp(target_times.numpy(), times.numpy(), x[0, 0].numpy())
            torch.testing.assert_close(
                TemporalAlign('linear')(x, times, target_times)[0, 0].double(),
                torch.from_numpy(expected),
                atol=1e-6,
                rtol=1e-5,
            )


def test_linear_meets_a_motion_of_constant_speed_at_every_moment():
    times, target_times = step_times(8, num_frames=16, frame_stride=1), step_times(4, num_frames=16, frame_stride=4)
    position = times.view(1, 1, -1)
    got = TemporalAlign('linear')(position, times, target_times)
    torch.testing.assert_close(got[0, 0], target_times.clamp(times[0], times[-1]))


def test_pooling_to_fewer_steps_is_the_mean_of_the_frames_of_each():
    times, target_times = step_times(16, num_frames=16, frame_stride=1), step_times(4, num_frames=16, frame_stride=1)
    x = sequence(times)
    torch.testing.assert_close(TemporalAlign('pool')(x, times, target_times), x.unflatten(2, (4, 4)).mean(3))
    to_one = TemporalAlign('pool')(x, times, step_times(1, num_frames=16, frame_stride=1))
    torch.testing.assert_close(to_one, x.mean(2, keepdim=True))


def test_pooling_shares_a_step_on_the_border_between_both_neighbours():
    times, target_times = torch.arange(5.0), torch.tensor([0.0, 2.0, 4.0])
    expected = torch.tensor([[3, 1, 0, 0, 0], [0, 1, 2, 1, 0], [0, 0, 0, 1, 3]]).double()
    # Beyond its ends the clip stays as it is, so the first and the last step count for the half stretch beyond too.
    torch.testing.assert_close(alignment_weights(times, target_times, 'pool'), expected / 4)


def test_nearest_picks_the_frames_that_a_stride_would():
    times, target_times = step_times(16, num_frames=16, frame_stride=1), step_times(4, num_frames=16, frame_stride=4)
    x = sequence(times)
    assert torch.equal(TemporalAlign('nearest')(x, times, target_times), x[:, :, ::4])


@pytest.mark.parametrize('mode', MODES)
def test_maps_are_aligned_at_every_place_alike_and_pass_the_gradient_on(mode):
    times, target_times = TIMES[1], TIMES[5]
    x = torch.randn(2, 3, 8, 4, 5, requires_grad=True)
    got = TemporalAlign(mode)(x, times, target_times)
    assert got.shape == (2, 3, 2, 4, 5)
    torch.testing.assert_close(got[..., 1, 2], TemporalAlign(mode)(x[..., 1, 2], times, target_times))
    got.sum().backward()
    assert x.grad.norm() > 0


def test_under_autocast_no_digit_is_lost():
    times, target_times = TIMES[1], TIMES[5]
    x = sequence(times)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = TemporalAlign()(x, times, target_times)
    assert torch.equal(got, TemporalAlign()(x, times, target_times)) and got.dtype == torch.float32


@pytest.mark.parametrize(
    'shape, times, target_times, message',
    [
        ((2, 3), [0.0], [0.0], 'vectors have no time'),
        ((2, 3, 4), [0.0, 1.0], [0.0], r'expected \(N, C, 2\)'),
        ((2, 3, 2), [1.0, 0.0], [0.0], 'times .* rising'),
        ((2, 3, 2), [0.0, 1.0], [2.0, 2.0], 'target_times .* rising'),
    ],
)
def test_times_that_do_not_fit_are_refused(shape, times, target_times, message):
    with pytest.raises(ValueError, match=message):
        TemporalAlign()(torch.zeros(shape), torch.tensor(times), torch.tensor(target_times))


def test_an_unknown_mode_is_refused_when_built():
    with pytest.raises(ValueError, match="'linear', 'pool', 'nearest'"):
        TemporalAlign('cubic')
