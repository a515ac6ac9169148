"""Where the time of a run goes, from its config; how much of it validation may be."""

import copy
import math
from functools import cache
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

from kdtoolbox.hidden_tokens import grid_of, hiding
from kdtoolbox.hidden_tokens.choosing import number_kept
from kdtoolbox.inspection import run_cost
from kdtoolbox.inspection.network_cost import (
    inference_operations,
    seen,
    teacher_operations,
    training_operations,
)
from kdtoolbox.inspection.run_cost import RunCost, estimate_run_cost
from kdtoolbox.inspection.run_cost_report import lines_of, table_of
from kdtoolbox.inspection.run_length import length_of, shape_of_clips
from kdtoolbox.registry import MODELS
from tests.conftest import REPOSITORY
from tests.tiny import run_config, student_config, teacher_config, transformer_config

EXPERIMENTS = {
    path.stem: path
    for folder in ('', 'methods', 'regimes')
    for path in sorted((REPOSITORY / 'configs' / folder).glob('*.py'))
}


@cache
def experiment(name: str) -> Config:
    """To be read only."""
    return Config.fromfile(EXPERIMENTS[name])


CLIP = 'timm.vit_base_patch16_clip_224.openai'
NOWHERE = {
    f'{name}_{what}': '/nowhere'
    for name in ('HMDB51', 'UCF101', 'FOLDER', 'KINETICS400', 'ACTIVITYNET')
    for what in ('VIDEOS', 'ANNOTATIONS')
}


def test_validation_and_test_are_at_most_15_percent_of_the_arithmetic_of_every_shipped_run(monkeypatch):
    """Of own videos, of which the number is not known: of 1000."""
    for variable, folder in NOWHERE.items():
        monkeypatch.setenv(variable, folder)
    shares = {}
    for name in EXPERIMENTS:
        config = experiment(name)
        if 'transformers.' in str((config.model.get('teacher') or {}).get('model')):
            # The same network, CLIP's ViT-B/16, from a library that has its sizes without the network.
            config = copy.deepcopy(config)
            config.model.teacher = dict(type='EmbeddingTeacher', model=CLIP, view=config.model.teacher.view)
        own = 1000 if 'folder' in name else None
        shares[name] = estimate_run_cost(config, num_videos=own, is_measured=False).evaluation_share
    assert len(shares) > 60
    assert {name: share for name, share in shares.items() if not 0.01 < share <= 0.15} == {}


@pytest.mark.parametrize('name', EXPERIMENTS)
def test_what_chooses_the_best_checkpoint_is_a_metric_of_the_validation_and_not_one_of_the_test(name):
    config = experiment(name)
    defaults = {'QueryAccuracy': 'acc', 'ClipRetrieval': 'retrieval'}

    def prefixes(evaluator):
        return {metric.get('prefix', defaults[metric.type]) for metric in evaluator}

    quick, full = prefixes(config.val_evaluator), prefixes(config.test_evaluator)
    assert not quick & full
    best = config.default_hooks.checkpoint.get('save_best')
    assert best is None or best.partition('/')[0] in quick
    assert 'FullTestHook' in [hook.type for hook in config.custom_hooks]


@pytest.mark.parametrize('student, side', [(student_config(), 16), (transformer_config(), 32)])
def test_operations_are_those_that_torch_counts_when_it_computes(student, side):
    shape = (3, 4, side, side)
    network = MODELS.build(student)
    clips = torch.zeros(2, 1, *shape)
    with FlopCounterMode(display=False) as forward:
        network.eval()(clips, mode='tensor', stage='head')
    with FlopCounterMode(display=False) as both:
        network.train()(clips, mode='tensor', stage='head').sum().backward()
    assert inference_operations(student, shape) == forward.get_total_flops() // 2
    assert training_operations(student, shape) == both.get_total_flops() // 2
    assert 2.5 < training_operations(student, shape) / inference_operations(student, shape) < 3


