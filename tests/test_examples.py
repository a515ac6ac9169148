"""The notebooks in examples/ run from top to bottom, made small by their cell of parameters."""

import json
import shutil
from pathlib import Path

import matplotlib
import pytest

from tests.conftest import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / 'examples').glob('*.ipynb'))
NETWORKS = REPOSITORY / 'tests/recipes/own_networks.py.txt'
SMALL = {
    'videos_per_class': 4,
    'test_videos_per_class': 1,
    'teacher_steps': 2,
    'student_steps': 2,
    'steps': 2,
    'teacher': 'networks_of_a_notebook.py:OwnTeacher',
    'student': 'networks_of_a_notebook.py:OwnBackbone',
    'frames': 4,
    'size': 16,
    'teacher_size': 16,
    'epochs': 1,
}


def code_cells(notebook: Path) -> list[tuple[str, bool]]:
    """The code of each cell, and whether it is that of the parameters."""
    cells = json.loads(notebook.read_text())['cells']
    return [
        (''.join(cell['source']), 'parameters' in cell['metadata'].get('tags', ()))
        for cell in cells
        if cell['cell_type'] == 'code'
    ]


@pytest.mark.slow
@pytest.mark.parametrize('notebook', NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(NETWORKS, tmp_path / 'networks_of_a_notebook.py')
    matplotlib.use('Agg')
    monkeypatch.setattr('kdtoolbox.recipes.choosing.MAX_WORKERS', 0)  # a fork of a process of tests costs more
    names = {}
    for code, are_parameters in code_cells(notebook):
        exec(compile(code, notebook.name, 'exec'), names)
        if are_parameters:
            names.update({name: value for name, value in SMALL.items() if name in names})
    metrics = names['metrics']
    assert metrics


def test_notebooks_are_kept_without_outputs():
    assert len(NOTEBOOKS) >= 3
    for notebook in NOTEBOOKS:
        cells = json.loads(notebook.read_text())['cells']
        assert not any(cell.get('outputs') for cell in cells), notebook
