"""Dry run: one forward pass on noise when a distiller is built, to find the shapes before training.

It runs copies of the student and of the terms and restores the random state, so the training is unchanged.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from mmaction.models import Recognizer2D
from mmaction.structures import ActionDataSample
from torch import Tensor, nn

from kdtoolbox.criterion.connections import paths_as_text, pick, shapes_of
from kdtoolbox.criterion.network_runs import NetworkRuns, student_run, teacher_run
from kdtoolbox.criterion.term import Term
from kdtoolbox.hidden_tokens import AttentionTokens, VisibleTokens, clips_of, grid_of, hiding
from kdtoolbox.isolation import untouched_randomness
from kdtoolbox.method_card import cards
from kdtoolbox.taps import FEATURES, Taps, pool_to_vector
from kdtoolbox.teacher_cache.frame_keys import META_KEY, NOISE
from kdtoolbox.unregistered_modules import UnregisteredModules
from kdtoolbox.views import View, view_of
from kdtoolbox.views.input_sizes import student_size, teacher_key, teacher_size, wrong_size
from kdtoolbox.views.preprocessor import ViewPreprocessor

__all__ = ['ClipDoesNotFit', 'Tapped', 'refuse_few_classes', 'rehearse', 'run_networks', 'untouched_randomness']


class ClipDoesNotFit(ValueError):
    """A network fails on the clip of the dry run."""


@dataclass(frozen=True)
class Tapped:
    """The recorded outputs of the networks for one clip.

    Args:
        student: tap -> tensor.
        teacher: tap -> tensor.
        runs: the networks as they ran.
        hidden_tokens: (1, L), True where the student saw nothing.
        clips: (1, 3, T, H, W), the student's input.
    """

    student: Mapping[str, Tensor]
    teacher: Mapping[str, Tensor]
    runs: NetworkRuns
    hidden_tokens: Tensor | None = None
    clips: Tensor | None = None

    def repeated(self, num_clips: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The recorded outputs of student and teachers, repeated to a batch with a little noise."""
        student, teacher = (
            {
                path: torch.cat([value + 0.01 * torch.randn_like(value) for _ in range(num_clips)])
                for path, value in side.items()
            }
            for side in (self.student, self.teacher)
        )
        return student, teacher