def test_a_student_that_computes_some_of_its_tokens_costs_what_torch_counts(monkeypatch):
    student, shape = transformer_config(), (3, 4, 32, 32)
    network, inputs = MODELS.build(student).train(), torch.zeros(2, 1, *shape)
    total = math.prod(grid_of(network, inputs))
    hidden = (torch.arange(total) >= number_kept(total, 0.25)).expand(2, -1)
    with FlopCounterMode(display=False) as counter, hiding(network, hidden):
        network(inputs, mode='tensor', stage='head').sum().backward()
    whole, part = (training_operations(student, shape, keep=keep) for keep in (1.0, 0.25))
    assert part == counter.get_total_flops() // 2 < 0.6 * whole

    for name, folder in NOWHERE.items():
        monkeypatch.setenv(name, folder)
    config = Config.fromfile(REPOSITORY / 'configs/video_transformers/vit_tiny_folder.py')
    config.model.student_tokens.keep = 0.25
    costs = {}
    for labels, sees in ((False, 'all'), (True, 'visible'), (True, 'all')):
        config.model.update(use_labels=labels, task_sees=sees)
        costs[labels, sees] = estimate_run_cost(config, num_videos=100, is_measured=False).operations['student']
    assert costs[False, 'all'] == costs[True, 'visible'] < 0.4 * costs[True, 'all']


def test_a_teacher_costs_what_it_does_on_its_own_frames():
    teacher = MODELS.build(teacher_config())
    with FlopCounterMode(display=False) as counter:
        teacher(torch.zeros(2, 2, 3, 24, 24))
    counted = teacher_operations(teacher_config(), (3, 4, 16, 16), student=student_config())
    assert counted == counter.get_total_flops() // 2
    average = dict(type='EMATeacher', view=dict(size=16))
    counted = teacher_operations(average, (3, 4, 32, 32), student=student_config())
    assert counted == inference_operations(student_config(), (3, 4, 16, 16))
    assert teacher_operations(dict(type='CachedTeacher'), (3, 4, 16, 16), student=student_config()) == 0


def test_frozen_layers_of_a_student_cost_no_backward_pass():
    frozen = student_config(frozen_stages=4)
    shape = (3, 4, 16, 16)
    assert training_operations(frozen, shape) < 1.2 * inference_operations(frozen, shape)


def tiny_run(folder: Path) -> Config:
    config = run_config(folder, epochs=3)
    config.train_dataloader.dataset.pipeline = [dict(clip_len=4), dict(type='Resize', scale=(16, 16))]
    config.train_dataloader.drop_last = True
    config.train_dataloader.dataset.length = 10
    for name in ('val_dataloader', 'test_dataloader'):
        config[name].dataset.pipeline = [dict(clip_len=4, num_clips=2), dict(type='CenterCrop', crop_size=16)]
    config.train_cfg.val_interval = 2
    return config


@pytest.fixture
def sized(monkeypatch):
    monkeypatch.setattr('kdtoolbox.inspection.run_length.DATASETS.build', lambda dataset: range(dataset['length']))


def test_the_length_of_a_run_is_counted_as_mmengine_runs_it(tmp_path, sized):
    length = length_of(tiny_run(tmp_path))
    assert (length.epochs, length.clips) == (3, 3 * 2 * 4)  # ten videos, two batches of four an epoch
    assert length.num_validations == 2  # after epoch 2, and after the last
    assert [(part.num_videos, part.num_clips, part.shape) for part in length.validation] == [(11, 2, (3, 4, 16, 16))]
    assert length.test == ()  # no hook that tests
    assert length.num_checkpoints == 3


def test_teachers_that_no_term_uses_cost_nothing():
    one, two = dict(type='ImageTeacher', model='a'), dict(type='ImageTeacher', model='b')
    for teacher, terms, expected in (
        (one, {}, []),
        (one, dict(kd=dict(weight=0)), []),
        (one, dict(kd=dict(weight=1)), [one]),
        (dict(a=one, b=two), dict(kd=dict(teacher='b.logits'), off=dict(teacher='a.logits', weight=0)), [two]),
    ):
        assert run_cost._teachers(dict(type='Distiller', teacher=teacher, terms=terms)) == expected


