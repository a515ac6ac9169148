"""Which teacher the tap of a term is of: ``'<teacher>.<path>'`` with several teachers, the path alone with one."""

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

STUDENT_TOKENS = 'student_tokens'  # in the place of a term, of the path of AttentionTokens


def teacher_and_path(path: str, teachers: Mapping, *, term: str) -> tuple[str, str]:
    """The name of the teacher and the path inside it; a single teacher is called ``''``, and the path is all of it.

    Args:
        path: of the tap, as the term has it.
        teachers: by their names.
        term: its name, for the message.

    Raises:
        ValueError: it names no teacher.

    >>> teacher_and_path('clip.blocks.11', dict(clip=..., dino=...), term='kd')
    ('clip', 'blocks.11')
    """
    if '' in teachers:
        return '', path
    name, _, inner = path.partition('.')
    if term == STUDENT_TOKENS and name not in teachers:
        raise ValueError(
            f'student_tokens: AttentionTokens teacher={name if inner else ""!r} names no teacher: '
            + (
                f'expected one of {sorted(teachers)}'
                if teachers
                else 'there is none, so take RandomTokens or TubeTokens'
            )
        )
    if name not in teachers or not inner:
        raise ValueError(
            f'term {term!r}: teacher={path!r} names no teacher. '
            + (
                f'With several teachers write "<teacher>.<path>"; there are {sorted(teachers)}.'
                if teachers
                else 'There is none: give the distiller a teacher.'
            )
        )
    return name, inner


def named_by(paths: Iterable[str], teachers: Iterable[str]) -> list[str]:
    """The teachers that some of the paths are of, in their order.

    >>> named_by(['dino.features'], ['clip', 'dino'])
    ['dino']
    """
    paths = list(paths)
    return [name for name in teachers if any(not name or path.startswith(f'{name}.') for path in paths)]


def without_answer(teachers: Sequence[str], answers: Mapping[str, Tensor]) -> list[str]:
    """The teachers that have not been run yet.

    Args:
        teachers: names.
        answers: by the paths of the taps.
    """
    known = named_by(answers, teachers)
    return [name for name in teachers if name not in known]
