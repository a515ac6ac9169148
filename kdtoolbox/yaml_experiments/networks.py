"""Configs of teacher, student, terms and discriminator of an experiment."""

import copy
from collections.abc import Mapping

IMAGENET_CLASSES = 1000
FEATURE_CHANNELS = {
    'resnet18': 512,
    'resnet34': 512,
    'resnet50': 2048,
    'resnet101': 2048,
    'resnet152': 2048,
    'c3d': 4096,
    'r3d': 512,
    'r21d': 512,
}
SECOND_VIEW_DROPOUT = 0.5
LOSSES = {'L1': 'L1', 'L2': 'L2', 'CE': 'HardTarget', 'KL_DIV': 'KLDivergence'}
REGULARIZERS = {'L1': 'L1Regularizer', 'L2': 'L2Regularizer', 'FakeAsReal': 'FakeAsReal'}


def student(template: Mapping, *, num_classes: int, normalisation: Mapping) -> dict:
    """The config of the student with so many outputs and its normalisation."""
    config = copy.deepcopy(dict(template))
    config['cls_head']['num_classes'] = num_classes
    config['data_preprocessor'].update(normalisation)
    return config


def teacher(template: Mapping, model: Mapping, *, num_classes: int, view: Mapping) -> dict:
    """The config of the image teacher.

    Args:
        template: of an ImageTeacher.
        model: the section.
        view: size, mean and std.

    Raises:
        ValueError: no weights are given and there are none of ImageNet with so many classes.
    """
    architecture: str | dict = f'torchvision.{model["t_arch"]}'
    weights = model['t_pretrain_path']
    if num_classes != IMAGENET_CLASSES:
        if weights is None:
            raise ValueError(
                f"the teacher needs {num_classes} classes (model.n_classes, or the data set's), "
                f'and the published weights of {model["t_arch"]} have {IMAGENET_CLASSES}: set '
                f'model.n_classes: {IMAGENET_CLASSES}, or give weights in model.t_pretrain_path'
            )
        architecture = dict(type='TorchvisionClassifier', name=model['t_arch'], num_classes=num_classes)
    return dict(
        template, model=architecture, weights=weights or 'IMAGENET1K_V1', pooling='mean_logits', view=dict(view)
    )


def similarity(sim_loss: Mapping) -> dict:
    """The term that compares the logits.

    The original's KL_DIV has no factor temperature^2, ours always has, so the weight is divided by it.

    >>> similarity({'name': 'KL_DIV', 'weight': 8, 'temperature': 4})['weight']
    0.5
    """
    temperature, weight = sim_loss['temperature'], sim_loss['weight']
    return dict(
        student='logits',
        teacher='logits',
        loss=dict(type=LOSSES[sim_loss['name']], temperature=temperature),
        weight=weight / temperature**2 if sim_loss['name'] == 'KL_DIV' else weight,
    )


def game(model: Mapping, train: Mapping) -> dict:
    """``discriminator`` and ``adversarial`` of an AdversarialDistiller."""
    teacher_channels, student_channels = FEATURE_CHANNELS[model['t_arch']], FEATURE_CHANNELS[model['s_arch']]
    regularizers = train['d_reg'] or dict(name=[], weight=1)
    adversarial = dict(
        student='features',
        teacher='features',
        loss=dict(type='BCEAdversarial'),
        weight=train['adv_loss']['weight'] if train['adv_loss'] else 1,
        dropout=SECOND_VIEW_DROPOUT,
        regularizers=[dict(type=REGULARIZERS[name], weight=regularizers['weight']) for name in regularizers['name']],
    )
    if student_channels != teacher_channels:
        adversarial['student_connector'] = dict(
            type='LinearProjection', in_channels=student_channels, out_channels=teacher_channels
        )
    return dict(discriminator=dict(type='Discriminator', in_channels=teacher_channels), adversarial=adversarial)
