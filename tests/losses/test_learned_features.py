"""Feature losses with learned parts: what they share."""

import copy

import pytest
import torch
from torch import nn

from kdtoolbox.method_card import MethodCard
from kdtoolbox.registry import MODELS

STUDENT, TEACHER, CLASSES = 4, 6, 5
CHANNELS = dict(student_channels=STUDENT, teacher_channels=TEACHER)
CONFIGS = {
    'VID': CHANNELS,
    'FactorTransfer': CHANNELS,
    'Overhaul': CHANNELS,
    'MGD': CHANNELS,
    'SRRL': CHANNELS,
    'SimKD': CHANNELS,
    'CATKD': {},
    'VkD': CHANNELS,
    'ReviewKD': dict(student_channels=[STUDENT], teacher_channels=[TEACHER]),
    'CRD': dict(**CHANNELS, num_samples=20, num_negatives=8, feature_dim=5),
}
OF_VECTORS = ('CRD',)
EXTRAS = {'FactorTransfer': {'progress': 1.0}, 'CRD': {'sample_ids': ['a', 'b', 'c']}}
SHAPES = {3: (8,), 4: (6, 6), 5: (4, 6, 6)}
names = pytest.mark.parametrize('name', list(CONFIGS))
map_names = pytest.mark.parametrize('name', [name for name in CONFIGS if name not in OF_VECTORS])


def build(name, **options):
    torch.manual_seed(0)
    return MODELS.build(dict(type=name, **{**CONFIGS[name], **options}))


def extras_of(name):
    classifiers = {
        'student_classifier': nn.Linear(STUDENT, CLASSES),
        'teacher_classifier': nn.Linear(TEACHER, CLASSES).requires_grad_(False),
    }
    asked = {'SRRL': ['teacher_classifier'], 'CATKD': list(classifiers)}.get(name, [])
    return {**EXTRAS.get(name, {}), **{key: classifiers[key] for key in asked}}


def pair(name, *, dims=5, num=3):
    """Student's and teacher's features, the student's requiring a gradient, and so the teacher's."""
    generator = torch.Generator().manual_seed(1)
    size = () if name in OF_VECTORS else SHAPES[dims]
    return [torch.randn(num, channels, *size, generator=generator).requires_grad_() for channels in (STUDENT, TEACHER)]


@names
def test_the_gradient_reaches_the_student_and_all_that_is_learned_but_not_the_teacher(name):
    loss, extras, (student, teacher) = build(name), extras_of(name), pair(name)
    value = loss(student, teacher, **extras)
    value.backward()
    assert value.shape == () and value.dtype == torch.float32 and torch.isfinite(value)
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None
    assert all(parameter.grad is not None for parameter in loss.parameters() if parameter.requires_grad)
    if 'teacher_classifier' in extras:
        assert extras['teacher_classifier'].weight.grad is None


@map_names
@pytest.mark.parametrize('dims', [3, 4, 5])
def test_maps_of_every_rank_are_taken(name, dims):
    if name == 'CATKD' and dims == 3:
        dims = 4  # places are what it compares
    loss, (student, teacher) = build(name), pair(name, dims=dims)
    assert torch.isfinite(loss(student, teacher, **extras_of(name)))


@map_names
def test_an_image_is_a_clip_of_one_frame(name):
    student, teacher = pair(name, dims=4)
    torch.manual_seed(3)
    extras = extras_of(name)
    torch.manual_seed(3)
    value = build(name)(student, teacher, **extras)
    torch.manual_seed(3)
    as_clip = build(name)(student.unsqueeze(2), teacher.unsqueeze(2), **extras)
    torch.testing.assert_close(value, as_clip)


@names
def test_autocast_changes_nothing_and_bfloat16_inputs_are_computed_in_float32(name):
    extras = extras_of(name)
    student, teacher = (tensor.detach().bfloat16() for tensor in pair(name))
    expected = _value(name, student.float(), teacher.float(), extras)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = _value(name, student, teacher, extras)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-6)


