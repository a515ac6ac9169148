"""Distillers that are built with terms, and losses with channels for them."""

import random

import numpy as np
import torch
from torch import nn

from kdtoolbox.registry import MODELS
from tests.tiny import student_config, teacher_config

CLIP = (4, 16, 16)
AUTO = 'auto'


@MODELS.register_module(force=True)
class NoisyWithChannels(nn.Module):
    """A loss that learns, keeps statistics and draws random numbers."""

    def __init__(self, student_channels, teacher_channels) -> None:
        super().__init__()
        self.channels = (student_channels, teacher_channels)
        self.weight = nn.Parameter(torch.randn(3))
        self.register_buffer('num_calls', torch.zeros(()))

    def forward(self, student, teacher):
        self.num_calls += 1
        tensors = student if isinstance(student, tuple) else (student,)
        return sum(tensor.mean() for tensor in tensors) * self.weight.mean() + torch.rand(()) + np.random.rand()


@MODELS.register_module(force=True)
class Wrapping(nn.Module):
    """A loss around a loss."""

    def __init__(self, loss) -> None:
        super().__init__()
        self.loss = MODELS.build(loss)

    def forward(self, student, teacher):
        return self.loss(student, teacher)


def noisy(**channels):
    return dict(type='NoisyWithChannels', student_channels=AUTO, teacher_channels=AUTO, **channels)


def build(terms, *, seed=0, **options):
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)
    options = {'teacher': teacher_config(), 'clip_shape': CLIP, **options}
    return MODELS.build(dict(type='Distiller', student=student_config(dropout=0.5), terms=terms, **options))


def video_teacher():
    return dict(type='RecognizerTeacher', recognizer=student_config(), view=dict(size=16))


def random_states():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()
