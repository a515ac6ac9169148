"""Reference methods of the logits."""

from torch import nn
from torch.nn import functional as F

from kdtoolbox.losses import (
    DIST,
    DKD,
    L1,
    L2,
    NKD,
    WSLD,
    WTTM,
    BCEWithTeacher,
    HardTarget,
    KLDivergence,
    LogitStandardization,
    SoftCrossEntropy,
)
from kdtoolbox.losses.logits.kl_divergence import kl_divergence
from kdtoolbox.losses.logits.multi_level_logit import batch_level, class_level
from kdtoolbox.losses.logits.sdd import sdd
from kdtoolbox.losses.logits.temperature_curriculum import adversarial_temperature


def kd(inputs, params):
    return KLDivergence(temperature=params['temperature'])(inputs['s'], inputs['t'])


def kd_ce(inputs, params):
    return params['alpha'] * kd(inputs, params) + (1 - params['alpha']) * F.cross_entropy(inputs['s'], inputs['target'])


def guided_kd(inputs, params):
    """As a term with a gate that keeps what the teacher gets right, but averaged over the kept alone."""
    right = inputs['t'].argmax(1) == inputs['target']
    return KLDivergence(temperature=params['T'])(inputs['s'][right], inputs['t'][right])


def soft_ce(inputs, params):
    """Ours always has temperature^2 and is a mean over the batch."""
    scale = params['loss_weight'] / (1 if params['mult_tem_square'] else params['tau'] ** 2)
    scale *= len(inputs['s']) if params['reduction'] == 'sum' else 1
    return scale * SoftCrossEntropy(temperature=params['tau'])(inputs['s'], inputs['t'])


def distil2d3d_loss(inputs, params):
    temperature = params['temperature']
    losses = {'L1': L1, 'L2': L2, 'CE': HardTarget, 'BCE': BCEWithTeacher, 'KL_DIV': KLDivergence}
    value = params['weight'] * losses[params['name']](temperature=temperature)(inputs['s'], inputs['t'])
    return value / temperature**2 if params['name'] == 'KL_DIV' else value  # no temperature^2 there


def logits_mse(inputs, params):
    return L2()(inputs['s'], inputs['t'])


def mmrazor_l1(inputs, params):
    number = inputs['s'].numel() if params['reduction'] == 'sum' else 1
    return params['loss_weight'] * number * L1()(inputs['s'], inputs['t'])


def mmrazor_l2(inputs, params):
    student, teacher = inputs['s'], inputs['t']
    if params['normalize']:
        student, teacher = (params['mult'] * F.normalize(side.flatten(1)) for side in (student, teacher))
    mean = L2()(student, teacher)
    if params['dist']:
        return (mean * student.numel()).sqrt()
    return mean if params['div_element'] else mean * student[0].numel()


def dkd(inputs, params):
    weights = {'loss': params, 'tckd': {**params, 'alpha': 1, 'beta': 0}, 'nckd': {**params, 'alpha': 0, 'beta': 1}}
    return {name: DKD(**options)(inputs['s'], inputs['t'], inputs['target']) for name, options in weights.items()}


def lskd_dkd(inputs, params):
    return LogitStandardization(loss=dict(type=DKD, **params))(inputs['s'], inputs['t'], labels=inputs['target'])


def lskd_kd(inputs, params):
    return LogitStandardization(loss=dict(type=KLDivergence, **params))(inputs['s'], inputs['t'])


def dist(inputs, params):
    return DIST(beta=params['beta'], gamma=params['gamma'], temperature=params['tau'])(inputs['s'], inputs['t'])


def dist_seg(inputs, params):
    """Every position is a sample."""
    student, teacher = (inputs[side].movedim(1, -1).flatten(0, -2) for side in 'st')
    return DIST(beta=params['beta'], gamma=params['gamma'])(student, teacher)


def wsld(inputs, params):
    return params['loss_weight'] * WSLD(temperature=params['tau'])(inputs['s'], inputs['t'], inputs['target'])


def wsld_official(inputs, params):
    soft = WSLD(temperature=params['T'])(inputs['s'], inputs['t'], inputs['target'])
    return F.cross_entropy(inputs['s'], inputs['target']) + params['alpha'] * soft


def nkd(inputs, params):
    """The labels may come as scores of mixed ones; ours takes classes."""
    target = inputs['target']
    labels = target.argmax(1) if target.dim() > 1 else target
    return NKD(gamma=params['gamma'], temperature=params['temp'])(inputs['s'], inputs['t'], labels)


def mlld_batch(inputs, params):
    return batch_level(inputs['s'], inputs['t'], **params)


