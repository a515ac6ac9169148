"""Trainings of a few seconds that several processes run together, all in the same processes; see :func:`run`."""

import os
import signal
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NoReturn

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch.distributed.tensor import DTensor

from kdtoolbox.engine.fully_sharded import can_shard_on
from kdtoolbox.registry import HOOKS
from kdtoolbox.runner.testing import test_student as run_test
from kdtoolbox.runner.training import build_runner
from tests.conftest import REPOSITORY
from tests.distillers.test_student_tokens import TEACHER as VIT_TEACHER
from tests.distillers.test_student_tokens import UMT
from tests.engine import batch_norm_of_all
from tests.forked import start
from tests.tiny import (
    NUM_TEACHER_CLASSES,
    TOKEN_CHANNELS,
    distillation_head,
    run_config,
    student_config,
    teacher_config,
    transformer_config,
)

SHIPPED = Config.fromfile(REPOSITORY / 'configs/_base_/default_runtime.py')
TIME_LIMIT_SECONDS = 550
GAME = dict(
    type='AdversarialDistiller',
    discriminator=dict(type='Discriminator', in_channels=8, widths=(6,)),
    adversarial=dict(
        loss=dict(type='BCEAdversarial'),
        regularizers=[dict(type='L2Regularizer', weight=0.01)],
        student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8),
    ),
)
ODD_LOSS = dict(type='NanOfSomeClips', clips=('video3',))
MEAN_TEACHER = dict(
    teacher=dict(type='EMATeacher', view=dict(size=16), decay=0.9),
    terms=dict(self_distillation=dict(loss=dict(type='KLDivergence'))),
)


def mutual(student) -> dict:
    return dict(type='MutualDistiller', peers=dict(twin=student), loss=dict(type='KLDivergence'), **MEAN_TEACHER)


def gathering_terms() -> dict:
    """Terms of losses and connectors that have the batch of all processes, or normalise by it."""
    channels = dict(student_channels='auto', teacher_channels='auto')
    losses = dict(
        similarity=dict(type='SimilarityPreserving'),
        angle=dict(type='RKDAngle'),
        distance=dict(type='RKDDistance'),
        pkt=dict(type='PKT'),
        congruence=dict(type='CorrelationCongruence', gamma=0.4, order=2),
        crd=dict(type='CRD', num_samples=8, num_negatives=4, feature_dim=6, **channels),
        clip_frame=dict(type='ClipFrameCorrespondence', hidden_channels=(6,), **channels),
        compress=dict(type='CompRess', queue_size=12, **channels),
        rank=dict(type='DarkRank'),
        itrd=dict(type='ITRD', **channels),
        srd=dict(type='SRD', **channels),
    )
    terms = {name: dict(student='features', teacher='features', weight=0.1, loss=loss) for name, loss in losses.items()}
    for name, loss in (('dist', dict(type='DIST')), ('levels', dict(type='MultiLevelLogit', temperatures=(2, 4)))):
        terms[name] = dict(loss=loss, weight=0.1)
    for name, several in (('Overhaul', True), ('ReviewKD', True), ('SimKD', False), ('SRRL', False)):
        terms[name] = dict(
            student=['backbone.layer2'] if several else 'backbone.layer2',
            teacher=['layer2'] if several else 'layer2',
            weight=0.1,
            loss=dict(type=name, **channels),
            student_connector=[dict(type='TemporalAlign', mode='pool'), dict(type='MatchSpace', size=(6, 6))],
        )
    several = dict(
        AFD=dict(attention_channels=6, **channels), HierarchicalPKT=dict(num_epochs=2), IRG=dict(vertices=False)
    )
    for name, options in several.items():
        terms[name] = dict(
            student=['backbone.layer1', 'backbone.layer2', 'features'][: 3 if name == 'IRG' else 2],
            teacher=['layer1', 'layer2', 'features'][: 3 if name == 'IRG' else 2],
            weight=0.1,
            loss=dict(type=name, **options),
        )
    terms['frames'] = dict(
        student='backbone.layer2',
        teacher='layer2',
        weight=0.1,
        loss=dict(type='FrameClipRelation'),
        student_connector=dict(type='TemporalAlign', mode='pool'),
    )
    terms['mean_of_the_video'] = dict(
        student='features',
        teacher='features',
        weight=0.1,
        loss=dict(type='VideoMean', loss=dict(type='L2')),
        student_connector='auto',
    )
    terms['queue'] = dict(
        student='features',
        teacher='features',
        weight=0.1,
        loss=dict(type='SEED', queue_size=12, teacher_channels='auto'),
        student_connector='auto',
    )
    terms['behind_a_batch_norm'] = dict(  # a module that mmengine replaces
        student='backbone.layer1.0.conv2.bn',
        teacher='layer1',
        weight=0.1,
        loss=dict(type='ChannelWise'),
        student_connector='auto',
    )
    terms['standardized'] = dict(
        student='features',
        teacher='features',
        loss=dict(type='L2'),
        student_connector='auto',
        teacher_connector=dict(type='Standardize', channels='auto'),
    )
    return terms


