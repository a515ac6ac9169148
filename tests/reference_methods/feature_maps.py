"""Reference methods of feature maps, element by element."""

import pytest
import torch
from torch.nn import functional as F

from kdtoolbox.connectors import GlobalPool
from kdtoolbox.losses.features.activation_boundary import activation_boundary
from kdtoolbox.losses.features.attention_transfer import attention_transfer
from kdtoolbox.losses.features.channel_wise import channel_wise
from kdtoolbox.losses.features.hint import hint
from kdtoolbox.losses.features.pkd import pkd

AB_SCALE = 3 / 1000  # of all layers, in the authors' code


def layers(inputs, side):
    """The maps of one side, ``s0, s1, …`` or ``t0, t1, …``, in their order."""
    count = sum(name[0] == side and name[1:].isdigit() for name in inputs)
    return [inputs[f'{side}{number}'] for number in range(count)]


def pooled_to_the_smaller(student, teacher):
    """The larger of two square maps averaged down to the smaller, as those codes do inside the loss."""
    size = [min(student.shape[2], teacher.shape[2])] * 2
    return [maps if maps.shape[2] == size[0] else F.adaptive_avg_pool2d(maps, size) for maps in (student, teacher)]


def fitnet_conv1x1(inputs, params):
    weight = inputs['w.transform.weight']
    student = torch.einsum('oi,ni...->no...', weight.flatten(1), inputs['s'])
    return hint(student, inputs['t'])


def fitnet_convreg(inputs, params):
    size, target = inputs['s'].shape[2], inputs['t'].shape[2]
    weight, bias = inputs['w.conv.weight'], inputs['w.conv.bias']
    if size == 2 * target:
        regressed = F.conv2d(inputs['s'], weight, bias, stride=2, padding=1)
    elif 2 * size == target:
        regressed = F.conv_transpose2d(inputs['s'], weight, bias, stride=2, padding=1)
    else:
        regressed = F.conv2d(inputs['s'], weight, bias)
    regressed = F.batch_norm(regressed, None, None, inputs['w.bn.weight'], inputs['w.bn.bias'], training=True, eps=1e-5)
    return hint(regressed.relu(), inputs['t'])


def at(inputs, params):
    """The authors' code has the square that equation 2 of their paper has not."""
    return sum(
        attention_transfer(student, teacher, p=params['p'], squared=True)
        for student, teacher in zip(layers(inputs, 's'), layers(inputs, 't'))
    )


def at_p(inputs, params):
    if params['p'] % 2:
        pytest.skip('an odd power keeps signs there, where the paper takes the absolute value')
    return attention_transfer(*pooled_to_the_smaller(inputs['s'], inputs['t']), p=params['p'], squared=True)


def ab(inputs, params):
    """There sums over elements, each layer down from the last one counting half of the next."""
    pairs = list(zip(layers(inputs, 's'), layers(inputs, 't')))
    return AB_SCALE * sum(
        activation_boundary(student, teacher, margin=params['margin'])
        * student[0].numel()
        * 2.0 ** (number + 1 - len(pairs))
        for number, (student, teacher) in enumerate(pairs)
    )


def cwd(inputs, params):
    if (params['norm_type'], params['divergence']) != ('channel', 'kl'):
        pytest.skip('another normalization or divergence than the paper proposes')
    return channel_wise(inputs['s'], inputs['t'], tau=params['temperature'])


def pkd_resized(inputs, params):
    student, teacher = inputs['s'], inputs['t']
    if student.shape[2:] != teacher.shape[2:]:
        if params['resize_stu']:
            student = F.interpolate(student, teacher.shape[2:], mode='bilinear', align_corners=False)
        else:
            teacher = F.interpolate(teacher, student.shape[2:], mode='bilinear', align_corners=False)
    return params['loss_weight'] * pkd(student, teacher)


METHODS: dict = {
    'fitnet_mse': lambda inputs, params: hint(inputs['s'], inputs['t']),
    'fitnet_conv1x1': fitnet_conv1x1,
    'fitnet_convreg': fitnet_convreg,
    'at': at,
    'at_p': at_p,
    'ab': ab,
    'cwd': cwd,
    'pkd': pkd_resized,
    'channel_distill': lambda inputs, params: sum(
        hint(GlobalPool()(student), GlobalPool()(teacher))
        for student, teacher in zip(layers(inputs, 's'), layers(inputs, 't'))
    ),
}
LEFT_OUT: dict[str, str] = {}
