"""The command that trains: what it starts from, and what it tells DDP."""

import pytest
import torch

from kdtoolbox.cli.main import main
from kdtoolbox.registry import MODELS
from kdtoolbox.runner.training import leaves_parameters_unused
from tests.tiny import run_config, student_config


def test_resume_starts_as_the_config_says_until_there_is_a_checkpoint_to_go_on_from(tmp_path):
    """The same command twice, as a job that is restarted gives it."""
    weights = MODELS.build(student_config()).state_dict()
    torch.save({'state_dict': weights}, tmp_path / 'student.pth')
    config = run_config(tmp_path / 'run', epochs=1, teacher=None, terms={})
    config.load_from = str(tmp_path / 'student.pth')
    config.optim_wrapper.optimizer.lr = 0.0
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    for epochs in (1, 2):
        assert (
            main(['train', str(tmp_path / 'config.py'), '--resume', '--cfg-options', f'train_cfg.max_epochs={epochs}'])
            == 0
        )
        content = torch.load(tmp_path / 'run' / f'epoch_{epochs}.pth', weights_only=True)
        for name in ('backbone.conv1.conv.weight', 'cls_head.fc_cls.weight'):
            assert torch.equal(content['state_dict'][f'student.{name}'], weights[name]), name
        assert content['meta']['iter'] == 2 * epochs, 'the second run went on where the first had stopped'


def test_a_training_beside_the_checkpoints_of_an_earlier_one_says_so(tmp_path, capsys):
    config = run_config(tmp_path / 'run', epochs=1, teacher=None, terms={})
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    for said in (False, True):
        assert main(['train', str(tmp_path / 'config.py')]) == 0
        captured = capsys.readouterr()
        assert ('holds checkpoints of an earlier training' in captured.out + captured.err) == said


@pytest.mark.parametrize(
    'model, unused',
    [
        (dict(student=student_config()), False),
        (dict(student=student_config(), use_labels=False), True),
        (dict(student=dict(student_config(), backbone=dict(type='ResNet3d', frozen_stages=1))), True),
        (dict(student=dict(student_config(), backbone=dict(type='ResNet3d', frozen_stages=-1))), False),
        (dict(peers=dict(twin=dict(backbone=dict(frozen_stages=0)))), True),
        (dict(type='Recognizer3D', backbone=dict(type='ResNet3d', frozen_stages=0)), True),
        (dict(terms=dict(kd=dict(weight_schedule=[(0.0, 0.0), (0.5, 1.0)]))), True),
        (dict(terms=dict(kd=dict(weight_schedule=[(0.0, 0.5), (0.5, 1.0)]))), False),
        (dict(type='MutualDistiller', weight_schedule=[[0.0, 0.0], [0.5, 1.0]]), True),
        # Refused when the model is built, in one line.
        (dict(terms=dict(kd=dict(weight_schedule=0.5))), False),
        (dict(terms=dict(kd=dict(weight_schedule=[0.5, 'ab', None])), weight_schedule=1), False),
        (dict(terms=['kd'], backbone=dict(frozen_stages=None)), False),
    ],
)
def test_ddp_is_told_where_parameters_get_no_gradient(model, unused):
    assert leaves_parameters_unused(model) is unused


def test_a_run_that_torchrun_restarts_goes_on_by_itself(monkeypatch):
    from kdtoolbox.engine.elastic import is_restarted

    monkeypatch.delenv('TORCHELASTIC_RESTART_COUNT', raising=False)
    assert not is_restarted({})
    for count, expected in (('0', False), ('2', True)):
        monkeypatch.setenv('TORCHELASTIC_RESTART_COUNT', count)
        assert is_restarted({}) is expected
