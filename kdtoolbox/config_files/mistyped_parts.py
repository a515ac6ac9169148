"""A mistyped loss or connector of a config, answered before torch and mmaction2 are imported, which takes seconds.

A name is refused here only if nothing can have registered it: its letters stand in no source of kdtoolbox, of
OpenMMLab's packages and of ``torch.nn``, the config imports nothing of its own, and no plugin is installed. Any other
name is left to the check that knows the registries.
"""

import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from kdtoolbox import PLUGIN_GROUP
from kdtoolbox.arguments import nearest_names
from kdtoolbox.config_files.reading import read_config

PACKAGE = Path(__file__).parents[1]
PARTS = {
    'loss': 'losses',
    'student_connector': 'connectors',
    'teacher_connector': 'connectors',
}  # of a term -> its room
# Those that may register names, and may be installed.
LIBRARIES = ('mmaction', 'mmengine', 'mmcv', 'mmdet', 'mmpretrain', 'mmpose')
_REGISTERED = re.compile(
    r'^@(?:register_loss|MODELS\.register_module)\((?:[^()]|\([^()]*\))*\)\nclass (\w+)', re.MULTILINE
)


def refuse_mistyped_parts(file: Path, options: Mapping | None, *, safe: bool) -> None:
    """Refuse a Python config whose terms name a loss or a connector that cannot be there.

    Args:
        file: the config.
        options: ``--cfg-options``, by key.
        safe: see :func:`read_config`.

    Raises:
        ValueError: a name is surely unknown; the message names the place and the nearest names. Or see
            :func:`read_config`.
    """
    if file.suffix != '.py' or _may_know_more():
        return
    config = read_config(file, safe=safe)
    try:
        config.merge_from_dict(dict(options or {}))
    except (KeyError, TypeError, IndexError, AttributeError):  # said by who applies them
        return
    if config.get('custom_imports') or config.get('default_scope') != 'kdtoolbox' or _may_know_more():
        return
    for path, room, name in _named_parts(config.get('model')):
        if not is_in_a_source(name):
            known = [
                found for one in (PACKAGE / room).rglob('*.py') for found in _REGISTERED.findall(one.read_text('utf-8'))
            ]
            nearest = nearest_names(name, known)
            hint = f'did you mean {" or ".join(map(repr, nearest))}?' if nearest else 'no name is near it.'
            raise ValueError(
                f'{path}: there is no model called {name!r}: {hint} A class of your own is found when its module is '
                f'named in custom_imports or in an entry point of the group {PLUGIN_GROUP!r}.'
            )


def is_in_a_source(name: str) -> bool:
    """Whether the letters of a name stand anywhere in the sources of what registers names.

    >>> is_in_a_source('KLDivergence'), is_in_a_source('KLDiv' + 'ergense')
    (True, False)
    """
    letters = name.encode()
    return any(letters in file.read_bytes() for folder in _sources() for file in folder.rglob('*.py'))


def _sources() -> Iterator[Path]:
    yield from (PACKAGE / room for room in sorted(set(PARTS.values())))
    yield PACKAGE
    for library in (*LIBRARIES, 'torch'):
        found = importlib.util.find_spec(library)  # imports nothing
        for folder in (found and found.submodule_search_locations) or ():
            yield Path(folder, 'nn') if library == 'torch' else Path(folder)


def _may_know_more() -> bool:
    """Whether something was imported, or will be, that may have registered any name."""
    return 'kdtoolbox.registry' in sys.modules or bool(entry_points(group=PLUGIN_GROUP))


def _named_parts(model: object) -> Iterator[tuple[str, str, str]]:
    """Path, room and name of the parts of all terms, those inside of a loss included."""
    terms = model.get('terms') if isinstance(model, Mapping) else None
    for term, settings in terms.items() if isinstance(terms, Mapping) else ():
        for part, room in PARTS.items():
            chosen = settings.get(part) if isinstance(settings, Mapping) else None
            for one in chosen if isinstance(chosen, (list, tuple)) else [chosen]:
                path = f'model.terms.{term}.{part}'
                while isinstance(one, Mapping):
                    if isinstance(name := one.get('type'), str) and name.isidentifier():
                        yield path, room, name
                    one, path = one.get('loss'), f'{path}.loss'
