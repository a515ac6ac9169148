import platform

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


def test_a_broken_ffmpeg_is_a_fact_and_no_error(capsys, tmp_path, monkeypatch):
    (tmp_path / 'ffmpeg').write_text('#!/bin/sh\nexit 3\n')
    (tmp_path / 'ffmpeg').chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=':')
    assert main(['env']) == 0
    assert 'not usable' in capsys.readouterr().out


def test_the_gpus_are_those_that_the_driver_lists(capsys, tmp_path, monkeypatch):
    (tmp_path / 'nvidia-smi').write_text('#!/bin/sh\necho "NVIDIA H100, 81559 MiB"\n')
    (tmp_path / 'nvidia-smi').chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=':')
    assert main(['env']) == 0
    assert 'NVIDIA H100, 81559 MiB' in capsys.readouterr().out


def test_the_cuda_of_torch_is_the_one_it_was_built_with():
    assert cuda_of_torch() == (torch.version.cuda or 'none')
