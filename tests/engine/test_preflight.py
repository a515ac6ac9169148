import copy
import json
import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.runner import Runner
from torch.utils.data import DataLoader, IterableDataset

from kdtoolbox.cli.main import main
from kdtoolbox.engine import PreflightHook, preflight
from kdtoolbox.inspection.batches import small_batches
from kdtoolbox.inspection.classes import compared_logits
from kdtoolbox.registry import MODELS
from tests.tiny import distillation_head, distiller_config, run_config, student_config, teacher_config
from tests.videos import write_video

PACK = dict(type='PackActionInputs', meta_keys=('sample_id', 'role'))


def clip_pipeline(opening, decoding, packing):
    """Clips of 4 frames, 24²."""
    return [
        dict(type=opening),
        dict(type='SampleFrames', clip_len=4),
        dict(type=decoding),
        dict(type='Resize', scale=(24, 24), keep_ratio=False),
        dict(type='FormatShape', input_format='NCTHW'),
        packing,
    ]


def config_of(loss: str, work_dir='unused', **model):
    """A training without labels whose one term compares features."""
    terms = dict(pairs=dict(loss=dict(type=loss), student='features', teacher='features', student_connector='auto'))
    return run_config(work_dir, epochs=1, terms=terms, use_labels=False, **model)


def check(*, loss='SimilarityPreserving', batch_size=4, length=8, sampler='DefaultSampler', drop_last=False, **term):
    """What the hook says to a training on ``length`` clips."""
    config = config_of(loss)
    if 'student_view' in term:
        config.model.student_view = term.pop('student_view')
    config.model.terms.pairs.update(term)
    loader = dict(
        config.train_dataloader,
        batch_size=batch_size,
        drop_last=drop_last,
        sampler=dict(type=sampler, shuffle=True),
        dataset=dict(type='TinyClips', length=length),
    )
    PreflightHook().before_train(
        SimpleNamespace(
            model=MODELS.build(config.model),
            train_dataloader=Runner.build_dataloader(loader),
            val_loop=None,
            cfg=config,
            logger=logging.getLogger('preflight'),
        )
    )


def test_a_relational_loss_at_batch_1_is_refused_before_the_first_step(tmp_path):
    config = config_of('SimilarityPreserving', tmp_path)
    config.train_dataloader.batch_size = 1
    config.experiment_name = 'batch of one'
    runner = Runner.from_cfg(config)
    with pytest.raises(
        ValueError,
        match=r"term 'pairs': SimilarityPreserving compares.* needs 2 or more, but a batch "
        r'has 1 in each of 1 process.*set a larger train_dataloader.batch_size',
    ):
        runner.train()
    assert runner.iter == 0


def test_the_clips_of_all_processes_count(monkeypatch):
    monkeypatch.setattr(preflight, 'get_world_size', lambda: 2)
    check(batch_size=1)


def test_a_last_batch_that_is_too_small_is_refused_unless_it_is_dropped():
    with pytest.raises(ValueError, match='the last batch of an epoch has 1 .*set train_dataloader.drop_last=True'):
        check(length=9)
    check(length=9, drop_last=True)
    check(length=9, sampler='InfiniteSampler')
    check(length=10)


def test_data_without_a_length_is_not_asked_for_one():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(range(3))

    preflight.refuse_no_batch(DataLoader(Stream(), batch_size=2))
    with pytest.raises(ValueError, match='3 videos, too few for one batch of 4'):
        preflight.refuse_no_batch(DataLoader(range(3), batch_size=4, drop_last=True))


def test_a_loss_of_single_clips_may_have_batches_of_one():
    check(loss='L2', batch_size=1)


def test_the_loss_between_peers_counts_its_clips_too():
    config = run_config(
        'unused', type='MutualDistiller', peers=dict(twin=student_config()), loss=dict(type='DIST'), terms={}
    )
    loader = Runner.build_dataloader(dict(config.train_dataloader, batch_size=2))
    model = MODELS.build(config.model)
    (found,) = small_batches(model, loader, num_processes=1)
    assert found.is_error and 'the loss between peers: DIST compares' in found.text and 'needs 3 or more' in found.text
    assert not list(small_batches(model, loader, num_processes=2))


def test_statistics_over_vectors_need_three_clips_in_each_process_and_over_maps_one(monkeypatch):
    monkeypatch.setattr(preflight, 'get_world_size', lambda: 2)
    with pytest.raises(
        ValueError,
        match=r"term 'pairs': PKD takes statistics .* needs 3 or more in each process, but the "
        'last batch of an epoch has 1: set train_dataloader.drop_last=True',
    ):
        check(loss='PKD', length=9)
    check(loss='PKD', length=9, drop_last=True)
    unknown = dict(student_view=None, student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8))
    with pytest.raises(ValueError, match='PKD takes .* or clip_shape'):
        check(loss='PKD', length=9, **unknown)
    pool = [dict(type='TemporalAlign'), 'auto']
    check(loss='PKD', length=9, student='backbone.layer3', teacher='layer2', student_connector=pool)


