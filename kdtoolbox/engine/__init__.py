"""Hooks, checkpoints, optimizer constructors, and workarounds for mmengine."""

from kdtoolbox.engine.adversarial_optimizers import AdversarialOptimWrapperConstructor
from kdtoolbox.engine.checkpoints import PlainCheckpointHook
from kdtoolbox.engine.dataset_epoch import SetDatasetEpochHook
from kdtoolbox.engine.ema_teacher import EMATeacherHook
from kdtoolbox.engine.epoch_seed import EpochSeedHook
from kdtoolbox.engine.evaluation_progress import EvaluationProgressHook
from kdtoolbox.engine.preflight import PreflightHook
from kdtoolbox.engine.sync_statistics import SyncStatisticsHook

__all__ = [
    'AdversarialOptimWrapperConstructor',
    'EMATeacherHook',
    'EpochSeedHook',
    'EvaluationProgressHook',
    'PlainCheckpointHook',
    'PreflightHook',
    'SetDatasetEpochHook',
    'SyncStatisticsHook',
]
