import pytest
import torch

from kdtoolbox.cli.fit_probe import fit_probe
from kdtoolbox.registry import MODELS
from tests.tiny import NUM_CLASSES, TinyImageNet, run_config, student_config, teacher_config


def test_the_probe_learns_the_classes_and_the_config_can_name_it(tmp_path):
    torch.manual_seed(0)
    torch.save(TinyImageNet().state_dict(), tmp_path / 'weights.pth')
    config = run_config(tmp_path)
    config.model.teacher.weights = str(tmp_path / 'weights.pth')
    config.train_dataloader.dataset.length = 20
    accuracy = fit_probe(config, tmp_path / 'probe.pth', passes=2)
    assert accuracy > 0.7  # the classes are shades of grey, chance is 0.2; the network is random
    content = torch.load(tmp_path / 'probe.pth', weights_only=True)
    assert content['classes'] == [f'class{index}' for index in range(NUM_CLASSES)]
    teacher = MODELS.build(teacher_config(probe=str(tmp_path / 'probe.pth'), weights=str(tmp_path / 'weights.pth')))
    assert teacher(torch.zeros(1, 2, 3, 24, 24))['logits'].shape == (1, NUM_CLASSES)


def test_only_one_image_teacher_can_be_probed(tmp_path):
    config = run_config(tmp_path)
    config.model.teacher = dict(type='RecognizerTeacher', recognizer=student_config())
    with pytest.raises(ValueError, match='one ImageTeacher, but model.teacher is RecognizerTeacher'):
        fit_probe(config, tmp_path / 'probe.pth')


def test_no_pass_is_refused(tmp_path):
    with pytest.raises(ValueError, match='passes=0'):
        fit_probe(run_config(tmp_path), tmp_path / 'probe.pth', passes=0)
