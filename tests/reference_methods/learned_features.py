"""Reference methods of features with learned parts."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.losses.embeddings.vkd import VkD
from kdtoolbox.losses.features.afd import AFD
from kdtoolbox.losses.features.catkd import cat_kd
from kdtoolbox.losses.features.factor_transfer import FactorTransfer, factor_distance
from kdtoolbox.losses.features.mgd import MGD, mgd
from kdtoolbox.losses.features.overhaul import Overhaul, margin_from_batch_norm, partial_l2
from kdtoolbox.losses.features.review_kd import ReviewKD, hierarchical_context
from kdtoolbox.losses.features.sem_ckd import SemCKD
from kdtoolbox.losses.features.sim_kd import SimKD
from kdtoolbox.losses.features.srd import NORM_EPSILON, SRD
from kdtoolbox.losses.features.srrl import SRRL, mean_feature_distance, softmax_regression
from kdtoolbox.losses.features.vid import VID
from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.relations.crd import CRD
from kdtoolbox.losses.shared.learned_maps import as_clip_map


def put(module: nn.Module, weights: dict[str, Tensor]) -> None:
    """Replace parameters by the reference's tensors, so that the gradient arrives at those."""
    for path, value in weights.items():
        owner = module.get_submodule(path.rpartition('.')[0])
        name = path.rpartition('.')[2]
        shape = getattr(owner, name).shape
        delattr(owner, name)
        setattr(owner, name, clip_kernel(value))
        assert getattr(owner, name).shape == shape, path


def clip_kernel(weight: Tensor) -> Tensor:
    """A kernel (O, I, h, w) as the middle slice of a clip's (O, I, t, h, w); anything else as it is."""
    if weight.dim() != 4:
        return weight
    beside = weight.shape[2] // 2
    return F.pad(weight[:, :, None], (0, 0, 0, 0, beside, beside))


def weights_of(inputs: dict, prefix: str, rename=lambda name: name) -> dict[str, Tensor]:
    return {rename(name.removeprefix(prefix)): value for name, value in inputs.items() if name.startswith(prefix)}


def taps(inputs: dict, letter: str) -> tuple[Tensor, ...]:
    """s0, s1, … in their order."""
    names = [name for name in inputs if name[:1] == letter and name[1:].isdigit()]
    return tuple(inputs[name] for name in sorted(names, key=lambda name: int(name[1:])))


def channels_of(*tensors: Tensor) -> list[int]:
    return [tensor.shape[1] for tensor in tensors]


def lifted(features: Tensor, side: str = 'student') -> Tensor:
    return as_clip_map(features, channels=features.shape[1], side=side)


def smaller(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """The authors' codes average the larger image map down to the smaller; here that is a connector's work."""
    size = tuple(min(pair) for pair in zip(student.shape[2:], teacher.shape[2:]))
    pool = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}[len(size)]
    return tuple(pool(maps, size) if maps.shape[2:] != size else maps for maps in (student, teacher))


def vid(inputs, params):
    student, teacher = smaller(inputs['s'], inputs['t'])
    loss = VID(
        *channels_of(student, teacher),
        hidden_channels=params['mid'],
        initial_variance=params['init_pred_var'],
        minimum_variance=params['eps'],
    )
    put(loss, weights_of(inputs, 'w.'))
    return loss(student, teacher)


def ft(inputs, params):
    assert params.get('leaky_slope', 0.1) == 0.1
    loss = FactorTransfer(*channels_of(inputs['s'], inputs['t']), factor_channels=params['factor_channels']).double()
    layer = {'conv0': '0', 'conv1': '2', 'conv2': '4'}  # the leaky ReLUs are 1, 3, 5
    put(loss.paraphraser.encoder, weights_of(inputs, 'w.paraphraser.', lambda name: layer[name[:5]] + name[5:]))
    put(loss.translator, weights_of(inputs, 'w.translator.', lambda name: layer[name[:5]] + name[5:]))
    factors = {
        'factor_s': loss.translator(lifted(inputs['s'])),
        'factor_t': loss.paraphraser.encoder(lifted(inputs['t'])),
    }
    if inputs['s'].dim() == 4:
        factors = {name: factor.squeeze(2) for name, factor in factors.items()}
    return {'loss': loss(inputs['s'], inputs['t'], progress=1.0), **factors}


def ft_factor(inputs, params):
    return factor_distance(inputs['s'], inputs['t'])


def ofd_core(inputs, params):
    student = lifted(inputs['s'])
    # Theirs is the sum over the elements, ours the mean.
    return student.numel() * partial_l2(student, lifted(inputs['t']), margin=inputs['margin'].flatten())


