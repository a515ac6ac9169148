"""Two CPU processes with gloo do what one process does with the same global batch."""

import subprocess
import sys

import pytest
import torch

from kdtoolbox.safe_files import load_safely
from tests.conftest import REPOSITORY
from tests.tiny import run_config, student_config


def run_training(tmp_path, name: str, *, processes: int, settings=(), **model) -> dict:
    config = run_config(tmp_path / name, epochs=2, batch_size=4 // processes, **model,
                        student=student_config(norm='GN'))  # batch norm sees one process's samples, group norm one's
    for setting, value in dict(settings).items():
        config[setting] = value
    config.custom_imports = dict(imports=['tests.tiny'])
    file = tmp_path / f'{name}.py'
    config.dump(file)
    launcher = [] if processes == 1 else ['-m', 'torch.distributed.run', '--standalone', f'--nproc-per-node={processes}']
    arguments = [str(file), *(['--launcher', 'pytorch'] if processes > 1 else [])]
    done = subprocess.run([sys.executable, *launcher, str(REPOSITORY / 'tools/train.py'), *arguments],
                          cwd=REPOSITORY, env={**_environment(), 'PYTHONPATH': str(REPOSITORY)}, timeout=240,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-9000:]
    return load_safely(tmp_path / name / 'epoch_2.pth', what='checkpoint')


def _environment() -> dict:
    import os
    return {**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''}


@pytest.fixture(scope='module')
def checkpoints(tmp_path_factory) -> tuple[dict, dict]:
    folder = tmp_path_factory.mktemp('processes')
    return run_training(folder, 'one', processes=1), run_training(folder, 'two', processes=2)


def test_the_weights_agree(checkpoints):
    one, two = (checkpoint['state_dict'] for checkpoint in checkpoints)
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(one[name], two[name], atol=1e-5, rtol=1e-4, msg=name)


def test_the_metrics_agree_though_the_sampler_pads(checkpoints):
    scalars = [{name: value['HistoryBuffer'][0] for name, value in checkpoint['message_hub']['log_scalars'].items()
                if name.startswith('val/') and 'time' not in name} for checkpoint in checkpoints]
    assert scalars[0].keys() == scalars[1].keys() and 'val/retrieval/top1' in scalars[0]
    for name in scalars[0]:
        assert scalars[0][name] == pytest.approx(scalars[1][name]), name


def test_training_without_labels_agrees_too_though_the_head_gets_no_gradient(tmp_path):
    one, two = (run_training(tmp_path, f'{processes}', processes=processes, use_labels=False)['state_dict']
                for processes in (1, 2))
    for name in one:
        torch.testing.assert_close(one[name], two[name], atol=1e-5, rtol=1e-4, msg=name)


def test_an_adversarial_run_keeps_the_ranks_equal_and_agrees_with_one_process(tmp_path):
    """Each process writes what it ended with; both must be the same, and the same as a single process's."""
    game = dict(type='AdversarialDistiller', discriminator=dict(type='Discriminator', in_channels=8, widths=(6,)),
                adversarial=dict(loss=dict(type='BCEAdversarial'), regularizers=[dict(type='L2Regularizer', weight=0.01)],
                                 student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8)))
    player = dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9))
    settings = dict(optim_wrapper=dict(constructor='AdversarialOptimWrapperConstructor', student=player,
                                       discriminator=player),
                    param_scheduler=None,
                    custom_hooks=[dict(type='EpochSeedHook'), dict(type='PlainCheckpointHook'),
                                  dict(type='StateOfEveryRankHook')])
    one, two = (run_training(tmp_path, f'{processes}', processes=processes, settings=settings, **game)['state_dict']
                for processes in (1, 2))
    first, second = (load_safely(tmp_path / '2' / f'rank{rank}.pth', what='state') for rank in (0, 1))
    assert any(name.startswith('discriminator.') for name in one)
    for name in one:
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(one[name], two[name], atol=1e-5, rtol=1e-4, msg=name)


def test_peers_and_a_mean_teacher_agree_with_one_process_too(tmp_path):
    mutual = dict(type='MutualDistiller', peers=dict(twin=student_config(norm='GN')), loss=dict(type='KLDivergence'),
                  teacher=dict(type='EMATeacher', view=dict(size=16), decay=0.9),
                  terms=dict(self_distillation=dict(loss=dict(type='KLDivergence'))))
    settings = dict(custom_hooks=[dict(type='EpochSeedHook'), dict(type='PlainCheckpointHook'),
                                  dict(type='EMATeacherHook')])
    one, two = (run_training(tmp_path, f'{processes}', processes=processes, settings=settings, **mutual)
                for processes in (1, 2))
    assert any(name.startswith('peers.twin.') for name in one['state_dict'])
    for left, right in ((one['state_dict'], two['state_dict']), (one['ema_teachers'][''], two['ema_teachers'][''])):
        assert left.keys() == right.keys()
        for name in left:
            torch.testing.assert_close(left[name], right[name], atol=1e-5, rtol=1e-4, msg=name)
