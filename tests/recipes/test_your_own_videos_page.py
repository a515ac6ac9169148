"""docs/your_own_videos.md: every command and snippet in it, in order, on tiny videos with a tiny teacher."""

import re
import shutil

import pytest

import kdtoolbox
from kdtoolbox.cli.distill import distill
from kdtoolbox.cli.main import main
from tests.conftest import REPOSITORY
from tests.onnx_runtime import can_export, operators_are_listed_once

PAGE = (REPOSITORY / 'docs/your_own_videos.md').read_text(encoding='utf-8')
BLOCKS = re.findall(r'^```(\w*)\n(.*?)^```', PAGE, flags=re.DOTALL | re.MULTILINE)
COMMANDS = [line.split()[1:] for language, text in BLOCKS if not language for line in text.splitlines()]
SNIPPETS = [text for language, text in BLOCKS if language == 'python']


@pytest.fixture
def tiny(networks) -> dict:
    """Options that a machine needs to be done in seconds: networks of one's own, and clips that they are made for."""
    teacher, student = f'{networks}:OwnTeacher', f'{networks}:OwnBackbone'
    return dict(teacher=teacher, student=student, frames=4, size=16, teacher_size=16, epochs=1)


def test_the_commands_of_the_page_run_on_a_run_like_its_first(class_folders, interrupted_run, tmp_path, monkeypatch):
    operators_are_listed_once()
    monkeypatch.chdir(tmp_path)
    shutil.copytree(class_folders / 'all/run', 'my_videos')
    shutil.copytree(interrupted_run[0], 'my_student')
    shutil.copyfile(class_folders / 'all/run/day0/0.avi', 'video.mp4')
    runs = [command for command in COMMANDS if command[0] == 'distill']
    assert len(runs) == 3 and len(COMMANDS) == 9
    for command in COMMANDS:
        if command[0] != 'distill':
            assert main(command) == (0 if can_export() or 'onnx' not in command else 2), command
    written = {
        'predictions.csv',
        'drawn.mp4',
        'features.safetensors',
        'found.png',
        *(['exported'] if can_export() else []),
    }
    assert {path.name for path in tmp_path.iterdir()} >= written
    exec(SNIPPETS[0], {})


@pytest.mark.parametrize('command', [command for command in COMMANDS if command[0] == 'distill'], ids=' '.join)
def test_the_options_of_its_runs_are_those_of_the_command(command, class_folders, tmp_path, monkeypatch, tiny, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(class_folders, 'my_videos')
    options = [f'--{name.replace("_", "-")}={value}' for name, value in tiny.items() if name != 'epochs']
    assert main([*command, '--print-config', *options]) == 0
    assert 'FolderDataset' in capsys.readouterr().out


def test_the_run_from_python_takes_the_options_of_the_page(tmp_path, class_folders, monkeypatch, tiny):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(class_folders, 'my_videos')
    asked = {}
    monkeypatch.setattr('kdtoolbox.cli.distill._distill', lambda args: asked.update(vars(args)))
    exec(SNIPPETS[1], {})
    assert (asked['videos'], asked['out'], asked['epochs']) == ('my_videos', 'my_student_from_python', 1)
    assert kdtoolbox.distill is distill
    with pytest.raises(ValueError, match="no option 'epoch'"):
        distill('my_videos', 'out', epoch=1)