def ofd(inputs, params):
    students, teachers = taps(inputs, 's'), taps(inputs, 't')
    # Theirs is the sum over elements, halved from tap to tap, over 1000 and the samples; ours sums the taps' means.
    total, outputs = 0, {}
    for tap, (student, teacher) in enumerate(zip(students, teachers)):
        margin = margin_from_batch_norm(inputs[f'bn_weight{tap}'], inputs[f'bn_bias{tap}'])
        loss = Overhaul(*channels_of(student, teacher), margins=[margin.tolist()]).double()
        put(loss.connectors[0], weights_of(inputs, f'w.{tap}.'))
        total = total + loss(student, teacher) * teacher.numel() / 2 ** (len(students) - 1 - tap)
        outputs[f'margin{tap}'] = margin.view(1, -1, *[1] * (student.dim() - 2))
    return {'loss': total / len(students[0]) / 1000, 'loss_distill': total, **outputs}


def crd(inputs, params):
    loss = CRD(
        *channels_of(inputs['s'], inputs['t']),
        num_samples=params['n_data'],
        feature_dim=params['feat_dim'],
        num_negatives=params['nce_k'],
        temperature=params['nce_t'],
        momentum=params['nce_m'],
    )
    put(
        loss,
        weights_of(
            inputs,
            'w.',
            lambda name: name.replace('embed_s.linear', 'embed_student').replace('embed_t.linear', 'embed_teacher'),
        ),
    )
    loss.memory.double()
    loss.memory.student.copy_(inputs['memory_v1'])
    loss.memory.teacher.copy_(inputs['memory_v2'])
    value = loss.contrast(inputs['s'], inputs['t'], indices=inputs['contrast_idx'], all_slots=inputs['idx'])
    normalisers = loss.memory.log_normalisers.exp()
    banks = {'memory_v1_after': loss.memory.student.clone(), 'memory_v2_after': loss.memory.teacher.clone()}
    second = loss.contrast(
        inputs['step2_s'], inputs['step2_t'], indices=inputs['contrast_idx2'], all_slots=inputs['idx2']
    )
    return {'loss': value, 'Z_v1': normalisers[0], 'Z_v2': normalisers[1], **banks, 'loss_step2': second}


def reviewkd_hcl(inputs, params):
    return sum(
        hierarchical_context(lifted(student), lifted(teacher))
        for student, teacher in zip(taps(inputs, 's'), taps(inputs, 't'))
    )


def reviewkd(inputs, params):
    students, teachers = taps(inputs, 's'), taps(inputs, 't')
    loss = ReviewKD(channels_of(*students), channels_of(*teachers), mid_channels=params['mid_channel']).double()
    for index in range(len(students)):  # theirs begin with the deepest
        put(
            loss.fusions[len(students) - 1 - index],
            weights_of(
                inputs,
                f'w.abfs.{index}.',
                lambda name: (
                    name.replace('conv1', 'reduce').replace('conv2', 'expand').replace('att_conv', 'attention')
                ),
            ),
        )
    fused = loss.fuse(students, [lifted(teacher).shape[2:] for teacher in teachers])
    outputs = {f'fused{stage}': maps.squeeze(2) if students[0].dim() == 4 else maps for stage, maps in enumerate(fused)}
    return {'loss': loss(students, teachers), **outputs}


def masked_generation(masked: str):
    def run(inputs, params):
        student, teacher = lifted(inputs['s']), lifted(inputs['t'])
        loss = MGD(*channels_of(student, teacher), masked=masked, masked_ratio=params['lambda_mgd'])
        put(loss, weights_of(inputs, 'w.'))
        keep = lifted(inputs['mask'])
        # Theirs is alpha times the sum over elements, over the samples; ours is the mean.
        return (
            params['alpha_mgd']
            * teacher[0].numel()
            * mgd(loss.align(student), teacher, keep=keep, generation=loss.generation)
        )

    return run


def classifier_of(inputs) -> nn.Linear:
    classifier = nn.Linear(*reversed(inputs['cls_weight'].shape))
    put(classifier, {'weight': inputs['cls_weight'], 'bias': inputs['cls_bias']})
    return classifier


def srrl(inputs, params):
    loss = SRRL(*channels_of(inputs['s'], inputs['t']), regression_weight=params['weight']).double()
    put(loss.connector, weights_of(inputs, 'w.Connectors.'))
    classifier = classifier_of(inputs)
    pair = loss.connector(lifted(inputs['s'])), lifted(inputs['t'])
    return {
        'loss': loss(inputs['s'], inputs['t'], classifier),
        'loss_stat': mean_feature_distance(*pair),
        'loss_sr': softmax_regression(*pair, teacher_classifier=classifier),
    }


def srrl_statm(inputs, params):
    return mean_feature_distance(inputs['s'], inputs['t'])


def simkd(inputs, params):
    student, teacher = smaller(inputs['s'], inputs['t'])
    loss = SimKD(*channels_of(student, teacher), reduction=params['factor']).double()
    put(loss.projector, weights_of(inputs, 'w.transfer.'))
    projected = loss.projector(lifted(student))
    return {
        'loss': loss(student, teacher),
        'logits': loss.predict(student, classifier_of(inputs)),
        'projected': projected.squeeze(2) if student.dim() == 4 else projected,
    }


