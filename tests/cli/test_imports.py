"""What need not wait for torch and mmaction2 does not import them."""

import json
import subprocess
import sys

import pytest

from kdtoolbox.cli.commands import COMMANDS
from tests.conftest import REPOSITORY

HEAVY = ('torch', 'mmaction', 'torchvision', 'mmcv')
AT_ONCE = [
    ['--version'],
    ['--help'],
    *([name, '--help'] for name in COMMANDS),
    ['prepare', 'folder', '--help'],
    ['results', 'add', '--help'],
    ['list'],
    ['configs'],
    ['configs', 'show', 'kd_r2d_to_r3d_hmdb51'],
    ['env'],
    ['list', 'losses'],
    ['list', 'losses', '--markdown'],
    ['trian'],
    ['train', '--wrok-dir', 'x'],
    ['train', 'no_such_config'],
    ['train', 'kd_r2d_to_r3d_hmdb51', '--cfg-options', 'model.terms.kd.loss.type=KLDivergense'],
    ['test', 'no_such_config', 'student.pth'],
    ['test', 'kd_r2d_to_r3d_hmdb51', 'gone.pth'],
    ['stages', 'no_such_plan'],
    ['profile', 'no_such_config'],
    ['export-student', 'gone.pth', 'out.pth'],
    ['export', 'gone', '--out', 'out'],
    ['predict', 'gone', 'a.mp4'],
    ['embed', 'gone', 'a.mp4', '--out', 'a.npz'],
    ['evaluate-features', 'gone.npz'],
    ['list', 'lossess'],
    ['prepare', 'folder', 'no_such_folder'],
]
CODE = """
import json, sys
from kdtoolbox.cli.main import main
found = {}
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit:
        pass
    found[' '.join(arguments)] = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
print('FOUND' + json.dumps(found))
"""


@pytest.fixture(scope='module')
def imported() -> dict[str, list[str]]:
    """Command line -> the heavy modules that are there after it, of all that ran in one process, in order."""
    done = subprocess.run(
        [sys.executable, '-c', CODE, json.dumps(AT_ONCE), json.dumps(HEAVY)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.rpartition('FOUND')[2])


@pytest.mark.parametrize('command', [' '.join(arguments) for arguments in AT_ONCE])
def test_help_lists_preparation_and_errors_of_use_import_neither_torch_nor_mmaction(command, imported):
    assert imported[command] == []


@pytest.mark.parametrize('module', ['kdtoolbox.video', 'kdtoolbox.safe_files', 'kdtoolbox.preparation.commands'])
def test_reading_and_preparing_videos_imports_no_torch(module):
    code = f'import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
