"""``--safe-config``: no command that has it runs a Python config, and SECURITY.md names them all."""

import argparse
import re

import pytest

from kdtoolbox.cli.commands import COMMANDS
from kdtoolbox.cli.main import main
from kdtoolbox.cli.parser import build_parser
from tests.conftest import REPOSITORY


def has_the_option(command: str) -> bool:
    parsers = next(
        action for action in build_parser(chosen=[command])._actions if isinstance(action, argparse._SubParsersAction)
    )
    return '--safe-config' in {
        option for action in parsers.choices[command]._actions for option in action.option_strings
    }


WITH_IT = [command for command in COMMANDS if has_the_option(command)]


def test_security_names_the_commands_that_have_it():
    page = (REPOSITORY / 'SECURITY.md').read_text(encoding='utf-8')
    listed = re.search(r'With \*\*`--safe-config`\*\* \(([^)]*)\)', page)[1]
    assert sorted(re.findall(r'`([a-z-]+)`', listed)) == sorted(WITH_IT) and len(WITH_IT) > 8


@pytest.mark.parametrize('command', WITH_IT)
def test_a_python_config_is_refused_and_not_run(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'config.py').write_text("open('ran', 'w')\nmodel = dict(type='Distiller')\n")
    (tmp_path / 'a.pth').touch()  # a checkpoint that is not there would be named first
    more = {'extract-features': ['out.npz'], 'test': ['a.pth'], 'sweep': ['--set', 'seed=1,2']}.get(command, [])
    config = ['--config', 'config.py'] if command == 'experiment' else ['config.py']
    assert main([command, *config, *more, '--safe-config']) == 2
    said = capsys.readouterr().err
    assert 'config.py' in said and '--safe-config' in said, said
    assert not (tmp_path / 'ran').exists()
