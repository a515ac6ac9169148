"""Every registered loss with inputs of the kind that its card names, for the tests that hold for all of them."""

import copy
import inspect
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from kdtoolbox.cli.catalogue import entries
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.criterion.loss_inputs import extra_inputs
from kdtoolbox.method_card import MethodCard, cards
from kdtoolbox.registry import MODELS
from kdtoolbox.reporting.methods_table import config_name
from tests.shipped_configs import parse_once

CHANNELS, PIXELS, TAPS = 6, 4, 2
CLIPS, CLASSES, STEPS = 8, 5, 4
GRID, VISIBLE = (2, 2, 2), 3  # of tokens, and how many of them the student sees
# Smaller than in the shipped config, or without chance.
CHANGES = {
    'CRD': dict(num_samples=16, num_negatives=8, feature_dim=8),
    'MGD': dict(masked_ratio=0.0),
    'ClipFrameCorrespondence': dict(hidden_channels=(8,)),
    'SemCKD': dict(batch_size=CLIPS),
    'AFD': dict(attention_channels=8),
    'UMT': dict(),
    'MVD': dict(decoder_channels=8, decoder_depth=1, decoder_heads=2),
    'AMD': dict(decoder_channels=8, decoder_depth=1, decoder_heads=2),
    'VideoMAE': dict(decoder_channels=8, decoder_depth=1, decoder_heads=2),
    'SEED': dict(queue_size=16),
    'CompRess': dict(queue_size=16),
}
TAPS_OF = {'IRG': 3}  # a pair of layers and one more
# Beside the shipped configs: forms of a loss that take other ways through it.
FORMS = {
    'L1 of probabilities': dict(type='L1', on='probabilities'),
    'L2 of probabilities': dict(type='L2', on='probabilities'),
    'AttentionTransfer not squared': dict(type='AttentionTransfer'),
    'IRG with all vertices': dict(type='IRG', transformed_vertices=True),
    'DarkRank of lengths': dict(type='DarkRank', normalize=False),
    'FrameWise by l2': dict(type='FrameWise', distance='l2'),
    'LogitStandardization of DKD': dict(type='LogitStandardization', loss=dict(type='DKD')),
    'TemperatureCurriculum of DIST': dict(type='TemperatureCurriculum', loss=dict(type='DIST')),
    'TemperatureCurriculum of DKD': dict(type='TemperatureCurriculum', loss=dict(type='DKD')),
    'SDD of DKD': dict(type='SDD', loss=dict(type='DKD')),
    'SDD of TemperatureCurriculum': dict(
        type='SDD', loss=dict(type='TemperatureCurriculum', loss=dict(type='KLDivergence'))
    ),
}
OF_VECTORS = ('PKD', 'SRRL', 'SimKD', 'ReviewKD', 'Overhaul')  # whose cards speak of vectors beside maps


