"""The config of a recipe, as a Python file for people: whole, with comments, for kdtoolbox train as it is."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from kdtoolbox.recipes.recipe import (
    ALL_LABELS,
    FEW_LABELS,
    LABEL_FREE,
    LABELS_ALONE,
    TEST_CLIPS,
    WHY,
    Recipe,
    terms_of,
)

TEMPLATE = 'config.py.txt'
SPLIT, LABELLED, PROBE = 'split.json', 'labelled.json', 'probe.pth'
WORK_DIR, BASELINE_WORK_DIR = 'training', 'baseline'
WIDTH = 116


def config_text(recipe: Recipe, out: str | Path) -> str:
    """The text of ``config.py``, or of ``baseline.py`` for a recipe of :func:`baseline_of`.

    Args:
        out: folder of the run; its paths in the config are absolute, so that the config works in any folder.
    """
    out = Path(out).absolute()
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    environment.filters['py'] = lambda value, indent=0: written(value, indent=indent)
    template = environment.from_string((files('kdtoolbox.recipes') / TEMPLATE).read_text(encoding='utf-8'))
    own = [one for one in (recipe.teacher.own, recipe.student.own) if one is not None]
    is_baseline = recipe.regime == LABELS_ALONE
    decoded = recipe.size if is_baseline else max(recipe.size, recipe.teacher.pixels)
    teacher = dict(recipe.teacher.config)
    if recipe.regime == FEW_LABELS:
        teacher['probe'] = str(out / PROBE)
    return template.render(
        recipe=recipe,
        out=out,
        why=WHY[recipe.regime],
        use_labels=recipe.regime != LABEL_FREE,
        is_few=recipe.regime == FEW_LABELS,
        is_all=recipe.regime == ALL_LABELS,
        has_other_gallery=bool(recipe.videos.names('training', labelled=False)),
        split=str(out / (LABELLED if is_baseline else SPLIT)),
        labelled=str(out / LABELLED),
        work_dir=str(out / (BASELINE_WORK_DIR if is_baseline else WORK_DIR)),
        teacher=None if is_baseline else teacher,
        terms=terms_of(recipe),
        clip_shape=(recipe.frames, decoded, decoded) if recipe.layers else None,
        decoded=decoded,
        short_side=round(recipe.size * 8 / 7),
        test_clips=TEST_CLIPS,
        own_folders=sorted({one.folder for one in own}),
        own_modules=sorted({one.module for one in own}),
    )


def written(value: object, *, indent: int = 0) -> str:
    """A plain value as Python, with dict(…) for dicts, folded to a line's width.

    No text in it is taken for a variable of mmengine's.

    >>> print(written(dict(type='A', sizes=(1, 2))))
    dict(type='A', sizes=(1, 2))
    """
    line = _on_one_line(value)
    if indent + len(line) <= WIDTH or not isinstance(value, (Mapping, list, tuple)) or not value:
        return line
    inner = ' ' * (indent + 4)
    if isinstance(value, Mapping):
        parts = [f'{key}={written(item, indent=indent + 4)}' for key, item in value.items()]
        opening, closing = 'dict(', ')'
    else:
        parts = [written(item, indent=indent + 4) for item in value]
        opening, closing = '[]' if isinstance(value, list) else '()'
    return opening + '\n' + ''.join(f'{inner}{part},\n' for part in parts) + ' ' * indent + closing


def _on_one_line(value: object) -> str:
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) and key.isidentifier() for key in value):
            pairs = (f'{_on_one_line(key)}: {_on_one_line(item)}' for key, item in value.items())
            return '{' + ', '.join(pairs) + '}'
        return 'dict(' + ', '.join(f'{key}={_on_one_line(item)}' for key, item in value.items()) + ')'
    if isinstance(value, list):
        return '[' + ', '.join(map(_on_one_line, value)) + ']'
    if isinstance(value, tuple):
        return '(' + ', '.join(map(_on_one_line, value)) + (',)' if len(value) == 1 else ')')
    return repr(value).replace('{{', r'{\x7b')  # dicts are no keys here, so these are always inside of texts
