"""Reference methods of tokens of video transformers."""

import torch

from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.shared.token_positions import sine_cosine_positions
from kdtoolbox.losses.shared.tokens import chosen_tokens
from kdtoolbox.losses.tokens.amd import amd
from kdtoolbox.losses.tokens.mvd import mvd
from kdtoolbox.losses.tokens.umt import UMT
from tests.reference_methods.learned_features import put, weights_of

DISTANCES = {'L1': 'l1', 'L2': 'l2', 'SmoothL1': 'smooth_l1', 'l1': 'l1', 'l2': 'l2', 'sml1': 'smooth_l1'}
OF_UMT = {'2 - 2 cos': 'cosine', 'l2': 'cosine', 'mse': 'l2', 'smooth_l1': 'smooth_l1'}


def unmasked_teacher(inputs, params):
    students, teachers, hidden = inputs['s'], inputs['t'], inputs['mask'].bool()
    depths = len(students)
    table = sine_cosine_positions(hidden.shape[1], students.shape[-1], like=students)
    torch.testing.assert_close(inputs['positions'][0], table)
    loss = UMT(
        [students.shape[-1]] * depths,
        [teachers.shape[-1]] * depths,
        distance=OF_UMT[params['loss'].partition(',')[0]],
        normalize=params.get('norm', 'l2') == 'l2',
    ).to(students)
    part = {'head': '0', 'norm': '1'}
    put(
        loss.decoders,
        weights_of(inputs, 'w.', lambda name: '.'.join(part.get(word, word) for word in name.split('.'))),
    )
    student, teacher = (tuple(side.transpose(2, 3)) for side in (students, teachers))
    prediction = torch.stack([loss.predict(tokens, ~hidden, depth=depth) for depth, tokens in enumerate(students)])
    return {'loss': loss(student, teacher, hidden), 'prediction': unit_vectors(prediction, dim=-1)}


def masked_video_distillation(inputs, params):
    hidden, distance = inputs['mask'].bool(), DISTANCES[params['distance']]
    parts = {
        kind: mvd(
            inputs[f's.{kind}'],
            chosen_tokens(inputs[f't.{kind}'], hidden),
            distance=distance,
            normalize=params.get('norm_feature', True),
        )
        for kind in ('image', 'video')
    }
    return {'loss': sum(params[f'{kind}_weight'] * part for kind, part in parts.items()), **parts}


def asymmetric_masked_distillation(inputs, params):
    parts = {}
    for kind in ('direct', 'generated'):
        parts[kind] = torch.stack(
            [
                amd(inputs[f's.{kind}.{depth}'], inputs[f't.{kind}.{depth}'], distance=DISTANCES[params['distance']])
                for depth in range(params['depths'])
            ]
        ).mean()
    return {'loss': sum(params[f'{kind}_weight'] * part for kind, part in parts.items()), **parts}


METHODS = {
    'umt': unmasked_teacher,
    'mvd': masked_video_distillation,
    'amd': asymmetric_masked_distillation,
}

LEFT_OUT: dict[str, str] = {}