@dataclass(frozen=True)
class Case:
    """A loss, and of what kind its inputs are: ``'logits'``, ``'vectors'``, ``'frames'`` (N, C, T),
    ``'maps'`` or ``'tokens'``, of which the student has only some."""

    config: Mapping
    kind: str
    teacherless: bool = False

    def build(self) -> nn.Module:
        """The loss as it starts: always the same."""
        return copy.deepcopy(self._as_it_starts)

    def restarted(self) -> nn.Module:
        """As :meth:`build`, but always the same object, put back to its start, which is faster than a copy."""
        loss, attributes, tensors = self._to_restart
        for module, values in attributes:
            vars(module).clear()
            vars(module).update(_attributes(values))
        for tensor, value in tensors:
            tensor.data.copy_(value)
        return loss

    @cached_property
    def _to_restart(self) -> tuple[nn.Module, list, list]:
        loss = self.build()
        attributes = [(module, _attributes(vars(module))) for module in loss.modules()]
        return loss, attributes, [(one, one.detach().clone()) for one in (*loss.parameters(), *loss.buffers())]

    @cached_property
    def _as_it_starts(self) -> nn.Module:
        torch.manual_seed(0)
        return MODELS.build(copy.deepcopy(dict(self.config))).train()

    @cached_property
    def cards(self) -> list[MethodCard]:
        return list(cards(self.build()))

    def least(self, what: str) -> int:
        """A least number of the cards of the loss and of what it wraps."""
        return max(getattr(card, what) for card in self.cards)

    @property
    def num_taps(self) -> int:
        return TAPS_OF.get(self.config['type'], TAPS)

    @property
    def least_clips(self) -> int:
        return max(self.least('min_batch_size'), self.least('min_elements') if self.kind == 'vectors' else 1)

    @property
    def has_classes(self) -> bool:
        return self.kind == 'logits' or bool({'labels', 'student_classifier'} & set(self.asked))

    @property
    def has_time(self) -> bool:
        return self.kind in ('frames', 'maps')

    @cached_property
    def asked(self) -> tuple[str, ...]:
        return extra_inputs('case', self.build())

    def pair(self, *, clips: int = CLIPS, classes: int = CLASSES, steps: int = STEPS, seed: int = 0):
        """Student's and teacher's inputs, a tuple for a loss of several taps."""
        generator = torch.Generator().manual_seed(seed)
        shape = {
            'logits': (classes,),
            'vectors': (CHANNELS,),
            'frames': (CHANNELS, steps),
            'maps': (CHANNELS, steps, PIXELS, PIXELS),
            'tokens': (CHANNELS, math.prod(GRID)),
        }[self.kind]
        several = any('several taps' in card.needs for card in self.cards)

        def side():
            return tuple(
                torch.randn(clips, *shape, generator=generator) for _ in range(self.num_taps if several else 1)
            )

        student, teacher = side(), side()
        if self.kind == 'tokens':
            student = each(student, lambda tensor: tensor[..., :VISIBLE].contiguous())
        return (student, teacher) if several else (student[0], teacher[0])

    def extra(self, *, clips: int, classes: int = CLASSES, labels: Tensor | None = None) -> dict:
        """What the loss asks for beside the two; student and teacher have classifiers of equal weights."""
        torch.manual_seed(1)
        available = dict(
            labels=torch.arange(clips) * 3 % classes if labels is None else labels,
            progress=0.5,
            sample_ids=[f'video{index}' for index in range(clips)],
            teacher_hidden_tokens=None,  # it sees all
        )
        if not available.keys() >= set(self.asked):
            classifier = nn.Linear(CHANNELS, classes)
            available.update(
                student_classifier=classifier,
                teacher_classifier=copy.deepcopy(classifier).requires_grad_(False),
                hidden_tokens=torch.rand(clips, math.prod(GRID)).argsort(1) >= VISIBLE,
                clips=torch.randn(clips, 3, 2 * GRID[0], 16 * GRID[1], 16 * GRID[2]) if 'clips' in self.asked else None,
            )
        return {name: available[name] for name in self.asked}


def _attributes(values: Mapping) -> dict:
    """A copy, also of the dicts that hold a module's tensors and layers."""
    return {name: dict(value) if type(value) is dict else value for name, value in values.items()}


def each(side: Tensor | tuple[Tensor, ...], change: Callable[[Tensor], Tensor]):
    """A side with every tensor changed."""
    return tuple(change(tensor) for tensor in side) if isinstance(side, tuple) else change(side)


def tensors(side: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return side if isinstance(side, tuple) else (side,)


@cache
def all_cases() -> dict[str, Case]:
    """By name: the shipped config of every loss, and its other forms."""
    with pytest.MonkeyPatch.context() as patch:  # tests are collected before any fixture
        parse_once(patch)
        return _all_cases()


def _all_cases() -> dict[str, Case]:
    init_default_scope('kdtoolbox')
    found = {}
    for entry in entries('losses'):
        if entry.source != 'kdtoolbox':
            continue
        if entry.name in ('TextLogits', 'PromptLogits'):
            config, teacherless = dict(type=entry.name, text_features=_text_file(), logit_scale=10.0), False
        elif 'tokens' in entry.card.needs:
            asked = inspect.signature(MODELS.get(entry.name)).parameters
            channels = {name: 'auto' for name in ('student_channels', 'teacher_channels') if name in asked}
            config, teacherless = dict(type=entry.name, **channels), entry.name == 'VideoMAE'
        else:
            (term,) = Config.fromfile(find_config(config_name(entry.name))).model.terms.values()
            config, teacherless = term.loss.to_dict(), term.teacher is None
        config.update(CHANGES.get(entry.name, {}))
        found[entry.name] = Case(_sized(config, entry.card), _kind(entry.card), teacherless)
    for name, config in FORMS.items():
        found[name] = Case(config, found[config['type']].kind)
    for name in OF_VECTORS:
        found[f'{name} of vectors'] = Case(found[name].config, 'vectors')
    found['TemporalAffinity of maps'] = Case(dict(type='TemporalAffinity'), 'maps')
    return found


def _sized(config: dict, card: MethodCard) -> dict:
    channels = [CHANNELS] * TAPS if 'several taps' in card.needs else CHANNELS
    return {key: channels if value == 'auto' else value for key, value in config.items()}


def _kind(card: MethodCard) -> str:
    return next((kind for kind in ('maps', 'frames', 'tokens', 'logits', 'vectors') if kind in card.needs), 'vectors')


def _text_file() -> str:
    file = Path(tempfile.mkdtemp()) / 'texts.npz'
    features = torch.randn(CLASSES, CHANNELS, generator=torch.Generator().manual_seed(9)).numpy()
    np.savez(file, features=features, classes=np.array([f'a video of {index}' for index in range(CLASSES)]))
    return str(file)