def test_views_segments_and_data_sets_in_data_sets_count():
    def clips(dataset, **loader):
        config = dict(
            train_dataloader=dict(batch_size=1, dataset=dataset, **loader),
            train_cfg=dict(max_epochs=1, val_interval=1),
        )
        length = length_of(config, num_videos=1000)
        return length.clips, length.clip[1]

    def dataset(*transforms, clip_len=16, num_clips=1):
        sampler = dict(type='SampleFrames', clip_len=clip_len, num_clips=num_clips)
        return dict(type='FolderDataset', pipeline=[dict(type='OpenVideo'), sampler, *transforms])

    one, _ = clips(dataset())
    assert one > 0
    assert clips(dataset(), sampler=dict(type='RepeatedSampler', times=2))[0] == 2 * one
    assert clips(dataset(clip_len=1, num_clips=8)) == (one, 8)
    assert clips(dataset(num_clips=2)) == (2 * one, 16)
    assert clips(dict(type='RepeatDataset', times=2, dataset=dataset()))[0] == 2 * one
    assert clips(dict(type='ConcatDataset', datasets=[dataset(), dataset()]))[0] == 2 * one
    crop = dict(type='RandomChoice', transforms=[[dict(type='CenterCrop', crop_size=112)]])
    assert shape_of_clips(dataset(crop)['pipeline']) == (3, 16, 112, 112)


def test_a_run_by_iterations_has_a_part_of_an_epoch(tmp_path, sized):
    config = tiny_run(tmp_path)
    config.train_cfg = dict(by_epoch=False, max_iters=3, val_interval=3)
    length = length_of(config)
    assert (length.epochs, length.clips, length.num_validations) == (1.5, 12, 1)


def test_data_that_is_not_there_asks_for_a_number_of_videos():
    config = Config.fromfile(REPOSITORY / 'configs/kd_r2d_to_r3d_folder.py')
    with pytest.raises(ValueError, match='FolderDataset are not there.*--videos N'):
        estimate_run_cost(config, is_measured=False)
    assert length_of(config, num_videos=1000).clips == 120 * (700 // 32) * 32


def test_devices_share_the_clips_and_wait_for_slow_decoding():
    parts = dict(student=60.0, teacher=20.0, validation=15.0, test=5.0, checkpoints=8.0)
    cost = RunCost(None, {}, {**parts, 'decoding': 200.0}, num_workers=4, device='cpu')
    assert cost.total_seconds() == 100 + 8 and cost.total_seconds(8) == 100 / 8 + 8
    slow = RunCost(None, {}, {**parts, 'decoding': 800.0}, num_workers=4, device='cpu')
    assert slow.total_seconds() == 800 / 4 + 8
    alone = RunCost(None, {}, {**parts, 'decoding': 200.0}, num_workers=0, device='cpu')
    assert alone.total_seconds() == 100 + 200 + 8
    assert RunCost(None, {}, {}, num_workers=4, device='cpu').total_seconds() is None


def test_a_shape_follows_the_view():
    assert seen((3, 16, 200, 200), None) == (3, 16, 200, 200)
    assert seen((3, 16, 200, 200), dict(size=(56, 64), frame_stride=3)) == (3, 6, 56, 64)


def test_crops_inside_of_spatial_views_give_the_shape_of_the_clips():
    shapes = [
        length_of(Config.fromfile(REPOSITORY / f'configs/{name}.py'), num_videos=100).clip
        for name in ('kd_r2d_to_r3d_hmdb51', 'kd_cached_r2d_to_r3d_hmdb51')
    ]
    assert shapes == [(3, 16, 224, 224)] * 2


def test_the_two_lines_and_the_table_say_what_was_counted(tmp_path, sized):
    cost = estimate_run_cost(tiny_run(tmp_path), is_measured=False)
    (line,) = lines_of(cost)
    assert line.startswith(f'The run: 3 epochs, 2 validations; {cost.total_operations:.1e} operations, of which ')
    assert [name for name in cost.operations if name in table_of(cost)] == ['student', 'teacher', 'validation', 'test']
    seconds = dict(student=3600.0, teacher=0.0, validation=0.0, test=0.0, checkpoints=0.0)
    timed = RunCost(cost.length, cost.operations, seconds, num_workers=4, device='cpu')
    assert lines_of(timed)[1] == (
        'At the speed of this machine (cpu): about 1 h on 1 such device, 0.125 h on 8 such devices, without decoding: '
        'the data is not there'
    )


def test_seconds_are_measured_and_leave_the_random_numbers_alone(tmp_path, sized):
    torch.manual_seed(3)
    cost = estimate_run_cost(tiny_run(tmp_path))
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))
    assert {'student', 'teacher', 'validation', 'checkpoints'} <= cost.seconds.keys()
    assert cost.seconds['student'] > cost.seconds['teacher'] > 0 and cost.total_seconds() > cost.total_seconds(8)
