import pytest
import torch

from kdtoolbox.connectors import GlobalPool, LinearProjection, MapProjection, MLPProjection, PHIStandardize, Standardize


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


@pytest.mark.parametrize(
    'connector, shape, message',
    [
        (LinearProjection(3, 7), (2, 4), r'got \(2, 4\), expected \(N, 3\): set in_channels=4'),
        (LinearProjection(3, 7), (2, 3, 1, 1, 1), 'pool maps first'),
        (MapProjection(3, 7), (2, 4, 1, 1, 1), 'set in_channels=4'),
        (MapProjection(3, 7), (2, 3), 'use LinearProjection'),
        (Standardize(3), (2, 4), 'set channels=4'),
        (Standardize(3).eval(), (2, 3), 'seen nothing'),
    ],
)
def test_inputs_that_do_not_fit_are_refused(connector, shape, message):
    with pytest.raises(ValueError, match=message):
        connector(torch.zeros(shape))


def test_standardizing_uses_the_statistics_of_everything_seen():
    batches = torch.randn(5, 8, 3) * torch.tensor([1.0, 10.0, 0.1]) + torch.tensor([5.0, -3.0, 0.0])
    standardize = Standardize(3)
    for batch in batches:
        last = standardize(batch)
    seen = batches.flatten(0, 1).double()
    expected = (batches[-1].double() - seen.mean(0)) / seen.std(0, correction=0)
    torch.testing.assert_close(last.double(), expected, atol=1e-4, rtol=1e-4)
    before = standardize.state_dict()['sum'].clone()
    standardize.eval()(batches[0])
    assert torch.equal(standardize.state_dict()['sum'], before)


def test_a_constant_channel_stays_finite():
    assert Standardize(2)(torch.full((4, 2), 7.0)).abs().max() < 1e-3


def test_clips_with_infinite_or_nan_features_are_in_no_statistics_and_it_is_said_once():
    batches = torch.randn(3, 8, 3) + 5
    broken = batches.clone()
    broken[1, 2, 0], broken[1, 5, 1], broken[2, 0] = torch.inf, torch.nan, -torch.inf
    standardize, clean = Standardize(3), Standardize(3)
    warnings = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('kdtoolbox.connectors.standardize.print_log', lambda words, *_: warnings.append(words))
        for batch in broken:
            standardize(batch)
    for batch in broken:
        clean(batch[batch.isfinite().all(1)])
    torch.testing.assert_close(standardize.eval()(batches[0]), clean.eval()(batches[0]))
    assert len(warnings) == 1 and '2 of 8 vectors have infinite or NaN features' in warnings[0]


def test_a_first_batch_without_a_finite_clip_is_refused():
    with pytest.raises(ValueError, match='seen nothing finite'):
        Standardize(2)(torch.full((3, 2), torch.nan))


def test_one_number_for_all_channels_balances_teachers_and_keeps_their_channels_apart():
    """L2 to the target is that of the features divided by the mean variance of the target's channels."""
    features = torch.randn(64, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 10.0, 100.0]) + 5
    standardized = Standardize(3, scale='all').train()(features)
    variance = features.double().var(0, unbiased=False).mean()
    torch.testing.assert_close(standardized.double().var(0, unbiased=False).mean(), torch.tensor(1.0).double())
    guess = torch.zeros_like(features)
    expected = (features - features.mean(0) - guess).double().square().mean() / variance
    torch.testing.assert_close((standardized - guess).double().square().mean(), expected)
    spread = standardized.std(0)
    torch.testing.assert_close(spread[2] / spread[0], features[:, 2].std() / features[:, 0].std())
    with pytest.raises(ValueError, match="scale='none'"):
        Standardize(3, scale='none')


@pytest.mark.parametrize('kind', [Standardize, PHIStandardize])
def test_each_position_of_a_map_is_standardized_as_a_vector(kind):
    maps = torch.randn(3, 4, 2, 5, 5, generator=torch.Generator().manual_seed(0)) * 3 + 1
    of_maps, of_vectors = (kind(4).train() for _ in range(2))
    for batch in (maps, maps.flip(0)):  # PHI-S has found its rotation behind the first
        expected = of_vectors(batch.movedim(1, -1).reshape(-1, 4)).view(3, 2, 5, 5, 4).movedim(-1, 1)
        torch.testing.assert_close(of_maps(batch), expected)
    assert all(torch.equal(value, of_vectors.state_dict()[name]) for name, value in of_maps.state_dict().items())
    if kind is PHIStandardize:
        torch.testing.assert_close(of_maps.inverse(of_maps(maps)), maps)


def test_a_head_of_am_radio_has_a_layer_norm_between_its_layers():
    head = MLPProjection(4, 3, hidden_channels=5, layer_norm=True)
    x = torch.randn(2, 4, 6)
    first, norm, _, last = head.layers
    hidden = torch.nn.functional.gelu(norm(x.transpose(1, 2) @ first.weight.T + first.bias))
    torch.testing.assert_close(head(x), last(hidden).transpose(1, 2))
