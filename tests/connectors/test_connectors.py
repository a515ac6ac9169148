import pytest
import torch

from kdtoolbox.connectors import GlobalPool, LinearProjection, MapProjection


def test_pooling_is_the_mean_over_time_and_space_and_leaves_vectors_alone():
    maps = torch.randn(2, 3, 4, 5, 6)
    torch.testing.assert_close(GlobalPool()(maps), maps.mean((2, 3, 4)))
    vectors = torch.randn(2, 3)
    assert GlobalPool()(vectors) is vectors


def test_a_map_projection_is_a_linear_one_at_every_place():
    maps = torch.randn(2, 3, 4, 5, 6)
    projection, linear = MapProjection(3, 7), LinearProjection(3, 7)
    linear.linear.weight.data.copy_(projection.conv.weight.data.flatten(1))
    linear.linear.bias.data.copy_(projection.conv.bias.data)
    torch.testing.assert_close(projection(maps)[:, :, 1, 2, 3], linear(maps[:, :, 1, 2, 3]))


@pytest.mark.parametrize('connector, shape, message', [
    (LinearProjection(3, 7), (2, 4), r'got \(2, 4\), expected \(N, 3\): set in_channels=4'),
    (LinearProjection(3, 7), (2, 3, 1, 1, 1), 'pool maps first'),
    (MapProjection(3, 7), (2, 4, 1, 1, 1), 'set in_channels=4'),
    (MapProjection(3, 7), (2, 3), 'use LinearProjection')])
def test_inputs_that_do_not_fit_are_refused(connector, shape, message):
    with pytest.raises(ValueError, match=message):
        connector(torch.zeros(shape))
