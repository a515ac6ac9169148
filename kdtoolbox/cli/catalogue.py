"""List what can be named in configs, plugins included: losses, connectors, teachers and more."""

import argparse
import inspect
import re
from dataclasses import dataclass

from kdtoolbox.method_card import MethodCard
from kdtoolbox.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS, Registry
from kdtoolbox.reporting.methods_table import methods_table
from kdtoolbox.teachers import FrozenTeacher

# Kind -> registry, package of kdtoolbox's own.
KINDS: dict[str, tuple[Registry, str]] = {
    'losses': (MODELS, 'kdtoolbox.losses'),
    'connectors': (MODELS, 'kdtoolbox.connectors'),
    'teachers': (MODELS, 'kdtoolbox.teachers'),
    'discriminators': (MODELS, 'kdtoolbox.discriminators'),
    'distillers': (MODELS, 'kdtoolbox.distillers'),
    'datasets': (DATASETS, 'kdtoolbox.datasets'),
    'transforms': (TRANSFORMS, 'kdtoolbox.datasets'),
    'metrics': (METRICS, 'kdtoolbox.evaluation'),
    'hooks': (HOOKS, 'kdtoolbox.engine'),
}


@dataclass(frozen=True)
class Entry:
    """A registered class.

    Args:
        name: in configs.
        summary: the first paragraph of its docstring.
        source: the package it comes from.
        card: of a loss that has one.
    """

    name: str
    summary: str
    source: str
    card: MethodCard | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('kind', nargs='?', choices=[*KINDS, 'all'], default='all')
    parser.add_argument('--markdown', action='store_true', help='the table of docs/methods.md; of our losses only')


def run(args: argparse.Namespace) -> int:
    if args.markdown:
        if args.kind != 'losses':
            raise ValueError(
                f'list {args.kind} --markdown: only losses have a table of methods. Run: list losses --markdown'
            )
        print(methods_table({entry.name: entry.card for entry in entries('losses') if entry.source == 'kdtoolbox'}))
        return 0
    for kind in KINDS if args.kind == 'all' else [args.kind]:
        print(f'{kind}\n{text_of(entries(kind))}\n')
    return 0


def entries(kind: str) -> list[Entry]:
    """The registered classes of a kind, of kdtoolbox and of plugins, sorted by name."""
    registry, package = KINDS[kind]
    registry.import_from_location()
    found = {name: thing for name, thing in registry.module_dict.items() if _is_of(kind, thing, package)}
    return [
        Entry(name, _summary(thing), thing.__module__.partition('.')[0], getattr(thing, 'card', None))
        for name, thing in sorted(found.items())
    ]


def text_of(listed: list[Entry]) -> str:
    """One or two lines a class: the name and what it is; paper and needs where it has a card.

    >>> print(text_of([Entry('L1', 'Mean absolute difference', 'kdtoolbox', None)]))
      L1  Mean absolute difference
    """
    width = max((len(entry.name) for entry in listed), default=0)
    lines = []
    for entry in listed:
        origin = '' if entry.source == 'kdtoolbox' else f' [{entry.source}]'
        lines.append(f'  {entry.name:{width}}  {entry.summary}{origin}')
        if entry.card is not None:
            needs = (*entry.card.needs, *entry.card.least)
            lines.append(f'  {"":{width}}  {entry.card.paper}; needs {", ".join(needs) or "nothing more"}')
    return '\n'.join(lines)


def _is_of(kind: str, thing, package: str) -> bool:
    if not inspect.isclass(thing):
        return False
    if thing.__module__.startswith('kdtoolbox.'):
        return thing.__module__.startswith(f'{package}.')
    if package in ('kdtoolbox.datasets', 'kdtoolbox.evaluation', 'kdtoolbox.engine'):
        return True
    if issubclass(thing, FrozenTeacher):
        return kind == 'teachers'
    return kind == ('losses' if hasattr(thing, 'card') or _compares_two(thing) else 'connectors')


def _compares_two(thing: type) -> bool:
    """Whether the forward of a plugin's module takes two things, as losses do, and not one, as connectors do."""
    parameters = list(inspect.signature(thing.forward).parameters.values())[1:]
    return (
        sum(
            parameter.default is inspect.Parameter.empty
            for parameter in parameters
            if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        )
        > 1
    )


def _summary(thing: type) -> str:
    own = inspect.cleandoc(vars(thing).get('__doc__') or '')  # not that of nn.Module
    paragraph = (own or 'no docstring').split('\n\n', 1)[0].replace('\n', ' ')
    return re.sub(r',? (see|in the sense of) :\w+:.*', '', paragraph).rstrip('.')
