"""Every config under configs/methods/ is built and trained a step, with tiny networks on generated clips."""

import copy
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from kdtoolbox.cli.catalogue import entries
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.registry import MODELS
from kdtoolbox.reporting.methods_table import config_name
from kdtoolbox.safe_files import save_aside
from kdtoolbox.teachers import save_probe
from tests import tiny
from tests.conftest import REPOSITORY

CONFIGS = {path.stem: path for path in sorted((REPOSITORY / 'configs/methods').glob('*.py'))}
SHARED = [
    '../_base_/default_runtime.py',
    '../_base_/datasets/hmdb51.py',
    '../_base_/students/r3d18.py',
    '../_base_/schedules/sgd_120e_warmup.py',
    '../_base_/methods.py',
]
WITH_NETWORKS_OF_THEIR_OWN = {'mars', 'mers'}
# They need a file of text features; configs/regimes/clip_embeddings_r3d_ucf101.py has it.
WITHOUT_CONFIG = {'TextLogits', 'PromptLogits'}
OF_TOKENS = {'UMT', 'MVD', 'AMD', 'AMRadio', 'VideoMAE'}  # of video transformers: configs/video_transformers/
NUM_CLASSES, CHANNELS, FRAMES, STUDENT_PIXELS, TEACHER_PIXELS = 51, 4, 16, 64, 64


@MODELS.register_module(force=True)
class TinyResNet(nn.Module):
    """Four maps as ResNet-50's: four times the student's channels, of the same heights and widths."""

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *(4 * CHANNELS * 2**number for number in range(4))]
        for number in range(4):
            setattr(
                self,
                f'layer{number + 1}',
                nn.Sequential(
                    nn.Conv2d(widths[number], widths[number + 1], 3, stride=2, padding=1),
                    nn.BatchNorm2d(widths[number + 1]),
                    nn.ReLU(),
                ),
            )
        self.fc = nn.Linear(widths[-1], 1000)

    def forward(self, images):
        return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(images)))).mean((2, 3)))


@pytest.fixture(scope='module')
def teacher_files(tmp_path_factory) -> dict[str, Path]:
    """Weights and probe of a TinyResNet whose batch norm has seen images, and weights of a motion teacher."""
    init_default_scope('kdtoolbox')  # as every command does; the recognizer is built by itself here
    folder = tmp_path_factory.mktemp('teacher')
    torch.manual_seed(0)
    network = TinyResNet()
    network.train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(8, 3, 32, 32))
    save_aside(network.state_dict(), folder / 'weights.pth')
    save_probe(
        folder / 'probe.pth',
        network=network,
        weight=torch.randn(NUM_CLASSES, 32 * CHANNELS),
        bias=torch.zeros(NUM_CLASSES),
        classes=[f'class{index}' for index in range(NUM_CLASSES)],
    )
    recognizer = MODELS.build(small_recognizer(Config.fromfile(CONFIGS['mars']).model.teacher.recognizer.to_dict()))
    save_aside(recognizer.state_dict(), folder / 'motion.pth')
    return {name: folder / f'{name}.pth' for name in ('weights', 'probe', 'motion')}


def small_recognizer(config: dict) -> dict:
    config['backbone'].update(base_channels=CHANNELS, depth=tiny.SHALLOW)
    config['cls_head'].update(in_channels=8 * CHANNELS, init_std=0.1)
    return config


def small(name: str, files: dict[str, Path]) -> dict:
    """The model of a config with tiny networks; its terms are as they are, but for sizes of the data and the maps."""
    model = Config.fromfile(CONFIGS[name]).model.to_dict()
    small_recognizer(model['student'])
    model.update(student_view=dict(size=STUDENT_PIXELS), clip_shape=(FRAMES, STUDENT_PIXELS, STUDENT_PIXELS))
    if name in WITH_NETWORKS_OF_THEIR_OWN:
        small_recognizer(model['teacher']['recognizer'])
        model['teacher'].update(weights=str(files['motion']))
        model['teacher']['view'].update(size=STUDENT_PIXELS)
    else:
        model['teacher'].update(model=dict(type='TinyResNet'), weights=str(files['weights']), probe=str(files['probe']))
        model['teacher']['view'].update(size=TEACHER_PIXELS)
    return model


@pytest.mark.parametrize('name', CONFIGS)
def test_every_term_teaches_the_student_and_leaves_the_teacher_alone(name, teacher_files, monkeypatch):
    # Half-way, behind all warm-ups: at the very start some terms do not count or teach only their own parts.
    monkeypatch.setattr('kdtoolbox.distillers.distiller.training_progress', lambda: 0.5)
    torch.manual_seed(0)
    model = MODELS.build(small(name, teacher_files)).train()
    before = copy.deepcopy([teacher.state_dict() for teacher in model.teachers.values()])
    batch = tiny.batch(4, frames=FRAMES, pixels=STUDENT_PIXELS, labels=[0, 1, 2, 50])
    data = model.data_preprocessor(batch, training=True)
    losses = model(**data, mode='loss')
    assert {f'loss_{term}' for term in model.criterion.terms} <= losses.keys()
    assert ('loss_cls' in losses) == model.use_labels
    parameters = [parameter for parameter in model.student.backbone.parameters() if parameter.requires_grad]
    for term in model.criterion.terms:
        loss = losses[f'loss_{term}']
        assert math.isfinite(loss.item())
        gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        norms = [gradient.norm() for gradient in gradients if gradient is not None]
        assert norms and torch.stack(norms).isfinite().all() and max(norms) > 0
    for teacher, state in zip(model.teachers.values(), before):
        assert all(torch.equal(value, state[key]) for key, value in teacher.state_dict().items())
        assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_the_configs_differ_in_their_terms_alone():
    shared = Config.fromfile(CONFIGS['dkd']).to_dict()
    for name in CONFIGS.keys() - WITH_NETWORKS_OF_THEIR_OWN:
        config = Config.fromfile(CONFIGS[name]).to_dict()
        assert f'_base_ = {SHARED}' in CONFIGS[name].read_text()
        assert config['model'].pop('terms'), name
        model = {key: value for key, value in shared['model'].items() if key != 'terms'}
        assert config == {**shared, 'model': model}, name


def test_every_loss_of_ours_has_a_config_of_its_own_that_uses_it():
    losses = {entry.name for entry in entries('losses') if entry.source == 'kdtoolbox'}
    losses -= WITHOUT_CONFIG | OF_TOKENS
    assert {config_name(loss) for loss in losses} == {
        f'methods/{name}' for name in CONFIGS.keys() - WITH_NETWORKS_OF_THEIR_OWN
    }
    for loss in losses:
        terms = Config.fromfile(find_config(config_name(loss))).model.terms
        assert [term.loss.type for term in terms.values()] == [loss]


def test_a_method_is_found_by_its_short_name():
    assert find_config('methods/dkd').samefile(CONFIGS['dkd'])


def test_the_difference_between_mars_and_mers_is_the_labels():
    mars, mers = (Config.fromfile(CONFIGS[name]).model.to_dict() for name in ('mars', 'mers'))
    assert 'use_labels' not in mars and mers.pop('use_labels') is False
    for model in (mars, mers):
        model['terms']['motion'].pop('weight')
    assert mars == mers
