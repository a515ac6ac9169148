import platform

import pytest
import torch

from kdtoolbox.cli.main import main
from kdtoolbox.reporting.environment import cuda_of_torch


def test_the_environment_is_printed_with_versions_readers_ffmpeg_and_devices(capsys):
    assert main(['env']) == 0
    facts = dict(line.strip().split('  ', 1) for line in capsys.readouterr().out.splitlines())
    facts = {name: value.strip() for name, value in facts.items()}
    assert facts['python'] == platform.python_version() and facts['torch'] == torch.__version__.partition('+')[0]
    assert {'kdtoolbox', 'mmengine', 'mmaction2', 'av', 'decord', 'torchcodec', 'CPU cores', 'GPUs'} <= set(facts)
    assert facts['ffmpeg'][-1] == ')'


@pytest.mark.parametrize(
    'program, does, words',
    [('ffmpeg', 'exit 3', 'not usable'), ('nvidia-smi', 'echo "NVIDIA H100, 81559 MiB"', 'NVIDIA H100, 81559 MiB')],
    ids=['a broken ffmpeg is a fact and no error', 'the GPUs are those that the driver lists'],
)
def test_what_the_programs_on_the_path_say(program, does, words, capsys, tmp_path, monkeypatch):
    (tmp_path / program).write_text(f'#!/bin/sh\n{does}\n')
    (tmp_path / program).chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=':')
    assert main(['env']) == 0
    assert words in capsys.readouterr().out


def test_the_cuda_of_torch_is_the_one_it_was_built_with():
    assert cuda_of_torch() == (torch.version.cuda or 'none')
