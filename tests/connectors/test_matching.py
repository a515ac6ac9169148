import pytest
import torch
import torch.nn.functional as F

from kdtoolbox.connectors import MatchSpace, MLPProjection, SpacePool, TimePool


def test_pooling_over_space_keeps_time_and_leaves_sequences_alone():
    maps = torch.randn(2, 3, 4, 5, 6)
    torch.testing.assert_close(TimePool()(maps), maps.mean(2))
    torch.testing.assert_close(SpacePool()(maps), maps.mean((3, 4)))
    tokens = torch.randn(2, 3, 4, 7)
    torch.testing.assert_close(SpacePool()(tokens), tokens.mean(3))
    sequences = torch.randn(2, 3, 4)
    assert SpacePool()(sequences) is sequences


def test_shrinking_to_a_divisor_is_the_mean_of_blocks_and_keeps_the_total():
    maps = torch.randn(2, 3, 4, 6, 8)
    expected = maps.unflatten(4, (2, 4)).unflatten(3, (3, 2)).mean((4, 6))
    torch.testing.assert_close(MatchSpace((3, 2))(maps), expected)
    torch.testing.assert_close(MatchSpace(1)(maps).flatten(2), maps.mean((3, 4)))


def test_growing_interpolates_frame_by_frame_and_keeps_a_slope():
    maps = torch.randn(2, 3, 4, 5, 6)
    expected = F.interpolate(maps[:, :, 2], (10, 9), mode='bilinear')
    torch.testing.assert_close(MatchSpace((10, 9))(maps)[:, :, 2], expected)
    slope = torch.arange(4.0).view(1, 1, 1, 1, 4).expand(1, 1, 2, 3, 4)
    grown = MatchSpace((3, 8))(slope)
    torch.testing.assert_close(grown[0, 0, 0, 0, 1:-1], torch.arange(0.25, 3, 0.5))


def test_a_dimension_that_shrinks_is_averaged_though_the_other_grows():
    maps = torch.randn(1, 1, 1, 8, 2)
    got = MatchSpace((2, 4))(maps)
    averaged = maps.unflatten(3, (2, 4)).mean(4)
    torch.testing.assert_close(got[..., [0, -1]], averaged)


def test_the_same_size_is_the_same_tensor():
    maps = torch.randn(1, 2, 3, 4, 5)
    assert MatchSpace((4, 5))(maps) is maps


def test_an_mlp_treats_each_time_step_and_place_as_a_vector():
    mlp = MLPProjection(3, 7, hidden_channels=5)
    maps = torch.randn(2, 3, 4, 5, 6)
    vectors = mlp(maps[:, :, 1, 2, 3])
    assert vectors.shape == (2, 7)
    torch.testing.assert_close(mlp(maps)[:, :, 1, 2, 3], vectors)
    torch.testing.assert_close(mlp(maps[..., 2, 3])[:, :, 1], vectors)
    assert not torch.allclose(mlp(2 * maps), 2 * mlp(maps), atol=1e-3)  # it is not linear


def test_an_mlp_is_as_wide_inside_as_its_output_unless_told():
    assert [layer.out_features for layer in MLPProjection(3, 7).layers[::2]] == [7, 7]
    assert [layer.out_features for layer in MLPProjection(3, 7, hidden_channels=9).layers[::2]] == [9, 7]


@pytest.mark.parametrize(
    'connector, shape, message',
    [
        (SpacePool(), (2, 3), 'vectors have no time'),
        (TimePool(), (2, 3), 'vectors have no time'),
        (MatchSpace(4), (2, 3, 4, 5), 'TokensToMap'),
        (MLPProjection(3, 7), (2, 4, 5), r'got \(2, 4, 5\), expected \(N, 3, ...\): set in_channels=4'),
        (MLPProjection(3, 7), (3,), 'in_channels=C'),
    ],
)
def test_inputs_that_do_not_fit_are_refused(connector, shape, message):
    with pytest.raises(ValueError, match=message):
        connector(torch.zeros(shape))


@pytest.mark.parametrize('size', [0, (4, 0), (1, 2, 3)])
def test_sizes_that_are_none_are_refused_when_built(size):
    with pytest.raises(ValueError, match='height, width'):
        MatchSpace(size)
