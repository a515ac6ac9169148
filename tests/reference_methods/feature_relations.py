"""Reference methods of relations between samples, channels or layers."""

import itertools

import torch
from torch.nn import functional as F

from kdtoolbox.losses import CorrelationCongruence, RKDAngle, RKDDistance, SimilarityPreserving
from kdtoolbox.losses.features.fsp import fsp
from kdtoolbox.losses.features.nst import nst
from kdtoolbox.losses.relations.ickd import ickd
from kdtoolbox.losses.relations.pkt import pkt
from tests.reference_methods.feature_maps import layers, pooled_to_the_smaller


def sp(inputs, params):
    return sum(
        SimilarityPreserving()(student, teacher) for student, teacher in zip(layers(inputs, 's'), layers(inputs, 't'))
    )


def rkd(inputs, params):
    return params['w_d'] * RKDDistance()(inputs['s'], inputs['t']) + params['w_a'] * RKDAngle()(
        inputs['s'], inputs['t']
    )


def nst_layers(inputs, params):
    return sum(
        nst(
            *(pooled_to_the_smaller(student, teacher) if student.shape[2:] != teacher.shape[2:] else (student, teacher))
        )
        for student, teacher in zip(layers(inputs, 's'), layers(inputs, 't'))
    )


def fsp_pairs(inputs, params):
    """There the larger of two consecutive layers is averaged down to the smaller."""
    student, teacher = (
        [
            pooled_to_the_smaller(*pair) if pair[0].shape[2:] != pair[1].shape[2:] else pair
            for pair in itertools.pairwise(maps)
        ]
        for maps in (layers(inputs, 's'), layers(inputs, 't'))
    )
    return sum(fsp(pair, target) for pair, target in zip(student, teacher))


def ickd_embedded(inputs, params):
    embedded = torch.einsum('oi,ni...->no...', inputs['w.embed_s.conv2d.weight'].flatten(1), inputs['s'])
    embedded = F.batch_norm(
        embedded, None, None, inputs['w.embed_s.l2norm.weight'], inputs['w.embed_s.l2norm.bias'], training=True
    )
    return ickd(embedded, inputs['t'])


METHODS: dict = {
    'sp': sp,
    'cckd_rbf': lambda inputs, params: CorrelationCongruence(gamma=params['gamma'], order=params['P_order'])(
        inputs['s'], inputs['t']
    ),
    'rkd_distance': lambda inputs, params: RKDDistance()(inputs['s'], inputs['t']),
    'rkd_angle': lambda inputs, params: RKDAngle()(inputs['s'], inputs['t']),
    'rkd': rkd,
    'pkt': lambda inputs, params: pkt(inputs['s'], inputs['t'], eps=params['eps']),
    'nst': nst_layers,
    'fsp': fsp_pairs,
    'ickd': ickd_embedded,
    # The authors' code for ImageNet divides by the batch size twice.
    'ickd_imagenet': lambda inputs, params: ickd(inputs['s'], inputs['t']) / len(inputs['s']),
}
LEFT_OUT: dict[str, str] = {
    'cc': 'products of consecutive samples are not the formula of the paper, which CorrelationCongruence follows: see '
    'cckd_rbf',
    'hard_dark_rank': 'DarkRank is not in the library: a method for metric learning, over all orders of a few samples',
    'hkd': 'PKT with several kernels is not in the library, and the vector weights the first layer only, by an '
    'oversight',
    'irg': 'instance relationship graphs are not in the library: RKDDistance and Hint are its edges and vertices',
    'itrd': 'information-theoretic representation distillation is not in the library',
}