@torch.no_grad()
def run_networks(
    student: nn.Module,
    teachers: Mapping[str, nn.Module],
    *,
    clip_shape: tuple[int, int, int],
    student_view: View | None,
    student_paths: tuple[str, ...],
    student_tokens: VisibleTokens | None = None,
) -> Tapped:
    """Run a copy of the student and the teachers on one clip of noise.

    One clip is enough and cheapest: in evaluation mode there are no batch statistics.

    Args:
        teachers: name -> teacher, with the taps that the terms need.
        clip_shape: frames, height and width of the decoded clip.
        student_paths: the taps of the student.
        student_tokens: chooses the tokens that the student sees.

    Raises:
        ClipDoesNotFit: a network does not run on such a clip.
        ValueError: a tap does not work, or a network runs on another size than its view has.
    """
    student = copy.deepcopy(student).eval()
    clip = torch.randint(0, 256, (1, 3, *clip_shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    preprocessor = ViewPreprocessor(
        student.data_preprocessor,
        student_view=student_view,
        teacher_views=lambda: {name: view_of(teacher) for name, teacher in teachers.items()},
    )
    data = preprocessor(
        {
            'inputs': [clip[0].transpose(0, 1) if isinstance(student, Recognizer2D) else clip],
            'data_samples': [ActionDataSample(metainfo={META_KEY: NOISE}).set_gt_labels(0)],
        },
        training=True,
    )
    choose = copy.deepcopy(student_tokens)  # which counts steps
    grid = None if choose is None else grid_of(student, data['inputs'])
    hidden = None if choose is None else choose(grid, ['dry run'])
    with (
        hiding(student, hidden),
        Taps(student, student_paths, classifier='cls_head', owner='student').listening() as outputs,
        _on_this_clip(
            'the student',
            clip_shape,
            view='model.student_view',
            shown=data['inputs'],
            size=lambda: None if student_view is None else student_size(student, data['inputs']),
        ),
    ):
        student(data['inputs'], mode='tensor', stage='head')
    if FEATURES in outputs:
        outputs[FEATURES] = pool_to_vector(outputs[FEATURES], 1)
    frames = data.get('teacher_inputs', {})
    answers = {}
    for name, teacher in teachers.items():
        with (
            torch.compiler.set_stance('force_eager'),
            _on_this_clip(
                f'the teacher {name}'.strip(),
                clip_shape,
                view=f'{teacher_key(name)}.view',
                shown=frames[name],
                size=partial(teacher_size, teacher, frames[name]),
            ),
        ):
            for path, answer in teacher(frames[name]).items():
                answers[f'{name}.{path}' if name else path] = answer
    if isinstance(choose, AttentionTokens):
        choose(grid, ['dry run'], weights=choose.weights_in(answers))
    stride = student_view.frame_stride if student_view else 1
    return Tapped(
        outputs,
        answers,
        NetworkRuns(
            student_run(student, data['inputs'], stride),
            {name: teacher_run(name, teacher, frames[name]) for name, teacher in teachers.items()},
        ),
        hidden_tokens=hidden,
        clips=clips_of(data['inputs']),
    )


@torch.no_grad()
def rehearse(term: Term, tapped: Tapped) -> None:
    """Run a copy of a term on the recorded outputs, to report wrong shapes now, and to note the shapes.

    Raises:
        ValueError: the shapes do not fit, or the student has too few classes for the loss.
    """
    num_clips = max(2, term.min_batch_size, *(card.min_elements for card in cards(term.loss)))
    num_clips = min(num_clips, getattr(term.loss, 'batch_size', num_clips))  # which is the most that it takes
    student, teacher = tapped.repeated(num_clips)
    labels = torch.zeros(num_clips, dtype=torch.long)
    extra = {
        'labels': labels,
        'sample_ids': [f'dry run {index}' for index in range(num_clips)],
        'progress': 0.0,
        'hidden_tokens': None if tapped.hidden_tokens is None else tapped.hidden_tokens.expand(num_clips, -1),
        'teacher_hidden_tokens': None,
        'clips': None if tapped.clips is None else tapped.clips.expand(num_clips, -1, -1, -1, -1),
    }
    # In training mode: a connector that learns statistics has none yet.
    copied = cast(Term, copy_with_unregistered(term)).train()
    try:
        copied.kept(teacher, labels)
        copied(student, teacher, extra, runs=tapped.runs)
        pair = copied.connected(student, teacher, tapped.runs)
    except ValueError:
        raise
    except Exception as error:  # a module may fail in any way on shapes that it is not made for
        raise ValueError(
            f'term {term.name!r}, student {paths_as_text(term.student)} {shapes_of(pick(student, term.student))}, '
            f'teacher {paths_as_text(term.teacher)} {shapes_of(pick(teacher, term.teacher))}, does not run: '
            f'{type(error).__name__}: {error}'
        ) from error
    term.shapes = {
        'student_shape': _shapes(pick(tapped.student, term.student)),
        'teacher_shape': _shapes(pick(tapped.teacher, term.teacher)),
        'student_connected': _shapes(pair[0]),
        'teacher_connected': _shapes(pair[1]),
    }
    if isinstance(pair[0], Tensor) and pair[0].dim() in (2, 3):
        refuse_few_classes(term, pair[0].shape[1 if pair[0].dim() == 2 else 2])


def refuse_few_classes(term: Term, num_classes: int) -> None:
    """Refuse a loss of logits that needs more classes.

    Raises:
        ValueError: it does.
    """
    if num_classes < term.min_classes:
        raise ValueError(
            f'term {term.name!r}: {type(term.loss).__name__} needs {term.min_classes} classes or more, '
            f'but the student has {num_classes}: take another loss, KLDivergence for instance'
        )


def copy_with_unregistered(module: nn.Module) -> nn.Module:
    """A deep copy that shares nothing, not even :class:`UnregisteredModules`."""
    memo = {
        id(held): UnregisteredModules(copy.deepcopy(held.modules))
        for part in module.modules()
        for held in vars(part).values()
        if isinstance(held, UnregisteredModules)
    }
    return copy.deepcopy(module, memo)


@contextmanager
def _on_this_clip(
    who: str, clip_shape: tuple[int, int, int], *, view: str, shown: Tensor, size: Callable[[], int | None]
) -> Iterator[None]:
    """Add to the error of a failing network what it would run on: another size of its view, or another clip shape."""
    try:
        yield
    except Exception as error:  # a network may fail in any way on a clip that it is not made for
        found = None if isinstance(error, ValueError) else size()
        if found is not None:
            raise ValueError(wrong_size(error, who=who, view=view, shown=shown, size=found)) from error
        raise ClipDoesNotFit(
            f'{who} does not run on a clip of (T, H, W) = {tuple(clip_shape)}: '
            f'{type(error).__name__}: {error}. If the clips of the training are others, set '
            'clip_shape=(T, H, W) of the distiller to what the training pipeline gives'
        ) from error


def _shapes(tensors: Tensor | tuple[Tensor, ...] | None):
    """(C, ...) of one clip: the batch is left out."""
    if tensors is None:
        return None
    return tuple(tensors.shape[1:]) if isinstance(tensors, Tensor) else [tuple(tensor.shape[1:]) for tensor in tensors]
