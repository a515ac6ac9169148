"""The tokens that a student sees, as a small picture in text."""

from collections.abc import Sequence

from kdtoolbox.inspection.token_report import TokenFacts

MAX_FRAMES = 16  # of the clip, in the picture
SEEN, NOT_SEEN = '#', '.'


def token_lines(facts: TokenFacts) -> list[str]:
    """Grid, visible tokens, depths, and a picture: the frames of each network, and the first clip's visible tokens.

    >>> import torch
    >>> hidden = torch.tensor([[[True, False]], [[True, False]]])
    >>> facts = TokenFacts('TubeTokens', (2, 1, 2), (2, 8, 8), 2, {'umt': ('blocks.3', 'layer2')},
    ...                    {'student': [[0, 1], [2, 3]], 'teacher': [[0], [2]]}, hidden, {})
    >>> print('\\n'.join(token_lines(facts)))
    Tokens of the student: 2 x 1 x 2 (time, rows, columns), each of 2 frames of 8 x 8 pixels
      it computes 2 of 4 in training (TubeTokens)
      term umt: student blocks.3, teacher layer2
    <BLANKLINE>
      frame    0  1  2  3
      student  0==0  1==1  its time steps
      teacher  0     1     its frames
    <BLANKLINE>
      visible in the first clip, by time step
      .#  .#
    """
    time, height, width = facts.grid
    frames, *pixels = facts.patch
    lines = [
        f'Tokens of the student: {time} x {height} x {width} (time, rows, columns), each of {frames} '
        f'frame{"s" if frames > 1 else ""} of {pixels[0]} x {pixels[1]} pixels',
        f'  it computes {facts.num_visible} of {time * height * width} in training ({facts.kind})',
        *(
            f'  {"teacher " + name if name else "the teacher"} computes {number} of them'
            for name, number in facts.teachers.items()
        ),
        *(f'  term {name}: student {_paths(own)}, teacher {_paths(of)}' for name, (own, of) in facts.depths.items()),
        '',
        *_frame_rows(facts),
    ]
    if facts.hidden is not None:
        steps = [[''.join(NOT_SEEN if one else SEEN for one in row) for row in step] for step in facts.hidden.tolist()]
        per_line = max(1, 96 // (width + 2))
        lines += ['', '  visible in the first clip, by time step']
        for start in range(0, time, per_line):
            chosen = steps[start : start + per_line]
            lines += ['  ' + '  '.join(step[row] for step in chosen) for row in range(height)]
    return lines


def _paths(paths: str | Sequence[str] | None) -> str:
    if paths is None:
        return 'none'
    if isinstance(paths, str):
        return paths
    return paths[0] if len(paths) == 1 else f'{paths[0]} … {paths[-1]} ({len(paths)})'


def _frame_rows(facts: TokenFacts) -> list[str]:
    last = max(frame for groups in facts.frames.values() for group in groups for frame in group)
    shown = min(last + 1, MAX_FRAMES)
    width = max(len(name) for name in ('frame', *facts.frames))
    rows = [f'  {"frame":<{width}}  {"".join(f"{number:<3}" for number in range(shown)).rstrip()}']
    for name, groups in facts.frames.items():
        cells = ['   '] * shown
        for step, group in enumerate(groups):
            for place, frame in enumerate(group):
                if frame < shown:
                    joined = '=' if place + 1 < len(group) else ' '
                    cells[frame] = f'{step}'.ljust(3, joined)
                    for between in range(frame + 1, min(group[place + 1], shown) if place + 1 < len(group) else 0):
                        cells[between] = '==='
        what = 'its time steps' if name == 'student' else 'its frames'
        more = ' …' if last >= shown else ''
        rows.append(f'  {name:<{width}}  {"".join(cells)}{what}{more}')
    return rows
