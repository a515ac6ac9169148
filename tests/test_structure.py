"""Rules of the code's structure, held by reading it."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

PACKAGE = REPOSITORY / 'kdtoolbox'
# The floors of the house, lowest first. A room may import the rooms of the floors below, none beside it.
FLOORS = (
    {'arguments', 'method_card', 'put_off'},  # nothing but Python's own when imported
    {
        'host_reads',
        'isolation',
        'plain_files',
        'registry',
        'safe_files',
        'taps',
        'terminal',
        'unregistered_modules',
        'video_files',
    },
    {'provenance', 'views', 'video'},
    {'losses', 'connectors', 'discriminators', 'teacher_cache'},
    {'hidden_tokens'},
    {'criterion'},
    {'inspection'},
    {'distillers', 'teachers', 'datasets', 'evaluation', 'engine', 'preparation'},
    {'backbones', 'yaml_experiments', 'demo', 'templates'},
    {'config_files'},
    {'cache_writing', 'deployment', 'feature_extraction', 'reporting'},
    {'profiling', 'recipes'},
    {'runner'},
    {'cli'},
)
ALLOWED = {room: set().union(*FLOORS[:floor]) for floor, rooms in enumerate(FLOORS) for room in rooms}
SINGLE_FILES = {'provenance'} | FLOORS[0] | FLOORS[1]
MODULES = sorted(path for path in PACKAGE.rglob('*.py') if path.parent != PACKAGE or path.stem in SINGLE_FILES)


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding='utf-8'))


def imported_rooms(file: Path) -> set[str]:
    names = []
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.append(node.module)
    return {name.split('.')[1] for name in names if name.startswith('kdtoolbox.')}


@pytest.mark.parametrize('file', MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(file):
    room = file.relative_to(PACKAGE).parts[0].removesuffix('.py')
    assert imported_rooms(file) - {room} <= ALLOWED[room]


@pytest.mark.parametrize('file', MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_and_public_thing_has_a_docstring(file):
    tree = tree_of(file)
    assert ast.get_docstring(tree), f'{file} says nothing of itself'
    undocumented = [
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and not node.name.startswith('_')
        and not ast.get_docstring(node)
    ]
    if file.relative_to(PACKAGE).parts[0] == 'cli':
        undocumented = [name for name in undocumented if name not in ('add_arguments', 'run')]
    assert not undocumented


def test_the_distribution_lists_every_package():
    text = (REPOSITORY / 'setup.cfg').read_text()
    listed = {line.strip() for line in text.split('packages =')[1].split('package_dir')[0].splitlines() if line.strip()}
    folders = {'kdtoolbox'} | {
        '.'.join(path.parent.relative_to(REPOSITORY).parts) for path in PACKAGE.rglob('__init__.py')
    }
    configs = {
        '.'.join(('kdtoolbox', *path.parent.relative_to(REPOSITORY).parts))
        for path in (REPOSITORY / 'configs').rglob('*.py')
    }
    assert listed == folders | configs
