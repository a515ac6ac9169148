"""Which tokens a student computes in training, and which frames its time steps and those of the teachers cover."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from kdtoolbox.hidden_tokens import grid_of, patch_size, transformer_of


@dataclass
class TokenFacts:
    """The tokens of one step.

    Attributes:
        kind: the class that chooses.
        grid: time steps, rows and columns of the student's tokens.
        patch: frames, height and width in pixels of one token.
        num_visible: tokens of each clip that the student computes.
        depths: name of a term -> its taps of the student and of its teacher.
        frames: name of a network -> frames of the decoded clip that it sees; of the student in groups, one a time step.
        hidden: (T, H, W) of the first clip, True where the student sees nothing; None for nowhere.
        teachers: name -> number of tokens that a teacher computes, of those that compute only a part.
    """

    kind: str
    grid: tuple[int, int, int]
    patch: tuple[int, int, int]
    num_visible: int
    depths: Mapping[str, tuple]
    frames: Mapping[str, list[list[int]]]
    hidden: Tensor | None
    teachers: Mapping[str, int]


def token_facts(model, data: Mapping) -> TokenFacts | None:
    """The facts of a distiller with hidden tokens on a batch; None without them.

    Args:
        model: a distiller.
        data: a batch as its data preprocessor gives it; the draw counts as a step, so give a copy of the model.
    """
    tokens = getattr(model, 'student_tokens', None)
    if tokens is None:
        return None
    inputs, views = data['inputs'], data.get('teacher_inputs', {})
    grid, patch = grid_of(model.student, inputs), patch_size(transformer_of(model.student))
    ids = [sample.metainfo.get('sample_id') for sample in data['data_samples']]
    with torch.no_grad():
        _, hidden, of_teachers = model.drawn_tokens(inputs, ids, views)
    stride = view.frame_stride if (view := model.data_preprocessor.student_view) else 1
    frames = {'student': [[stride * (step * patch[0] + one) for one in range(patch[0])] for step in range(grid[0])]}
    for name, shown in views.items():
        own = model.teachers[name].view.frame_stride
        frames[f'teacher {name}'.strip()] = [[own * one] for one in range(shown.shape[1])]
    total = grid[0] * grid[1] * grid[2]
    return TokenFacts(
        kind=type(tokens).__name__,
        grid=grid,
        patch=patch,
        num_visible=total if hidden is None else total - int(hidden[0].sum()),
        depths={term.name: (term.student, term.teacher) for term in model.criterion.all()},
        frames=frames,
        hidden=None if hidden is None else hidden[0].view(grid).cpu(),
        teachers={name: total - int(mask[0].sum()) for name, mask in of_teachers.items()},
    )
