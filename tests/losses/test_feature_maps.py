"""The losses of feature maps: against numpy and scipy, by hand, and by the properties that they share."""

import itertools

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy, pearsonr

from kdtoolbox.losses import FSP, ICKD, NST, PKD, ActivationBoundary, AttentionTransfer, ChannelWise, Hint
from kdtoolbox.registry import MODELS
from tests.losses.extremes import check_extremes

LOSSES = {
    'Hint': Hint(),
    'AttentionTransfer': AttentionTransfer(),
    'AttentionTransfer squared': AttentionTransfer(p=4, squared=True),
    'NST': NST(),
    'ActivationBoundary': ActivationBoundary(),
    'ChannelWise': ChannelWise(tau=2),
    'PKD': PKD(),
    'ICKD': ICKD(),
}
every_loss = pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES.keys())
MAP = (2, 3, 4, 4, 4)
SCALE_FREE = ['AttentionTransfer', 'AttentionTransfer squared', 'NST', 'ICKD']


def maps(*shape, seed=0, dtype=torch.float64):
    pair = torch.randn(2, *(shape or (4, 5, 2, 3, 3)), generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return pair[0].requires_grad_(), pair[1]


def attention_by_numpy(features, p):
    energy = (np.abs(features) ** p).mean(1).reshape(len(features), -1)
    return energy / np.linalg.norm(energy, axis=1, keepdims=True)


def pairs(student, teacher):
    """Each channel of each clip of both, as numpy vectors over positions."""
    return zip(student.detach().flatten(2).flatten(0, 1).numpy(), teacher.flatten(2).flatten(0, 1).numpy())


def test_hint_is_the_mean_squared_difference():
    student, teacher = maps()
    expected = ((student.detach() - teacher).numpy() ** 2).mean()
    assert Hint()(student, teacher).item() == pytest.approx(expected, rel=1e-12)


def test_hint_takes_vectors():
    assert Hint()(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 2.0]])).item() == 2


@pytest.mark.parametrize('p', [1, 2, 3])
def test_attention_transfer_is_the_papers_distance_of_attention_maps_of_unit_length(p):
    student, teacher = maps()
    difference = attention_by_numpy(student.detach().numpy(), p) - attention_by_numpy(teacher.numpy(), p)
    expected = np.linalg.norm(difference, axis=1).mean()
    assert AttentionTransfer(p=p)(student, teacher).item() == pytest.approx(expected, rel=1e-10)
    squared = AttentionTransfer(p=p, squared=True)(student, teacher).item()
    assert squared == pytest.approx((difference**2).mean(), rel=1e-10)


def test_attention_transfer_has_the_value_of_public_code_that_follows_equation_2(shared):
    """Another implementation's, on the inputs of a reference vector of the authors' squared form."""
    from tests.test_reference_vectors import entries_of

    (entry,) = [entry for entry in entries_of(shared / 'reference') if (entry['method'], entry['case']) == ('at', '5d')]
    (alternative,) = [other for other in entry['alternatives'] if 'mode=paper' in other['source']]
    with np.load(shared / 'reference' / entry['file'], allow_pickle=False) as arrays:
        student, teacher = (torch.from_numpy(arrays[name]).double() for name in ('s0', 't0'))
    assert AttentionTransfer()(student, teacher).item() == pytest.approx(alternative['loss'], rel=1e-7)


def test_nst_is_the_discrepancy_of_all_pairs_of_channels():
    student, teacher = maps(2, 3, 4)
    total = 0
    for got, target in zip(student.detach().numpy(), teacher.numpy()):
        got, target = ([channel / np.linalg.norm(channel) for channel in side] for side in (got, target))
        kernels = [
            np.mean([(x @ y) ** 2 for x in left for y in right])
            for left, right in ((target, target), (got, got), (got, target))
        ]
        total += (kernels[0] + kernels[1] - 2 * kernels[2]) / 2
    assert NST()(student, teacher).item() == pytest.approx(total, rel=1e-10)


def test_nst_does_not_mind_the_order_of_channels():
    student, teacher = maps()
    shuffled = student[:, torch.tensor([3, 0, 4, 2, 1])]
    assert NST()(shuffled, teacher).item() == pytest.approx(NST()(student, teacher).item(), rel=1e-10)


def test_activation_boundary_asks_for_no_more_than_the_margin():
    teacher = torch.tensor([[2.0, 2.0, -2.0, -2.0]])
    assert ActivationBoundary(margin=0.5)(torch.tensor([[0.5, 90.0, -0.5, -7.0]]), teacher) == 0
    assert ActivationBoundary(margin=0.5)(torch.tensor([[0.0, 90.0, 0.5, -7.0]]), teacher).item() == (0.25 + 1) / 4


