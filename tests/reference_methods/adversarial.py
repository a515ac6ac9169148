"""Reference methods of adversarial distillation: the original 2D to 3D experiments (anc) and other objectives.

The original's L1 and L2 regularisers are subtracted from what its discriminator minimises; ours are added, as in the
paper. So the sign of these, and of these alone, is turned here.
"""

import torch

from kdtoolbox.discriminators import Discriminator, HingeAdversarial, WassersteinAdversarial
from kdtoolbox.distillers.adversarial import ADVERSARIAL, AdversarialGame
from kdtoolbox.distillers.distiller import UnregisteredModules
from kdtoolbox.losses import L1, L2, BCEWithTeacher, HardTarget, KLDivergence

REGULARIZERS = {'L1': 'L1Regularizer', 'L2': 'L2Regularizer', 'FakeAsReal': 'FakeAsReal'}
# The original did not divide by the temperature in adversarial training.
SIMILARITIES = {'L1': L1(), 'L2': L2(), 'CE': HardTarget(), 'BCE': BCEWithTeacher(), 'KL_DIV': KLDivergence()}


def _discriminator(inputs: dict) -> Discriminator:
    width, in_channels = inputs['w.model.0.weight'].shape
    network = Discriminator(in_channels, widths=(width,)).double()
    network.layers.load_state_dict(
        {
            name.removeprefix('w.model.'): value.detach()
            for name, value in inputs.items()
            if name.startswith('w.model.')
        },
        strict=True,
    )
    return network


def anc(inputs: dict, params: dict) -> dict:
    names = [params['d_reg']] if isinstance(params['d_reg'], str) else params['d_reg'] or []
    network = _discriminator(inputs)
    game = AdversarialGame(
        dict(type='BCEAdversarial'),
        UnregisteredModules({ADVERSARIAL: network}),
        weight=params['adv_weight'],
        regularizers=[dict(type=REGULARIZERS[name], weight=params['d_reg_weight']) for name in names],
    )
    both_views = torch.cat([inputs['s_features'], inputs['s_features_adv']])
    adversarial = params['adv_weight'] * game(both_views, inputs['t_features'])
    similarity = params['sim_weight'] * SIMILARITIES[params['sim_loss']](inputs['s_logits'], inputs['t_logits'])
    ours, _ = game.discriminator_losses(*game.seen)
    regularization = sum(
        (
            -value if name in ('L1Regularizer', 'L2Regularizer') else value
            for name, value in ours.items()
            if name != ADVERSARIAL
        ),
        torch.zeros((), dtype=torch.float64),
    )
    discriminator_loss = ours[ADVERSARIAL] + regularization
    weights = [name for name in inputs if name.startswith('w.model.')]
    gradients = torch.autograd.grad(
        discriminator_loss, [network.get_parameter(f'layers.{name.removeprefix("w.model.")}') for name in weights]
    )
    loss = adversarial + similarity
    # The manifest has the gradient of the discriminator's loss for its weights: 0 in value, these in gradient.
    ours_for_weights = sum((inputs[name] * gradient).sum() for name, gradient in zip(weights, gradients))
    return {
        'loss': loss + ours_for_weights - ours_for_weights.detach(),
        's_loss': loss,
        's_adv_loss': adversarial,
        's_sim_loss': similarity,
        'd_adv_loss': ours[ADVERSARIAL],
        'd_reg_loss': regularization,
        'd_loss': discriminator_loss,
        'd_out_teacher': network(inputs['t_features']).flatten(),
        'd_out_student': network(inputs['s_features']).flatten(),
        'd_out_student_adv': network(inputs['s_features_adv']).flatten(),
    }


def _objective(objective):
    def compute(inputs: dict, params: dict) -> dict:
        return {
            'loss': objective.discriminator_loss(inputs['t_d_out'], inputs['s_d_out']),
            'generator_loss': objective.student_loss(inputs['s_d_out']),
        }

    return compute


METHODS = {'anc': anc, 'adv_hinge': _objective(HingeAdversarial()), 'adv_wgan': _objective(WassersteinAdversarial())}
LEFT_OUT: dict[str, str] = {}
