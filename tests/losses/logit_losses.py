"""The losses of the logits that have a paper of their own, by name, and their values."""

import pytest

from kdtoolbox.losses import (
    DIST,
    DKD,
    NKD,
    WSLD,
    WTTM,
    KLDivergence,
    LogitStandardization,
    MultiLevelLogit,
    SoftCrossEntropy,
    TemperatureCurriculum,
)
from kdtoolbox.losses.shared.wrapped_loss import extra_inputs
from tests.losses.random_logits import some_labels

LOSSES = {
    'DKD': DKD(),
    'DIST': DIST(temperature=2),
    'WSLD': WSLD(),
    'NKD': NKD(temperature=2),
    'WTTM': WTTM(gamma=0.5),
    'TTM': WTTM(gamma=0.5, weighted=False),
    'SoftCrossEntropy': SoftCrossEntropy(temperature=2),
    'MultiLevelLogit': MultiLevelLogit(),
    'standardized KL': LogitStandardization(loss=dict(type=KLDivergence, temperature=2)),
    'standardized DKD': LogitStandardization(loss=dict(type=DKD)),
    'curriculum of KL': TemperatureCurriculum(loss=dict(type=KLDivergence)),
    'curriculum of DKD': TemperatureCurriculum(loss=dict(type=DKD)),
}
every_loss = pytest.mark.parametrize('name', LOSSES)
WITH_LABELS = [name for name, loss in LOSSES.items() if 'labels' in extra_inputs(loss)]
every_loss_with_labels = pytest.mark.parametrize('name', WITH_LABELS)


def value_of(name, student, teacher, labels=None):
    loss = LOSSES[name]
    labels = some_labels(len(student), student.shape[-1]) if labels is None else labels
    available = {'labels': labels, 'progress': 0.02}
    return loss(student, teacher, **{name: available[name] for name in extra_inputs(loss)})
