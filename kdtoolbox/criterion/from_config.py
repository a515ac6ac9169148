"""Building the criterion: ``'auto'`` is replaced, and shapes that do not fit are reported before training."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mmengine.logging import print_log
from torch import nn

from kdtoolbox.criterion.criterion import Criterion, paths_of
from kdtoolbox.criterion.dry_run import ClipDoesNotFit, Tapped, rehearse, run_networks, untouched_randomness
from kdtoolbox.criterion.shape_inference import asks_for_shapes, fill_in, refuse_frames_as_channels
from kdtoolbox.hidden_tokens import VisibleTokens
from kdtoolbox.taps import LOGITS
from kdtoolbox.views import View, view_of

GUESSED_FRAMES = 16
HINT = (
    'this was found by a clip of (T, H, W) = {}, which was guessed: if those of the training are others, set '
    'clip_shape=(T, H, W) of the distiller'
)


def criterion_for(
    terms: Mapping[str, Mapping],
    student: nn.Module,
    teachers: Mapping[str, nn.Module],
    *,
    student_view: View | None,
    clip_shape: tuple[int, int, int] | None,
    student_tokens: VisibleTokens | None = None,
) -> Criterion:
    """Build the criterion of ``terms``; the shapes are found by a forward pass on noise, see :func:`run_networks`.

    The clip has ``clip_shape``. If it is not given, it is guessed: 16 frames in the size of the student's view. Without
    a student view, the size of a teacher's view is used if something is ``'auto'``; else there is no forward pass. If a
    network fails on a guessed clip and nothing is ``'auto'``, a warning says that nothing was checked.

    Args:
        terms: name -> arguments of :class:`Term`, in which something may be ``'auto'``, see :func:`fill_in`.
        student: the recognizer.
        teachers: name -> teacher, with the taps that the terms need.
        student_tokens: chooses the tokens that the student sees.

    Raises:
        ValueError: the shapes do not fit, or ``'auto'`` cannot be found from them.
    """
    is_open = {name: asks_for_shapes(term) for name, term in terms.items()}
    for name in filter(is_open.get, terms):
        refuse_frames_as_channels(name, terms[name], teachers)
    shape = clip_shape or _guessed_clip(student_view, teachers if any(is_open.values()) else {})
    if any(is_open.values()) and shape is None:
        raise ValueError(
            f'terms {[name for name in terms if is_open[name]]}: nothing tells the size of the clips that '
            "'auto' is found from: set clip_shape=(T, H, W) or student_view of the distiller"
        )
    if not terms or shape is None:
        return Criterion(terms)
    paths = tuple(path for term in terms.values() for path in paths_of(term.get('student', LOGITS)))
    with untouched_randomness():
        try:
            tapped = run_networks(
                student,
                teachers,
                clip_shape=shape,
                student_view=student_view,
                student_paths=paths,
                student_tokens=student_tokens,
            )
        except ClipDoesNotFit as error:
            if clip_shape or any(is_open.values()):
                raise
            print_log(f'The shapes of the terms are not checked before training: {error}', 'current', logging.WARNING)
            tapped = None
    if tapped is None:
        return Criterion(terms)
    return _fitted(terms, is_open, tapped, hint='' if clip_shape else f' ({HINT.format(tuple(shape))})')


def _fitted(terms: Mapping[str, Mapping], is_open: Mapping[str, bool], tapped: Tapped, *, hint: str) -> Criterion:
    chosen: dict[str, list[str]] = {}
    filled = dict(terms)
    with _hinting(hint, tapped), untouched_randomness():
        student, teacher = tapped.repeated(2)
        for name in filter(is_open.get, terms):
            filled[name], chosen[name] = fill_in(name, terms[name], student, teacher, tapped.runs)
    # Trained modules are built only now, so that their random weights are the same as with the numbers in the config.
    criterion = Criterion(filled)
    with _hinting(hint, tapped), untouched_randomness():
        for term in criterion.all():
            rehearse(term, tapped)
            term.chosen = tuple(chosen.get(term.name, ()))
    for name, words in chosen.items():
        print_log(f'term {name!r}, auto: {"; ".join(words)}', 'current')
    return criterion


@contextmanager
def _hinting(hint: str, tapped: Tapped) -> Iterator[None]:
    """Add the hint to errors that another clip shape may fix: errors of maps, whose T, H and W depend on the clip."""
    try:
        yield
    except ValueError as error:
        has_maps = any(value.dim() > 2 for value in (*tapped.student.values(), *tapped.teacher.values()))
        if has_maps and hint:
            raise ValueError(f'{error}{hint}') from error
        raise


def _guessed_clip(student_view: View | None, teachers: Mapping[str, nn.Module]) -> tuple[int, int, int] | None:
    view = student_view or next(map(view_of, teachers.values()), None)
    return None if view is None else (GUESSED_FRAMES, *view.height_and_width)