def test_activation_boundary_gradient_is_zero_beyond_the_margin_and_linear_before_it():
    student = torch.tensor([[0.2, 3.0]], requires_grad=True)
    ActivationBoundary()(student, torch.ones(1, 2)).backward()
    assert student.grad.tolist() == [[pytest.approx(2 * (0.2 - 1) / 2), 0.0]]


def test_channel_wise_is_scipys_relative_entropy_of_positions_times_tau_squared():
    student, teacher = maps()
    expected = np.mean([entropy(softmax(target / 3), softmax(got / 3)) for got, target in pairs(student, teacher)]) * 9
    assert ChannelWise(tau=3)(student, teacher).item() == pytest.approx(expected, rel=1e-10)


def test_channel_wise_does_not_mind_an_offset_of_a_channel():
    student, teacher = maps()
    shifted = student + torch.arange(5.0).view(5, 1, 1, 1)
    assert ChannelWise()(shifted, teacher).item() == pytest.approx(ChannelWise()(student, teacher).item(), rel=1e-10)


def test_pkd_is_one_minus_the_pearson_correlation_of_each_channel():
    student, teacher = maps()
    got, target = (x.detach().transpose(0, 1).flatten(1).numpy() for x in (student, teacher))
    count = got.shape[1]
    expected = np.mean([(1 - pearsonr(x, y).statistic) * (count - 1) / count for x, y in zip(got, target)])
    # The small constant beside the deviation shifts it by about its own size.
    assert PKD()(student, teacher).item() == pytest.approx(expected, rel=1e-5)


def test_pkd_counts_a_channel_that_does_not_vary_as_zeros_without_gradient():
    student, teacher = maps(4, 2, 3)
    constant = student.detach().clone()
    constant[:, 0] = 0.1
    constant.requires_grad_()
    PKD()(constant, teacher).backward()
    assert not constant.grad[:, 0].any() and constant.grad[:, 1].all()


def test_ickd_compares_the_rows_of_the_channels_dot_products():
    student, teacher = maps(2, 3, 4)
    expected = 0
    for got, target in zip(student.detach().numpy(), teacher.numpy()):
        for row, goal in zip(got @ got.T, target @ target.T):
            expected += ((row / np.linalg.norm(row) - goal / np.linalg.norm(goal)) ** 2).sum() / (2 * 3)
    assert ICKD()(student, teacher).item() == pytest.approx(expected, rel=1e-10)


def test_ickd_takes_maps_of_other_sizes():
    student, teacher = maps(2, 3, 4, 5, 5)[0], maps(2, 3, 1, 7, 7)[0]
    assert ICKD()(student, teacher).item() > 0


def test_fsp_is_the_mean_squared_difference_of_flow_matrices_summed_over_pairs_of_layers():
    student = [maps(2, channels, 2, 3, 3, seed=channels)[0] for channels in (3, 4, 5)]
    teacher = [maps(2, channels, 1, 4, 4, seed=channels + 9)[0] for channels in (3, 4, 5)]
    expected = 0
    for number in (0, 1):
        flow, target = (
            np.einsum('ncthw,ndthw->ncd', *(side[number + layer].detach().numpy() for layer in (0, 1)))
            / side[0][0, 0].numel()
            for side in (student, teacher)
        )
        expected += ((flow - target) ** 2).mean()
    loss = FSP()(tuple(student), tuple(teacher))
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=1e-10)
    assert all(layer.grad.any() for layer in student) and all(layer.grad is None for layer in teacher)


@every_loss
def test_equal_maps_give_zero_and_the_gradient_goes_to_the_student_only(loss):
    student, teacher = maps()
    loss(student, teacher.requires_grad_()).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None
    if not isinstance(loss, ActivationBoundary):  # inside the margin there is a loss even where the signs agree
        assert loss(student, student).item() == pytest.approx(0, abs=1e-12)


@every_loss
def test_sequences_maps_and_volumes_of_the_same_numbers_give_the_same(loss):
    student, teacher = maps()
    values = [loss(student.flatten(start), teacher.flatten(start)).item() for start in (2, 3, 4)]
    assert values == [pytest.approx(values[0], rel=1e-12)] * 3


@every_loss
def test_the_order_of_clips_does_not_matter(loss):
    student, teacher = maps()
    order = torch.tensor([2, 0, 3, 1])
    assert loss(student[order], teacher[order]).item() == pytest.approx(loss(student, teacher).item(), rel=1e-10)


