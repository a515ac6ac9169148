"""What ``kdtoolbox list`` shows."""

import pytest
from torch import nn

from kdtoolbox.cli.catalogue import KINDS, entries
from kdtoolbox.cli.main import main
from kdtoolbox.method_card import MethodCard
from kdtoolbox.registry import MODELS
from kdtoolbox.teachers import FrozenTeacher


@pytest.fixture
def plugin():
    """A loss, a teacher and a connector of another package."""
    things = {
        'PluginLoss': type(
            'PluginLoss',
            (nn.Module,),
            {
                '__doc__': "Somebody's loss.",
                '__module__': 'somebody.losses',
                'card': MethodCard(paper='Somebody, 2026', needs=('logits',)),
            },
        ),
        'PluginCardless': type(
            'PluginCardless',
            (nn.Module,),
            {'__module__': 'somebody.losses', 'forward': lambda self, student, teacher, labels=None: student.mean()},
        ),
        'PluginTeacher': type('PluginTeacher', (FrozenTeacher,), {'__doc__': 'A teacher.', '__module__': 'somebody'}),
        'PluginConnector': type('PluginConnector', (nn.Module,), {'__doc__': 'A connector.', '__module__': 'somebody'}),
    }
    for name, thing in things.items():
        MODELS.register_module(name=name, module=thing)
    yield things
    for name in things:
        MODELS._module_dict.pop(name)


def test_every_loss_of_ours_has_a_card_and_a_line():
    for entry in entries('losses'):
        assert entry.source != 'kdtoolbox' or (entry.card is not None and len(entry.summary) > 10), entry.name


def test_plugins_are_listed_under_their_kind_with_their_package(plugin, capsys):
    assert main(['list', 'losses']) == 0
    out = capsys.readouterr().out
    assert 'PluginCardless' in out and 'no docstring [somebody]' in out and 'Base class for all neural' not in out
    assert "Somebody's loss [somebody]" in out and 'Somebody, 2026; needs logits' in out
    for kind, name in (
        ('losses', 'PluginLoss'),
        ('losses', 'PluginCardless'),
        ('teachers', 'PluginTeacher'),
        ('connectors', 'PluginConnector'),
    ):
        assert name in [entry.name for entry in entries(kind)]
        assert not any(name in [entry.name for entry in entries(other)] for other in KINDS if other != kind)


@pytest.mark.parametrize(
    'kind, some',
    [
        ('connectors', 'MapProjection'),
        ('teachers', 'ImageTeacher'),
        ('distillers', 'Distiller'),
        ('metrics', 'ClipRetrieval'),
        ('datasets', 'HMDB51Dataset'),
        ('transforms', 'DecodeClip'),
        ('hooks', 'PreflightHook'),
        ('discriminators', 'FakeAsReal'),
    ],
)
def test_every_kind_lists_ours(kind, some):
    assert some in [entry.name for entry in entries(kind)]


def test_without_a_kind_all_are_listed(capsys):
    assert main(['list']) == 0
    out = capsys.readouterr().out
    assert all(f'{kind}\n' in out for kind in KINDS)