@names
def test_extreme_and_zero_features_give_finite_values_and_gradients(name):
    extras = extras_of(name)
    for scale in (0.0, 1e4):
        student, teacher = ((tensor.detach() * scale).requires_grad_() for tensor in pair(name))
        loss = build(name)
        value = loss(student, teacher, **extras)
        value.backward()
        assert torch.isfinite(value) and torch.isfinite(student.grad).all()


@pytest.mark.parametrize('name', [name for name in CONFIGS if name not in ('MGD', 'CRD')])
def test_the_order_of_the_samples_does_not_matter(name):
    extras, (student, teacher) = extras_of(name), pair(name)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        _value(name, student, teacher, extras), _value(name, student[order], teacher[order], extras)
    )


@names
def test_a_checkpoint_gives_the_same_loss_in_a_new_module(name):
    extras, (student, teacher) = extras_of(name), pair(name)
    loss, restored = build(name), build(name)
    with torch.no_grad():
        for parameter in loss.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    loss(student, teacher, **extras)
    restored.load_state_dict(copy.deepcopy(loss.state_dict()), strict=True)
    torch.manual_seed(5)
    expected = loss(student, teacher, **extras)
    torch.manual_seed(5)
    assert torch.equal(restored(student, teacher, **extras), expected)


@names
def test_the_card_says_what_forward_asks_for(name):
    loss = build(name)
    assert isinstance(loss.card, MethodCard)
    assert ('learned parts' in loss.card.needs) == any(True for _ in loss.parameters())
    assert ('teacher classifier' in loss.card.needs) == ('teacher_classifier' in extras_of(name))


@pytest.mark.parametrize('name', [name for name in CONFIGS if name != 'CATKD'])
def test_other_channels_than_those_it_was_built_for_are_named(name):
    student, teacher = pair(name)
    with pytest.raises(ValueError, match='student_channels'):
        build(name)(teacher, teacher, **extras_of(name))
    with pytest.raises(ValueError, match='teacher_channels'):
        build(name)(student, student, **extras_of(name))


@pytest.mark.parametrize('name', ['VID', 'FactorTransfer', 'Overhaul', 'MGD', 'SimKD'])
def test_maps_of_other_size_ask_for_a_connector(name):
    student, teacher = pair(name)
    with pytest.raises(ValueError, match=r'TemporalAlign.*MatchSpace'):
        build(name)(student, teacher[..., :-1], **extras_of(name))


@pytest.mark.parametrize('name', ['Overhaul', 'ReviewKD'])
def test_the_number_of_taps_must_be_that_of_the_channels(name):
    student, teacher = pair(name)
    with pytest.raises(ValueError, match='2 maps, but this loss was built for 1'):
        build(name)((student, student), (teacher, teacher))


@pytest.mark.parametrize(
    'name, options, message',
    [
        ('VID', {'initial_variance': 0.0}, 'initial_variance=0.0'),
        ('VID', {'hidden_channels': 0}, 'hidden_channels is 0'),
        ('FactorTransfer', {'warmup': 1.5}, 'warmup=1.5'),
        ('FactorTransfer', {'reconstruction_weight': 0}, 'reconstruction_weight=0'),
        ('Overhaul', {'margins': [[-1.0]]}, 'margins of'),
        ('Overhaul', {'margins': [[0.5] * TEACHER]}, 'a margin is 0.5'),
        ('Overhaul', {'student_channels': [4, 4]}, 'one number for each tapped module'),
        ('MGD', {'masked': 'pixels'}, "masked='pixels'"),
        ('MGD', {'masked_ratio': 1.0}, 'masked_ratio=1.0'),
        ('ReviewKD', {'mid_channels': 0}, 'mid_channels is 0'),
        ('SRRL', {'regression_weight': -1.0}, 'regression_weight=-1'),
        ('SimKD', {'reduction': 7}, 'teacher_channels // reduction is 0'),
        ('CATKD', {'resolution': 0}, 'resolution is 0'),
        ('VkD', {'student_channels': 'auto'}, "student_channels is 'auto'"),
    ],
)
def test_options_out_of_range_are_refused_when_it_is_built(name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, **options)


def _value(name, student, teacher, extras):
    torch.manual_seed(3)
    loss = build(name)
    return loss(student, teacher, **extras)