def class_attention(inputs, params):
    return cat_kd(
        lifted(inputs['s']), lifted(inputs['t']), resolution=params['CAM_RESOLUTION'], normalize=params['IF_NORMALIZE']
    )


def class_attention_full(inputs, params):
    student, teacher = lifted(inputs['s']), lifted(inputs['t'])
    if params['IF_BINARIZE']:  # the paper's experiment on what the maps transfer, no part of the method
        teacher = (teacher > teacher.abs().mean((2, 3, 4), keepdim=True)).to(teacher)
    if params['IF_OnlyTransferPartialCAMs']:  # likewise; theirs keeps one map fewer than asked for
        ranked = inputs['t_logits'].sort(descending=True)[0]
        rank = params['CAMs_Nums'] - 1 if params['Strategy'] == 0 else 99 - params['CAMs_Nums']
        kept = (inputs['t_logits'] > ranked[:, rank, None]) == (params['Strategy'] == 0)
        student, teacher = (torch.stack([maps[mask] for maps, mask in zip(side, kept)]) for side in (student, teacher))
    value = params['cat_weight'] * cat_kd(
        student, teacher, resolution=params['CAM_RESOLUTION'], normalize=params['IF_NORMALIZE']
    )
    task = params['ce_weight'] * F.cross_entropy(inputs['s_logits'], inputs['target'])
    return {'loss': task + value, 'loss_CE': task, 'loss_CAT': value}


def vkd(inputs, params):
    student = inputs['s'].transpose(1, 2)  # tokens (N, L, C)
    loss = VkD(*channels_of(student, inputs['t'])).double()
    with torch.no_grad():
        loss.projection.weight = inputs['projector_weight']
    return params['alpha'] * loss(student, inputs['t'])


def afd(inputs, params):
    students, teachers = taps(inputs, 's'), taps(inputs, 't')
    loss = AFD(channels_of(*students), channels_of(*teachers), attention_channels=params['qk_dim']).double()

    def renamed(name):
        for theirs, ours in (
            ('linear_trans_s.key_layer', 'keys'),
            ('linear_trans_t.query_layer', 'queries'),
            ('linear_trans_s.bilinear', 'bilinear'),
            ('p_s', 'student_positions'),
            ('p_t', 'teacher_positions'),
            ('.linear.', '.0.'),
            ('.bn.', '.1.'),
        ):
            name = name.replace(theirs, ours)
        return name

    put(loss, weights_of(inputs, 'w.attention.', renamed))
    return loss(students, teachers)


def semckd(inputs, params):
    students, teachers = taps(inputs, 's'), taps(inputs, 't')
    loss = SemCKD(
        channels_of(*students),
        channels_of(*teachers),
        batch_size=params['batch'],
        factor=params['factor'],
        temperature=params['soft'],
    ).double()

    def renamed(name):
        part, _, rest = name.partition('.')
        if part.startswith('regressor'):  # of student layer i and teacher layer j
            student, teacher = (int(digit) for digit in part.removeprefix('regressor'))
            return f'projections.{student * len(teachers) + teacher}.{rest.removeprefix("regressor.")}'
        kind, _, layer = part.partition('_')
        return f'{dict(query="queries", key="keys")[kind]}.{layer}.{dict(linear1="0", linear2="2")[rest[:7]]}{rest[7:]}'

    put(loss, weights_of(inputs, 'w.', renamed))
    return {
        'loss': loss(students, teachers),
        'attention': loss.attention([lifted(tap) for tap in students], [lifted(tap) for tap in teachers]),
    }


def simple_recipe(inputs, params):
    loss = SRD(*channels_of(inputs['s'], inputs['t']), exponent=params['exponent']).double()
    assert params['bn_eps'] == NORM_EPSILON
    put(loss, weights_of(inputs, 'w.'))
    logits = kl_divergence(inputs['s_logits'], inputs['t_logits'])
    return params['rep_weight'] * loss(inputs['s'], inputs['t']) + logits


METHODS = {
    'afd': afd,
    'semckd': semckd,
    'srd': simple_recipe,
    'vid': vid,
    'ft': ft,
    'ft_factor': ft_factor,
    'ofd': ofd,
    'ofd_core': ofd_core,
    'crd': crd,
    'reviewkd': reviewkd,
    'reviewkd_hcl': reviewkd_hcl,
    'mgd_cls': masked_generation('channels'),
    'mgd_det': masked_generation('positions'),
    'srrl': srrl,
    'srrl_statm': srrl_statm,
    'simkd': simkd,
    'cat_kd': class_attention,
    'cat_kd_full': class_attention_full,
    'vkd': vkd,
}

LEFT_OUT: dict[str, str] = {}