def trained(config, *, preflight: bool):
    """The runner after a training of ``config``, with the checks before it or without."""
    config = copy.deepcopy(config)
    config.experiment_name = f'{config.work_dir} {preflight}'
    if not preflight:
        config.custom_hooks = [hook for hook in config.custom_hooks if hook.type != 'PreflightHook']
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def test_the_checks_change_no_weight_and_no_random_number(tmp_path):
    """With dropout, statistics of batches and a connector that learns: bit for bit the same."""
    terms = dict(
        kd=dict(
            distillation_head(),
            student_connector=[
                dict(type='Standardize', channels=32),
                dict(type='LinearProjection', in_channels=32, out_channels=7),
            ],
        )
    )
    config = run_config(tmp_path, epochs=1, student=student_config(dropout=0.5), terms=terms)
    config.custom_hooks = [
        hook for hook in config.custom_hooks if hook.type != 'EpochSeedHook'
    ]  # it would hide drawing
    one, other = (trained(config, preflight=preflight).model.state_dict() for preflight in (True, False))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_metrics_of_a_head_that_nothing_trains_are_said_and_not_reported(tmp_path, caplog):
    config = run_config(tmp_path, epochs=1, use_labels=False)
    runner = trained(config, preflight=True)
    assert [type(metric).__name__ for metric in runner.val_loop.evaluator.metrics] == ['ClipRetrieval']
    config.default_hooks.checkpoint.save_best = 'acc/top1'
    with pytest.raises(ValueError, match="save_best='acc/top1': nothing trains the student's classifier"):
        trained(config, preflight=True)


def test_a_training_of_no_epochs_is_refused(tmp_path, capsys):
    config = run_config(tmp_path / 'run', epochs=0)
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    assert main(['train', str(tmp_path / 'config.py')]) == 2
    assert 'train_cfg.max_epochs is 0: nothing would be trained' in capsys.readouterr().err


def test_strict_stops_at_what_may_be_meant(tmp_path, capsys):
    config = run_config(tmp_path, epochs=1)
    config.optim_wrapper.optimizer.lr = 0
    config.custom_hooks[-1].strict = True
    with pytest.raises(ValueError, match='optim_wrapper.optimizer.lr is 0: nothing would be learned'):
        trained(config, preflight=True)
    config.custom_imports = dict(imports=['tests.tiny'])
    config.custom_hooks[-1].strict = False
    config.dump(tmp_path / 'config.py')
    assert main(['train', str(tmp_path / 'config.py'), '--strict']) == 2
    assert 'nothing would be learned' in capsys.readouterr().err


def blending_of(num_classes: int) -> dict:
    """mmaction2's, as the configs of fine-tuning have it."""
    augments = [dict(type=f'{name}Blending', alpha=0.8, num_classes=num_classes) for name in ('Mixup', 'Cutmix')]
    return dict(type='RandomBatchAugment', augments=augments)