def mlld_class(inputs, params):
    return class_level(inputs['s'], inputs['t'], **params)


def _mlld_full(inputs, params, *, instance):
    """The authors' training step of two views, composed of our three levels; ``instance`` makes the one of samples."""

    def kl(student, teacher, *, temperature):
        return instance(temperature)(student, teacher)

    weak, strong = ((inputs[f's_{view}'], inputs[f't_{view}']) for view in ('weak', 'strong'))
    probabilities = weak[1].softmax(1)
    unsure_samples, unsure_classes = (
        (sureness <= sureness.quantile(0.5)).double().mean()
        for sureness in (probabilities.amax(1), probabilities.sum(0))
    )
    temperatures = (params['T'], 3.0, 5.0, 2.0, 6.0)
    views_of_strong_sum = (strong, strong, strong, weak, weak)  # as shipped

    def summed(level, views=(weak,) * 5):
        return params['kd_weight'] * sum(
            level(*view, temperature=temperature) for view, temperature in zip(views, temperatures)
        )

    students = (weak[0], strong[0])
    values = {
        'loss_ce': params['ce_weight'] * sum(F.cross_entropy(student, inputs['target']) for student in students),
        'loss_kd': unsure_samples * summed(kl) + summed(kl, views_of_strong_sum),
        'loss_cc': unsure_classes * summed(class_level),
        'loss_bc': unsure_samples * summed(batch_level),
    }
    return {'loss': sum(values.values()), **values}


def mlld_full(inputs, params):
    return _mlld_full(inputs, params, instance=lambda temperature: KLDivergence(temperature=temperature))


def lskd_mlld_full(inputs, params):
    return _mlld_full(
        inputs,
        params,
        instance=lambda temperature: LogitStandardization(loss=dict(type=KLDivergence, temperature=temperature)),
    )


def ctkd(inputs, params):
    """Their layer multiplies the gradient by lambda, which falls from 0 to -1 in training; our strength rises to 1."""
    temperature = adversarial_temperature(
        inputs['w.global_T'].squeeze(),
        temperature_start=params['t_start'],
        temperature_range=params['t_end'],
        strength=-params['lambda_'],
    )
    return {'loss': kl_divergence(inputs['s'], inputs['t'], temperature=temperature), 'temperature': temperature}


def ttm(inputs, params):
    return WTTM(gamma=params['l'], weighted=False)(inputs['s'], inputs['t'])


def wttm(inputs, params):
    return WTTM(gamma=params['l'])(inputs['s'], inputs['t'])


def _sdd(inputs, inner):
    return sdd(inputs['s'], inputs['t'], labels=inputs['target'], loss=inner)


def sdd_kd(inputs, params):
    loss = KLDivergence(temperature=params['T'])
    return _sdd(inputs, lambda student, teacher, labels: loss(student, teacher))


def sdd_dkd(inputs, params):
    return _sdd(inputs, DKD(**params))


class _NKDWithTarget(nn.Module):
    """NKD as shipped with SDD, where the label's class stays among the other classes; ours takes it out."""

    def __init__(self, *, temp, gamma):
        super().__init__()
        self.temp, self.gamma = temp, gamma

    def forward(self, student, teacher, labels):
        label = labels[:, None]
        target = (teacher.softmax(1) * student.log_softmax(1)).gather(1, label).mean()
        rest = ((teacher / self.temp).softmax(1) * (student / self.temp).log_softmax(1)).sum(1).mean()
        return -target - self.gamma * self.temp**2 * rest


def sdd_nkd(inputs, params):
    return _sdd(inputs, _NKDWithTarget(**params))


METHODS: dict = {
    'kd': kd,
    'kd_ce': kd_ce,
    'guided_kd': guided_kd,
    'soft_ce': soft_ce,
    'distil2d3d_loss': distil2d3d_loss,
    'logits_mse': logits_mse,
    'mmrazor_l1': mmrazor_l1,
    'mmrazor_l2': mmrazor_l2,
    'dkd': dkd,
    'dist': dist,
    'dist_seg': dist_seg,
    'wsld': wsld,
    'wsld_official': wsld_official,
    'nkd': nkd,
    'lskd_kd': lskd_kd,
    'lskd_dkd': lskd_dkd,
    'mlld_batch': mlld_batch,
    'mlld_class': mlld_class,
    'mlld_full': mlld_full,
    'lskd_mlld_full': lskd_mlld_full,
    'ctkd': ctkd,
    'ttm': ttm,
    'wttm': wttm,
    'sdd_kd': sdd_kd,
    'sdd_dkd': sdd_dkd,
    'sdd_nkd': sdd_nkd,
}
LEFT_OUT: dict[str, str] = {}
