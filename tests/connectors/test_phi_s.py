"""PHI-S against what defines it: equal variances, one scale, an inverse; and Hadamard matrices."""

import copy
import io

import pytest
import torch

from kdtoolbox.connectors import PHIStandardize, Standardize, standardize
from kdtoolbox.connectors import phi_s as phi_s_module
from kdtoolbox.connectors.hadamard import hadamard
from kdtoolbox.registry import MODELS
from tests import tiny
from tests.two_processes import in_two_processes

CHANNELS = 12


def features(count=400, seed=0):
    """Correlated channels of very different size, with a mean."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(CHANNELS, CHANNELS, generator=generator) * torch.logspace(-2, 1, CHANNELS)
    return torch.randn(count, CHANNELS, generator=generator) @ mixing.T + 5


def fitted(x, **options):
    phi_s = PHIStandardize(CHANNELS, fit_clips=len(x), **options).train()
    phi_s(x)
    return phi_s


@pytest.mark.parametrize('order', [1, 2, 4, 12, 20, 36, 384, 768, 1152, 1664])
def test_rows_of_a_hadamard_matrix_are_signs_and_orthogonal(order):
    matrix = hadamard(order)
    assert torch.equal(matrix.abs(), torch.ones(order, order, dtype=torch.float64))
    assert torch.equal(matrix @ matrix.T, order * torch.eye(order, dtype=torch.float64))


@pytest.mark.parametrize('order', [3, 10, 92])
def test_an_order_without_a_known_matrix_names_those_next_to_it(order):
    below, above = {3: (2, 4), 10: (8, 12), 92: (88, 96)}[order]
    with pytest.raises(ValueError, match=f'PHIStandardize channels={order}.* {below} and {above}.*Standardize'):
        PHIStandardize(order)


def test_all_channels_have_mean_0_and_variance_1_and_one_scale_served_all_directions():
    x = features()
    y = fitted(x)(x)
    torch.testing.assert_close(y.mean(0), torch.zeros(CHANNELS), atol=1e-4, rtol=0)
    torch.testing.assert_close(y.var(0, correction=0), torch.ones(CHANNELS), atol=1e-3, rtol=0)
    assert y.var(0, correction=0).sum() == pytest.approx(CHANNELS, rel=1e-4)
    ratios = torch.pdist(y[:20]) / torch.pdist(x[:20])  # a rotation and one number
    torch.testing.assert_close(ratios, ratios[:1].expand_as(ratios), rtol=1e-4, atol=0)
    torch.testing.assert_close(ratios[0], x.var(0, correction=0).mean().rsqrt(), rtol=1e-4, atol=0)


def test_principal_directions_spread_evenly_over_the_channels():
    x = features()
    y = fitted(x)(x)
    vectors = torch.linalg.eigh(torch.cov(x.T.double()))[1]
    spread = torch.linalg.lstsq((x - x.mean(0)).double() @ vectors, y.double()).solution
    torch.testing.assert_close(spread.abs(), spread.abs()[:1, :1].expand_as(spread), rtol=1e-3, atol=0)


def test_the_inverse_gives_the_features_back():
    x, phi_s = features(), fitted(features())
    other = features(seed=1)
    torch.testing.assert_close(phi_s.inverse(phi_s(other)), other, rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match='seen 0 of the 400'):
        PHIStandardize(CHANNELS, fit_clips=len(x)).inverse(x)


def test_until_it_is_found_the_target_is_standardized_by_one_number_and_then_it_stays():
    phi_s, plain = PHIStandardize(CHANNELS, fit_clips=100).train(), Standardize(CHANNELS, scale='all').train()
    for batch in features(100).split(25):
        assert not phi_s.is_fitted and torch.equal(phi_s(batch), plain(batch))
    state = copy.deepcopy(phi_s.state_dict())
    assert phi_s.is_fitted and phi_s(features(50, seed=2)).shape == (50, CHANNELS)
    assert all(torch.equal(value, state[name]) for name, value in phi_s.state_dict().items())


def test_a_resumed_one_goes_on_exactly_before_and_behind_the_fit():
    batches = features(150).split(25)
    whole, resumed = (PHIStandardize(CHANNELS, fit_clips=100).train() for _ in range(2))
    for batch in batches:
        file = io.BytesIO()
        torch.save(resumed.state_dict(), file)
        file.seek(0)
        resumed = PHIStandardize(CHANNELS, fit_clips=100).train()
        resumed.load_state_dict(torch.load(file, weights_only=True))
        assert torch.equal(whole(batch), resumed(batch))


def test_features_that_are_not_finite_are_left_out_and_directions_without_variance_do_no_harm():
    x = features()
    x[:, 3] = x[:, 2]  # rank C - 1
    holed = torch.cat([x, torch.full((1, CHANNELS), torch.inf)])
    phi_s = PHIStandardize(CHANNELS, fit_clips=len(x)).train()
    phi_s(holed)
    y = phi_s(x)
    torch.testing.assert_close(y.var(0, correction=0), torch.ones(CHANNELS), atol=1e-3, rtol=0)


def test_under_autocast_it_computes_in_full_precision():
    x = features()
    phi_s = fitted(x)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(phi_s(x), phi_s(x.clone())) and phi_s(x).dtype == torch.float32
        under = phi_s(x)
    assert torch.equal(under, phi_s(x))


def test_it_is_found_from_the_clips_of_all_processes(monkeypatch):
    x = features(200)
    alone = fitted(torch.cat([x, x]))
    for module in (standardize, phi_s_module):  # as if another process had the same clips
        monkeypatch.setattr(module, 'all_reduce', lambda value: value.mul_(2))
    one_of_two = PHIStandardize(CHANNELS, fit_clips=400).train()
    one_of_two(x)
    assert one_of_two.is_fitted
    torch.testing.assert_close(one_of_two(x), alone(x), rtol=1e-4, atol=1e-4)


def found_by_process(rank, num_processes):
    """What a process that has its own clips finds together with the others."""
    phi_s = PHIStandardize(CHANNELS, fit_clips=400).train()
    phi_s(features(400).chunk(num_processes)[rank])
    return {name: value.tolist() for name, value in phi_s.state_dict().items()}


def test_two_processes_with_other_clips_each_find_what_one_with_all_of_them_finds(tmp_path):
    first, second = in_two_processes(found_by_process, tmp_path)
    assert first == second and first['phi'] > 0
    alone = found_by_process(0, 1)
    for name, value in first.items():
        torch.testing.assert_close(torch.tensor(value), torch.tensor(alone[name]), rtol=1e-4, atol=1e-4)


def test_a_term_takes_it_with_auto_and_saves_what_was_found():
    term = dict(
        student='features',
        teacher='features',
        student_connector=dict(type='MLPProjection', in_channels='auto', out_channels='auto'),
        teacher_connector=dict(type='PHIStandardize', channels='auto', fit_clips=9),
        loss=dict(type='L2'),
    )
    torch.manual_seed(0)
    model = MODELS.build(tiny.distiller_config(terms=dict(summary=term))).train()
    phi_s = model.criterion.terms['summary'].teacher_connector
    assert phi_s.rotation.shape == (8, 8) and not phi_s.is_fitted and not phi_s.count
    for _ in range(5):
        loss = model(**model.data_preprocessor(tiny.batch(2), training=True), mode='loss')['loss_summary']
    loss.backward()
    assert phi_s.is_fitted and 'criterion.terms.summary.teacher_connector.rotation' in model.state_dict()


def test_too_few_clips_for_the_covariance_are_refused():
    with pytest.raises(ValueError, match='fit_clips=12: expected more than channels=12'):
        PHIStandardize(12, fit_clips=12)