@pytest.mark.parametrize(
    'change, words',
    [
        ({'default_hooks.checkpoint.save_best': 'top1'}, r"save_best='top1' is none of what the metrics give"),
        ({'model.student.cls_head.num_classes': 100}, 'the student has 100 classes, but the training set has 5'),
        (
            {'model.student.data_preprocessor.blending': blending_of(400)},
            r'the student has 5 classes, but model.student.data_preprocessor.blending makes labels of 400: set '
            'num_classes=5 in each of its augments',
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_the_first_step(change, words, tmp_path):
    config = run_config(tmp_path, epochs=1)
    config.merge_from_dict(change)
    config.experiment_name = f'{tmp_path}'
    runner = Runner.from_cfg(config)
    with pytest.raises(ValueError, match=words):
        runner.train()
    assert runner.iter == 0


def test_texts_and_probes_in_another_order_than_the_labels_are_refused(tmp_path):
    """A teacher of texts as much as one with a probe, with labels and without."""
    teacher = dict(teacher_config(), model=dict(type='TinyImageNet', num_classes=5))
    for use_labels in (True, False):
        config = run_config(
            tmp_path,
            epochs=1,
            teacher=teacher,
            use_labels=use_labels,
            terms=dict(kd=dict(loss=dict(type='KLDivergence'))),
        )
        config.experiment_name = f'{tmp_path} {use_labels}'
        runner = Runner.from_cfg(config)
        runner.model.teachers[''].classes = [f'class{index}' for index in (1, 0, 2, 3, 4)]
        with pytest.raises(ValueError, match=r'classes of the teacher are not those of the (training|validation) set'):
            runner.train()


def test_classes_that_a_teachers_checkpoint_tells_are_compared_too(tmp_path):
    """In another order they are refused; other names may be another spelling, which is a warning."""
    names = [f'class{index}' for index in range(5)]
    loader = Runner.build_dataloader(run_config(tmp_path).train_dataloader)
    network = MODELS.build(dict(type='TinyImageNet', num_classes=5))
    for told, is_error in ((names[::-1], True), (['Class 0', *names[1:]], False), (names, None), (names[:3], None)):
        weights = dict(state_dict=network.state_dict(), meta=dict(dataset_meta=dict(classes=told)))
        torch.save(weights, tmp_path / 'teacher.pth')
        teacher = dict(
            teacher_config(),
            model=dict(type='TinyImageNet', num_classes=5),
            weights=str(tmp_path / 'teacher.pth'),
        )
        terms = dict(kd=dict(loss=dict(type='KLDivergence')))
        model = MODELS.build(distiller_config(teacher=teacher, terms=terms))
        found = list(compared_logits(model, loader.dataset, loader.dataset, scores_are_measured=True))
        assert [finding.is_error for finding in found] == ([] if is_error is None else [is_error] * 2), found


def test_a_list_of_mmaction2_with_retrieval_is_found_before_the_first_epoch_and_a_leak_is_said(tmp_path, capsys):
    """Its own VideoDataset and pipeline: there is no gallery, and both lists are one."""
    for number in range(8):
        write_video(tmp_path / f'videos/{number}.avi', seed=number)
    (tmp_path / 'list.txt').write_text('\n'.join(f'{number}.avi {number % 5}' for number in range(8)))
    config = run_config(tmp_path / 'run', epochs=1)
    for name in ('train', 'val', 'test'):
        config[f'{name}_dataloader'].dataset = dict(
            type='VideoDataset',
            ann_file=str(tmp_path / 'list.txt'),
            data_prefix=dict(video=str(tmp_path / 'videos')),
            pipeline=clip_pipeline('DecordInit', 'DecordDecode', dict(type='PackActionInputs')),
        )
    config.custom_imports = dict(imports=['tests.tiny'])
    config.val_evaluator = [dict(type='AccMetric'), dict(type='ClipRetrieval')]
    config.dump(tmp_path / 'config.py')
    assert main(['train', str(tmp_path / 'config.py')]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert "ClipRetrieval: the validation set has only role='query'" in message and 'AccMetric' not in message
    assert not list((tmp_path / 'run').glob('*.pth'))
    log = next((tmp_path / 'run').rglob('*.log')).read_text()
    assert '8 of 8 queries are in the training set' in log


def test_a_test_set_apart_from_the_validation_is_looked_at_too(tmp_path, capsys):
    """Validated on other videos, tested on those that are trained on; a test set that is not there yet is said."""
    for number in range(8):
        write_video(tmp_path / f'videos/{"ab"[number % 2]}/{number}.avi', seed=number)
    database = {
        f'{"ab"[number % 2]}/{number}': dict(
            subset='training' if number < 4 else 'validation', annotations=dict(label='ab'[number % 2])
        )
        for number in range(8)
    }
    (tmp_path / 'split.json').write_text(json.dumps(dict(labels=['a', 'b'], database=database)))
    config = run_config(tmp_path / 'run', epochs=1, student=student_config(2))
    source = dict(
        type='FolderDataset',
        data_root=str(tmp_path / 'videos'),
        ann_file=str(tmp_path / 'split.json'),
        pipeline=clip_pipeline('OpenVideo', 'DecodeClip', PACK),
    )
    config.train_dataloader.dataset = source
    config.val_dataloader.dataset = dict(source, subset='validation', test_mode=True)
    config.test_dataloader.dataset = dict(source, test_mode=True)
    config.val_evaluator = [dict(type='QueryAccuracy')]
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    assert main(['train', str(tmp_path / 'config.py'), '--strict']) == 2
    assert '4 of 8 queries are in the training set' in capsys.readouterr().err
    config.test_dataloader.dataset.data_root = str(tmp_path / 'elsewhere')
    config.work_dir, config.experiment_name = str(tmp_path / 'other'), 'other'  # else the log of the run before
    config.dump(tmp_path / 'config.py')
    assert main(['train', str(tmp_path / 'config.py'), '--strict']) == 0
    log = next((tmp_path / 'other').rglob('*.log')).read_text()
    assert 'the data of test_dataloader are not looked at: 4 of 4 videos' in log
