"""From a teacher's grid to the student's, and tokens straight from a transformer."""

import pytest
import torch
from mmengine.registry import init_default_scope

from kdtoolbox.connectors import MatchGrid, PatchTokens
from kdtoolbox.registry import MODELS

MAPS = torch.arange(2.0 * 3 * 4 * 4 * 4).view(2, 3, 4, 4, 4)


def test_the_first_frame_of_each_step_is_taken_and_whole_cells_are_averaged():
    matched = MatchGrid((2, 2, 2), frames='first')(MAPS)
    assert matched[1, 2, 1, 0, 1] == MAPS[1, 2, 2, :2, 2:].mean()


def test_the_mean_of_the_frames_of_a_step():
    assert torch.equal(MatchGrid((2, 4, 4), frames='mean')(MAPS), MAPS.unflatten(2, (2, 2)).mean(3))


def test_frames_of_a_step_are_stacked_one_behind_another():
    stacked = MatchGrid((2, 4, 4), frames='stack')(MAPS)
    assert stacked.shape == (2, 6, 2, 4, 4)
    assert torch.equal(stacked[:, :3], MAPS[:, :, ::2]) and torch.equal(stacked[:, 3:], MAPS[:, :, 1::2])


def test_a_ramp_over_the_clip_stays_a_ramp_on_another_grid():
    centres = (torch.arange(6) + 0.5) / 6
    ramp = centres.expand(1, 1, 2, 6, 6)
    matched = MatchGrid((2, 4, 4))(ramp)
    expected = (torch.arange(4) + 0.5) / 4
    torch.testing.assert_close(matched[0, 0, 0, 0, 1:3], expected[1:3], atol=0.01, rtol=0)


@pytest.mark.parametrize('frames', ['first', 'mean'])
def test_a_step_of_a_teacher_with_fewer_is_that_of_all_steps_in_its_part_of_the_clip(frames):
    matched = MatchGrid((8, 2, 2), frames=frames)(MAPS)
    expected = torch.nn.functional.interpolate(MatchGrid((4, 2, 2))(MAPS), (8, 2, 2), mode='nearest')  # by position
    assert torch.equal(matched, expected)


@pytest.mark.parametrize(
    'grid, frames', [((3, 4, 4), 'first'), ((6, 4, 4), 'mean'), ((4, 4, 2), 'first'), ((8, 4, 4), 'stack')]
)
def test_grids_that_do_not_fit_are_both_in_the_message(grid, frames):
    with pytest.raises(ValueError) as error:
        MatchGrid(grid, frames=frames)(MAPS)
    assert str((4, 4, 4)) in str(error.value) and str(grid) in str(error.value)


def test_mistaken_options_and_inputs_are_refused():
    for mistake in (lambda: MatchGrid((2, 2)), lambda: MatchGrid((2, 2, 2), frames='all'), lambda: PatchTokens(-1)):
        with pytest.raises(ValueError, match='expected'):
            mistake()
    with pytest.raises(ValueError, match='expected a map'):
        MatchGrid((2, 2, 2))(torch.ones(2, 3, 4))
    with pytest.raises(ValueError, match='more than num_prefix_tokens=5'):
        PatchTokens(5)(torch.ones(2, 5, 3))


def test_patches_are_without_prefix_and_frames_one_behind_another():
    tokens = torch.arange(2.0 * 3 * 5 * 4).view(6, 5, 4)  # two clips of three frames
    patches = PatchTokens(2, num_frames=3)(tokens)
    assert patches.shape == (2, 4, 9)
    assert torch.equal(patches[1, :, 3:6], tokens[4, 2:].T)


def test_tokens_of_swin_are_in_the_order_of_its_map():
    init_default_scope('kdtoolbox')
    arch = dict(embed_dims=12, depths=[1] * 4, num_heads=[1] * 4)
    swin = MODELS.build(dict(type='SwinTransformer3D', arch=arch, patch_size=(2, 4, 4), window_size=(2, 2, 2)))
    swin.eval()  # gives None
    tapped = []
    swin.norm3.register_forward_hook(lambda module, inputs, output: tapped.append(output))
    with torch.no_grad():
        expected = swin(torch.rand(2, 3, 4, 64, 32))
    torch.testing.assert_close(PatchTokens()(tapped[0]), expected.flatten(2))
    with pytest.raises(ValueError, match='PatchTokens got'):
        PatchTokens(1)(tapped[0])
