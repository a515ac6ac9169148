"""GPUs by number, one process for each."""

import os
import sys

import pytest
import torch

from kdtoolbox.yaml_experiments.devices import VISIBLE, check_processes, use_only, visible


class Restarted(Exception):
    pass


@pytest.fixture
def starts(monkeypatch):
    """A machine with GPUs on which a new start is only noted: the environments that processes were started with."""
    environments = []

    def execve(program, arguments, environment):
        assert (program, arguments[1:]) == (sys.executable, sys.orig_argv[1:])
        environments.append(environment)
        raise Restarted

    monkeypatch.setattr(os, 'execve', execve)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    monkeypatch.delenv(VISIBLE, raising=False)
    return environments


@pytest.mark.parametrize(
    'gpus, environment, shown',
    [
        ([], {}, ''),
        ([2], {}, '2'),
        ([0, 3], {}, '0,3'),
        ([], {VISIBLE: '4'}, ''),
        ([1, 0], {VISIBLE: '4,GPU-5a'}, 'GPU-5a,4'),
    ],
)
def test_only_the_gpus_of_the_experiment_are_seen(gpus, environment, shown):
    assert visible(gpus, environment) == shown


def test_a_gpu_that_the_environment_hides_is_refused():
    with pytest.raises(ValueError, match='there is no GPU 2, CUDA_VISIBLE_DEVICES shows 2'):
        visible([0, 2], {VISIBLE: '4,6'})


@pytest.mark.parametrize('gpus', [[], [1]])
def test_a_process_with_other_gpus_starts_anew_once(starts, monkeypatch, gpus):
    monkeypatch.setenv(VISIBLE, '4,6')
    with pytest.raises(Restarted):
        use_only(gpus)
    assert starts[0][VISIBLE] == ('6' if gpus else '')
    for name, value in starts[0].items():
        monkeypatch.setenv(name, value)
    use_only(gpus)
    assert len(starts) == 1


def test_a_process_that_sees_just_these_gpus_goes_on(starts):
    use_only([0, 1])
    assert not starts
    with pytest.raises(Restarted):
        use_only([1, 0])


def test_without_gpus_the_cpu_needs_no_new_start_and_a_gpu_is_refused(starts, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    use_only([])
    with pytest.raises(ValueError, match='asks for GPU 0, but .* set run.gpus: -1'):
        use_only([0])
    assert not starts


@pytest.mark.parametrize('gpus, launched, num_processes', [([], None, 1), ([3], None, 1), ([0, 1], 2, 2), ([], 4, 4)])
def test_each_gpu_has_a_process(gpus, launched, num_processes):
    assert check_processes(gpus, launched=launched, config='x.yml') == num_processes


@pytest.mark.parametrize('gpus, launched', [([0, 1], None), ([0], 2), ([0, 1, 2], 2)])
def test_the_message_says_how_to_start_the_processes(gpus, launched):
    with pytest.raises(ValueError, match=f'torchrun --nproc-per-node {len(gpus)} main.py --config x.yml --launcher'):
        check_processes(gpus, launched=launched, config='x.yml')