def hidden_tokens() -> dict:
    """A transformer with a summary token that sees what its teacher looks at, and learns its tokens and its logits."""
    student = transformer_config(num_summary_tokens=1)
    student['backbone'].update(type='SummaryVisionTransformer', img_size=16)
    patches = dict(type='PatchTokens', num_prefix_tokens=1)
    to_grid = [dict(type='TokensToMap', num_prefix_tokens=1), dict(type='MatchGrid', grid=(2, 2, 2))]
    head = dict(type='LinearProjection', in_channels=TOKEN_CHANNELS, out_channels=NUM_TEACHER_CLASSES)
    return dict(
        student=student,
        teacher=VIT_TEACHER,
        student_tokens=dict(type='AttentionTokens', keep=0.5),
        terms=dict(
            umt=dict(UMT, student_connector=patches, teacher_connector=to_grid),
            summary=dict(
                distillation_head(),
                student='backbone.blocks.1',
                student_connector=[dict(type='ClassToken'), head],
            ),
        ),
        clip_shape=(4, 16, 16),
    )


SHARDED = {'wrapper': dict(type='FullyShardedStudent')}
SCENARIOS = {  # name -> arguments of the model, and changes of the config
    'frozen statistics': (dict(student=student_config(norm_eval=True)), {}),
    'synced batch norm': (dict(student=student_config(frozen_stages=1)), {}),
    'synced batch norm, label-free': (dict(student=student_config(), use_labels=False), {}),
    'synced batch norm, adversarial': (dict(student=student_config(), **GAME), {}),
    'synced batch norm, mutual': (dict(student=student_config(), **mutual(student_config())), {}),
    'synced batch norm, accumulating': (dict(student=student_config(), **MEAN_TEACHER), {'accumulation': 2}),
    'synced batch norm, adversarial, accumulating': (dict(student=student_config(), **GAME), {'accumulation': 2}),
    'synced batch norm, gathering losses': (
        dict(
            student=student_config(),
            terms=gathering_terms(),
            clip_shape=(4, 24, 24),
            teacher=dict(teacher_config(), model=dict(type='TinyImageNet', num_classes=5)),
        ),
        {},
    ),
    'synced batch norm, NaN in one process': (
        dict(
            student=student_config(),
            terms=dict(kd=distillation_head(), odd=dict(student='features', teacher=None, loss=ODD_LOSS)),
        ),
        {'finite_losses': dict(type='FiniteLossHook', action='skip')},
    ),
    'synced batch norm, fully sharded': (dict(student=student_config(frozen_stages=1)), SHARDED),
    'synced batch norm, fully sharded, resumed': (
        dict(student=student_config(frozen_stages=1)),
        {**SHARDED, 'resumes': 'synced batch norm, fully sharded'},
    ),
    'synced batch norm, fully sharded, hidden tokens, accumulating': (
        hidden_tokens(),
        {**SHARDED, 'accumulation': 2, 'clip_grad': dict(max_norm=0.1)},
    ),
    'batch norm': (dict(student=student_config(dropout=0.5)), {}),
    'batch norm, by iterations': (dict(student=student_config(dropout=0.5)), {'by_epoch': False}),
    'batch norm, adversarial': (dict(student=student_config(), **GAME), {}),
    'batch norm, mutual': (dict(student=student_config(), **mutual(student_config())), {}),
    'batch norm, 5 videos': (dict(student=student_config()), {'length': 5}),
    'batch norm, 1 video': (dict(student=student_config()), {'length': 1}),
}


