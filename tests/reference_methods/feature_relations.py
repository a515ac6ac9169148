"""Reference methods of relations between samples, channels or layers."""

import itertools

import torch
from torch.nn import functional as F

from kdtoolbox.losses import (
    IRG,
    ITRD,
    CorrelationCongruence,
    DarkRank,
    HierarchicalPKT,
    RKDAngle,
    RKDDistance,
    SimilarityPreserving,
)
from kdtoolbox.losses.features.fsp import fsp
from kdtoolbox.losses.features.nst import nst
from kdtoolbox.losses.relations.correlation_congruence import consecutive_products
from kdtoolbox.losses.relations.hierarchical_pkt import neighbour_divergence
from kdtoolbox.losses.relations.ickd import ickd
from kdtoolbox.losses.relations.pkt import pkt
from tests.reference_methods.feature_maps import layers, pooled_to_the_smaller
from tests.reference_methods.learned_features import put, weights_of


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


def irg(inputs, params):
    """There the parts of the vertices are left out where shapes differ; here that is an option."""
    maps = {side: layers(inputs, side) for side in 'st'}
    loss = IRG(
        vertices=inputs['s_feat'].shape == inputs['t_feat'].shape,
        transformed_vertices=all(len({tap.shape for tap in taps}) == 1 for taps in maps.values()),
        graph_weight=params['w_graph'],
        transformation_weight=params['w_transform'],
    )
    return loss(*((*maps[side], inputs[f'{side}_feat']) for side in 'st'))


def hkd(inputs, params):
    """The port weights the first layer alone and lets the weight never decay; the paper weights all but the last."""
    first, *others = (
        neighbour_divergence(student.flatten(1), teacher.flatten(1))
        for student, teacher in zip(layers(inputs, 's'), layers(inputs, 't'))
    )
    if len(others) == 1:  # then the two agree, as long as the training has just begun
        loss = HierarchicalPKT(num_epochs=1, intermediate_weight=params['init_weight'], decay=params['decay'])
        return loss(tuple(layers(inputs, 's')), tuple(layers(inputs, 't')), progress=0.0)
    return params['init_weight'] * first + sum(others)


def itrd(inputs, params):
    loss = ITRD(
        *(inputs[side].shape[1] for side in 'st'),
        alpha=params['alpha_it'],
        correlation_weight=params['lambda_corr'],
        mutual_weight=params['lambda_mutual'],
    ).double()
    put(loss.embed, weights_of(inputs, 'w.embed.linear.'))
    return {'loss': loss(inputs['s'], inputs['t']), **loss.parts(inputs['s'], inputs['t'])}


def dark_rank(inputs, params):
    loss = DarkRank(length=params['permute_len'], alpha=params['alpha'], beta=params['beta'], normalize=False)
    return loss(inputs['s'], inputs['t'])


METHODS: dict = {
    'irg': irg,
    'hkd': hkd,
    'itrd': itrd,
    'hard_dark_rank': dark_rank,
    'cc': lambda inputs, params: consecutive_products(inputs['s'], inputs['t']),
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
LEFT_OUT: dict[str, str] = {}
