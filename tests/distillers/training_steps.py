"""Distillers of tiny networks, and a step of them."""

import torch
from mmengine.optim import OptimWrapper

from kdtoolbox.registry import MODELS
from tests.tiny import (
    distillation_head,
    student_config,
    teacher_config,
)


def build(seed=0, **options):
    torch.manual_seed(seed)
    return MODELS.build(dict(type='Distiller', student=student_config(), **options))


def build_with_head(**options):
    return build(teacher=teacher_config(), terms=dict(kd=distillation_head()), student_view=dict(size=16), **options)


def losses_of(model, data):
    return model(**model.data_preprocessor(data, training=True), mode='loss')


def step(model, data, optimizer=None):
    wrapper = OptimWrapper(optimizer or torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1))
    return model.train().train_step(data, wrapper)
