"""Hooks, checkpoints, optimizer constructors, and workarounds for mmengine."""

from kdtoolbox.engine.adversarial_optimizers import AdversarialOptimWrapperConstructor
from kdtoolbox.engine.checkpoint_saving import CheckpointHook
from kdtoolbox.engine.checkpoints import PlainCheckpointHook
from kdtoolbox.engine.data_time import DataTimeHook
from kdtoolbox.engine.dataset_epoch import SetDatasetEpochHook
from kdtoolbox.engine.ema_teacher import EMATeacherHook
from kdtoolbox.engine.epoch_seed import EpochSeedHook
from kdtoolbox.engine.evaluation_progress import EvaluationProgressHook
from kdtoolbox.engine.finite_losses import FiniteLossHook
from kdtoolbox.engine.full_test import FullTestHook
from kdtoolbox.engine.fully_sharded import FullyShardedStudent, ShardingHook
from kdtoolbox.engine.interruption import InterruptHook
from kdtoolbox.engine.layer_decay import StudentLayerDecayConstructor
from kdtoolbox.engine.logged_numbers import LoggedNumbersHook
from kdtoolbox.engine.preflight import PreflightHook
from kdtoolbox.engine.sync_statistics import SyncStatisticsHook
from kdtoolbox.engine.tracked_clips import TrackedClipsHook
from kdtoolbox.engine.validation_on_resume import ValidateOnResumeHook

__all__ = [
    'AdversarialOptimWrapperConstructor',
    'CheckpointHook',
    'DataTimeHook',
    'EMATeacherHook',
    'EpochSeedHook',
    'EvaluationProgressHook',
    'FiniteLossHook',
    'FullTestHook',
    'FullyShardedStudent',
    'InterruptHook',
    'LoggedNumbersHook',
    'PlainCheckpointHook',
    'PreflightHook',
    'SetDatasetEpochHook',
    'ShardingHook',
    'StudentLayerDecayConstructor',
    'SyncStatisticsHook',
    'TrackedClipsHook',
    'ValidateOnResumeHook',
]