@pytest.mark.parametrize('name, scale', [*itertools.product(SCALE_FREE, (1e-15, 1e15)), ('PKD', 1e15)])
def test_the_scale_of_the_student_does_not_matter(name, scale):
    """Not even where squares overflow. PKD has a constant beside the deviation, which counts for small features."""
    student, teacher = (x.float() for x in maps())
    expected = LOSSES[name](student, teacher).item()
    assert LOSSES[name](student * scale, teacher).item() == pytest.approx(expected, rel=1e-4)


@every_loss
@pytest.mark.parametrize(
    'fill',
    [
        lambda x: torch.zeros_like(x),
        lambda x: torch.ones_like(x),
        lambda x: x * 1e4,
        lambda x: torch.cat([torch.zeros_like(x[:1]), x[1:]]),
        lambda x: torch.cat([torch.zeros_like(x[:, :1]), x[:, 1:]], 1),
    ],
    ids=['zeros', 'ones', 'large', 'one clip of zeros', 'a dead channel'],
)
def test_value_and_gradient_are_finite_and_small_in_the_extreme(loss, fill):
    check_extremes(loss, *maps(dtype=torch.float32), fill, largest=1e5)


@every_loss
def test_double_precision_stays(loss):
    assert loss(*maps()).dtype == torch.float64


@pytest.mark.parametrize(
    'name, student, teacher, fix',
    [
        *((name, MAP, (2, 5, 4, 4, 4), 'MapProjection') for name in ('Hint', 'ActivationBoundary', 'ICKD')),
        *((name, (2, 3), (2, 3), 'before the pooling') for name in ('AttentionTransfer', 'ChannelWise')),
        ('Hint', MAP, (2, 3, 1, 4, 4), 'TemporalAlign'),
        ('NST', MAP, (2, 5, 2, 4, 4), 'TemporalAlign'),
        ('AttentionTransfer', MAP, (2, 5, 4, 7, 7), 'MatchSpace'),
        ('ChannelWise', MAP, (2, 3, 4, 4, 1), 'MatchSpace'),
        ('PKD', MAP, (2, 3, 4, 1, 4), 'MatchSpace'),
        ('PKD', (1, 3), (1, 3), 'batch_size to 3'),
        ('Hint', (2, 3), (2, 5), 'LinearProjection'),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_the_fix(name, student, teacher, fix):
    with pytest.raises(ValueError, match=fix):
        LOSSES[name](torch.ones(student), torch.ones(teacher))


@pytest.mark.parametrize(
    'student, teacher, message',
    [
        ([(2, 3, 4)], [(2, 3, 4)], 'two layers or more'),
        ([(2, 3, 4), (2, 5, 4)], [(2, 3, 4)], 'as many of the student'),
        ([(2, 3, 4), (2, 5, 2)], [(2, 3, 4), (2, 5, 4)], 'MatchSpace'),
        ([(2, 3, 4), (2, 5, 4)], [(2, 3, 4), (2, 6, 4)], 'layer 1.*MapProjection'),
        ([(2, 3), (2, 5)], [(2, 3), (2, 5)], 'before the pooling'),
    ],
)
def test_layers_that_do_not_fit_are_refused_by_fsp(student, teacher, message):
    with pytest.raises(ValueError, match=message):
        FSP()(tuple(map(torch.ones, student)), tuple(map(torch.ones, teacher)))


def test_fsp_of_one_module_is_refused():
    with pytest.raises(ValueError, match='list several module paths'):
        FSP()(torch.ones(2, 3, 4), torch.ones(2, 3, 4))


@pytest.mark.parametrize(
    'config, message',
    [
        (dict(type='AttentionTransfer', p=0.5), 'p 0.5'),
        (dict(type='ActivationBoundary', margin=0), 'margin 0'),
        (dict(type='ChannelWise', tau=0), 'temperature 0'),
    ],
)
def test_options_out_of_range_are_refused_when_built(config, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(config)


@pytest.mark.parametrize('cls', [Hint, AttentionTransfer, NST, ActivationBoundary, ChannelWise, PKD, ICKD, FSP])
def test_each_loss_is_registered_by_its_name_and_says_what_it_is(cls):
    assert isinstance(MODELS.build(dict(type=cls.__name__)), cls)
    assert 'maps' in cls.card.needs and cls.card.checked_against


@pytest.mark.parametrize(
    'loss',
    [AttentionTransfer(), AttentionTransfer(squared=True), ICKD(), NST()],
    ids=['AT', 'AT squared', 'ICKD', 'NST'],
)
@pytest.mark.parametrize('factor', [1e-7, 1e-14, 1e12])
def test_a_clip_much_weaker_or_stronger_than_the_others_counts_as_they_do(loss, factor):
    student, teacher = (x.detach().float() for x in maps())
    expected = loss(student, teacher).item()
    student[0] *= factor
    assert loss(student, teacher).item() == pytest.approx(expected, rel=1e-4)