AS_ONE = [
    name
    for name in SCENARIOS
    if name.startswith(('synced', 'frozen')) and ('sharded' not in name or can_shard_on('cpu'))
]


@HOOKS.register_module(force=True)
class Float64Hook(Hook):
    """Statistics of preprocessors are float32 whatever the default is."""

    def before_run(self, runner) -> None:
        runner.model.double()


@contextmanager
def in_float64() -> Iterator[None]:
    """Networks, views, losses and preprocessors in float64.

    Two processes add up in another order than one, so they differ by a rounding error. It grows from step to step, and
    much where an activation changes its sign: in float32 from 1e-7 to 1e-3 within four steps, with any of these losses.
    In float64 it is below 1e-10 at the end of these runs, unless something else than rounding differs.
    """
    plain = torch.Tensor.float
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)
        torch.Tensor.float = plain


def scenario(name: str, folder: Path, *, processes: int) -> Config:
    """Two epochs of two batches of 4 clips, in all processes together, with the hooks of the shipped configs."""
    model, changes = SCENARIOS[name]
    config = run_config(folder, epochs=2, batch_size=max(1, 4 // processes), **model)
    config.train_cfg.val_interval = 2
    config.custom_hooks = list(SHIPPED.custom_hooks)
    if name in AS_ONE:
        config.custom_hooks = [hook for hook in config.custom_hooks if hook.type != 'FullTestHook']
        config.custom_hooks.append(dict(type='Float64Hook'))
    if 'finite_losses' in changes:
        config.default_hooks.finite_losses = changes['finite_losses']
    config.default_hooks.sync_statistics = SHIPPED.default_hooks.sync_statistics
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    config.sync_bn = 'torch' if name.startswith('synced') else None
    config.optim_wrapper.accumulative_counts = changes.get('accumulation', 1)
    config.model_wrapper_cfg = changes.get('wrapper')
    if 'clip_grad' in changes:
        config.optim_wrapper.clip_grad = changes['clip_grad']
    before = folder.parent / f'{processes}-{changes.get("resumes")}' / 'epoch_1.pth'
    if before.is_file():  # one process trains it in one go
        config.resume, config.load_from = True, str(before)
    if model['student']['backbone'].get('norm_eval'):
        config.optim_wrapper.optimizer.lr = 0.005  # nothing keeps the activations in bounds
    if config.model['type'] == 'AdversarialDistiller':
        config.param_scheduler = None
        player = config.optim_wrapper.to_dict()
        config.optim_wrapper = dict(
            constructor='AdversarialOptimWrapperConstructor', student=player, discriminator=player
        )
    if config.model['teacher']['type'] == 'EMATeacher':
        config.custom_hooks = [*config.custom_hooks, dict(type='EMATeacherHook')]
    if not changes.get('by_epoch', True):  # saved and validated in the middle of a pass
        config.train_cfg = dict(by_epoch=False, max_iters=3, val_interval=3)
        config.param_scheduler, config.log_processor = None, dict(by_epoch=False)
        config.default_hooks.checkpoint.update(by_epoch=False, interval=3)
    if 'length' in changes:
        config.train_dataloader.dataset.length = changes['length']
        config.val_dataloader.dataset.length = config.test_dataloader.dataset.length = max(2, changes['length'])
        config.val_evaluator[1]['topk'] = config.test_evaluator[1]['topk'] = (1,)
    return config


def carry_out(name: str, folder: Path, *, processes: int = 1, rank: int = 0) -> dict:
    """Train, then test what was saved as ``tools/test.py`` does; what came of it, also written to ``folder``.

    One process alone, with which others are compared, is not tested.

    What is compared with one process is in float64.
    """
    with in_float64() if name in AS_ONE else nullcontext():
        return _carry_out(name, folder, processes=processes, rank=rank)


def _carry_out(name: str, folder: Path, *, processes: int, rank: int) -> dict:
    config = scenario(name, folder / f'{processes}-{name}', processes=processes)
    config.experiment_name = f'{name}, {processes}'.replace(' ', '_')
    config.launcher = 'none' if processes == 1 else 'pytorch'
    runner = build_runner(config)
    runner.train()
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    validated = {
        key.removeprefix('val/'): float(history.current())
        for key, history in runner.message_hub.log_scalars.items()
        if key.startswith('val/') and 'time' not in key
    }
    averages = {
        name: dict(teacher.average.state_dict())
        for name, teacher in model.teachers.items()
        if hasattr(teacher, 'average')
    }
    saved = (Path(config.work_dir) / 'last_checkpoint').read_text()
    config = scenario(name, folder / f'{processes}-{name}-test', processes=processes)
    config.experiment_name = f'{name}, {processes}, test'.replace(' ', '_')
    config.launcher = 'none' if processes == 1 else 'pytorch'
    checkpoint = torch.load(saved, weights_only=True)
    weights = list(model.parameters())
    out = dict(
        model=dict(model.state_dict()),
        share=sum(shard_of(weight).numel() for weight in weights) / sum(weight.numel() for weight in weights),
        averages=averages,
        validated=validated,
        tested={} if processes == 1 else {key: float(value) for key, value in run_test(config, saved).items()},
        checkpoint=saved,
        saved=dict(checkpoint['state_dict']),
        optimizer=checkpoint['optimizer'],
        iterations=runner.iter,
        left_out=sorted(file.name for file in Path(runner.work_dir).glob('not_finite/*')),
    )
    torch.save(out, folder / f'{processes}-{name}-{rank}.pth')
    return out


def shard_of(weight: torch.Tensor) -> torch.Tensor:
    return weight.to_local() if isinstance(weight, DTensor) else weight


def run(jobs: Mapping[int, Sequence[str]], folder: Path) -> dict[int, dict[str, list[dict]]]:
    """Carry out scenarios in so many processes, started once for each number.

    Args:
        jobs: number of processes -> names of the scenarios.

    Returns:
        number of processes -> name -> what came of it in each process.
    """
    started = start(in_processes, dict(jobs), str(folder), folder=folder, cwd=folder, CUDA_VISIBLE_DEVICES='')
    try:
        started.join(TIME_LIMIT_SECONDS)
        assert started.exitcode == 0, (folder / 'stderr').read_text()[-6000:]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
    return {
        processes: {
            name: [
                torch.load(folder / f'{processes}-{name}-{rank}.pth', weights_only=True) for rank in range(processes)
            ]
            for name in names
        }
        for processes, names in jobs.items()
    }


def in_processes(jobs: Mapping[int, Sequence[str]], folder: str) -> None:
    """Fork the processes of :func:`run` from this one, which has imported everything; end with the first that fails."""
    os.setpgid(0, 0)  # so that all are ended together
    for processes, names in jobs.items():
        ranks = range(processes)
        forked = [os.fork() or _in_a_process(rank, processes, names, folder) for rank in ranks]
        for _ in forked:
            if os.wait()[1]:
                os._exit(1)  # the others wait for it; run() ends them


def _in_a_process(rank: int, processes: int, names: Sequence[str], folder: str) -> NoReturn:
    try:
        os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(processes))
        store = f'file://{folder}/{processes}-store'
        dist.init_process_group('gloo', init_method=store, rank=rank, world_size=processes)
        batch_norm_of_all.use_on_cpu()
        for name in names:
            carry_out(name, Path(folder), processes=processes, rank=rank)
        dist.barrier()
        os._exit(0)  # gloo's teardown now and then aborts
    except BaseException:
        traceback.print_exc()
        os._exit(1)
