import shutil
import subprocess
import sys

import pytest

from kdtoolbox.cli.commands import COMMANDS
from kdtoolbox.cli.completion import SHELLS
from kdtoolbox.cli.main import main


@pytest.mark.parametrize('shell', SHELLS)
def test_the_completion_of_a_shell_knows_every_command_and_its_options(shell, capsys):
    pytest.importorskip('shtab')
    assert main(['completion', shell]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)
    assert 'cfg-options' in text and 'validation-share' in text and 'retrieval' in text


def test_bash_completes_a_command(tmp_path, capsys):
    pytest.importorskip('shtab')
    if shutil.which('bash') is None:
        pytest.skip('no bash')
    assert main(['completion', 'bash']) == 0
    script = tmp_path / 'kdtoolbox.bash'
    script.write_text(capsys.readouterr().out)
    ask = f'source {script}; COMP_WORDS=(kdtoolbox exp); COMP_CWORD=1; _shtab_kdtoolbox; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(['bash', '-c', ask], capture_output=True, text=True)
    assert set(done.stdout.split()) == {'experiment', 'export', 'export-student'}, done


def test_without_shtab_the_command_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'shtab', None)
    assert main(['completion', 'bash']) == 2
    assert "pip install 'kdtoolbox[completion]'" in capsys.readouterr().err
