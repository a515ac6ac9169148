"""What can be named in configs: of kdtoolbox itself read from its source, of plugins from what they register.

Importing all losses takes seconds, as it imports torch and mmaction2; reading them does not.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from kdtoolbox import PLUGIN_GROUP
from kdtoolbox.method_card import MethodCard, registered_card

# Kind -> registry, package of kdtoolbox's own.
KINDS = {
    **{
        kind: ('MODELS', f'kdtoolbox.{kind}')
        for kind in ('losses', 'connectors', 'teachers', 'discriminators', 'distillers')
    },
    'datasets': ('DATASETS', 'kdtoolbox.datasets'),
    'transforms': ('TRANSFORMS', 'kdtoolbox.datasets'),
    'metrics': ('METRICS', 'kdtoolbox.evaluation'),
    'hooks': ('HOOKS', 'kdtoolbox.engine'),
}
PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Entry:
    """A registered class.

    Args:
        name: in configs.
        summary: the first paragraph of its docstring.
        source: the package it comes from.
        card: of a loss that has one.
        module: the last part of the name of its module.
    """

    name: str
    summary: str
    source: str
    card: MethodCard | None
    module: str = ''


def entries(kind: str) -> list[Entry]:
    """What is registered of a kind by kdtoolbox and by plugins, by name; nothing is imported if there is no plugin."""
    found = list(_own(*KINDS[kind]))
    if 'kdtoolbox.registry' in sys.modules or entry_points(group=PLUGIN_GROUP):
        found += _of_plugins(kind)
    return sorted(found, key=lambda entry: entry.name)


def _own(registry: str, package: str) -> Iterator[Entry]:
    for file in sorted((PACKAGE / package.partition('.')[2]).rglob('*.py')):
        text = file.read_text(encoding='utf-8')
        if '@register_loss(' not in text and f'@{registry}.register_module' not in text:
            continue
        tree = ast.parse(text)
        for node in tree.body:
            if not isinstance(node, ast.ClassDef):
                continue
            calls = {ast.unparse(one.func): one for one in node.decorator_list if isinstance(one, ast.Call)}
            if not calls.keys() & {'register_loss', f'{registry}.register_module'}:
                continue
            card = _card(calls, tree) if 'register_loss' in calls else None
            yield Entry(node.name, _summary(ast.get_docstring(node)), 'kdtoolbox', card, file.stem)


def _card(decorators: Mapping[str, ast.Call], module: ast.Module) -> MethodCard:
    """The card of a loss from the arguments of its decorators: plain values or constants of ours."""

    def named(call: ast.Call) -> dict:
        facts: dict = {}
        for one in call.keywords:
            facts.update(_value(one.value, module) if one.arg is None else {one.arg: _value(one.value, module)})
        return facts

    card = registered_card(**named(decorators['register_loss']))
    if paper := decorators.get('from_paper'):
        return card.of_paper(*(_value(one, module) for one in paper.args), **named(paper))
    return card


def _value(node: ast.expr, module: ast.Module):
    """A plain value, or that of a constant of the module or of the module of ours that it imports it from."""
    if not isinstance(node, ast.Name):
        return ast.literal_eval(node)
    for statement in module.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == node.id:
            return _value(statement.value, module)
        if (
            isinstance(statement, ast.ImportFrom)
            and statement.module
            and node.id in [alias.name for alias in statement.names]
        ):
            file = PACKAGE.parent / f'{statement.module.replace(".", "/")}.py'
            return _value(node, ast.parse(file.read_text(encoding='utf-8')))
    raise AssertionError(f'{node.id} of a card is no constant of its module')


def _of_plugins(kind: str) -> Iterator[Entry]:
    from kdtoolbox import registry  # imports torch and mmaction2, as plugins do

    name, package = KINDS[kind]
    kinds = getattr(registry, name)
    kinds.import_from_location()
    for one, thing in kinds.module_dict.items():
        source = thing.__module__.partition('.')[0]
        if source != 'kdtoolbox' and inspect.isclass(thing) and _is_of(kind, thing, package):
            yield Entry(
                one,
                _summary(vars(thing).get('__doc__')),
                source,
                getattr(thing, 'card', None),
                thing.__module__.rpartition('.')[2],
            )


def _is_of(kind: str, thing: type, package: str) -> bool:
    """Whether a plugin's class is of the kind; one registry holds losses, connectors and teachers."""
    from kdtoolbox.teachers import FrozenTeacher

    if package in ('kdtoolbox.datasets', 'kdtoolbox.evaluation', 'kdtoolbox.engine'):
        return True
    if issubclass(thing, FrozenTeacher):
        return kind == 'teachers'
    return kind == ('losses' if hasattr(thing, 'card') or _compares_two(thing) else 'connectors')


def _compares_two(thing: type) -> bool:
    """Whether the forward of a plugin's module takes two things, as losses do, and not one, as connectors do."""
    parameters = list(inspect.signature(getattr(thing, 'forward', thing)).parameters.values())[1:]
    return (
        sum(
            parameter.default is inspect.Parameter.empty
            for parameter in parameters
            if parameter.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        )
        > 1
    )


def _summary(docstring: str | None) -> str:
    own = inspect.cleandoc(docstring or '')  # not that of nn.Module
    paragraph = (own or 'no docstring').split('\n\n', 1)[0].replace('\n', ' ')
    return re.sub(r',? (see|in the sense of) :\w+:.*', '', paragraph).rstrip('.').replace('``', '')
