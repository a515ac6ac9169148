# What every run has: hooks, logs, seeds. One TensorBoard file and one JSON of scalars a run.
default_scope = 'kdtoolbox'
randomness = dict(seed=0)
env_cfg = dict(cudnn_benchmark=True, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
               dist_cfg=dict(backend='nccl'))
default_hooks = dict(
    runtime_info=dict(type='LoggedNumbersHook'),  # losses are read when a line is logged, not in each step
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_statistics=dict(type='SyncStatisticsHook'),  # several processes validate and save one network
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
    finite_losses=dict(type='FiniteLossHook', action='stop', patience=10),  # no days of NaN; 'skip' goes on
    interrupt=dict(type='InterruptHook'),  # SIGTERM and Ctrl-C write a checkpoint first
    validate_on_resume=dict(type='ValidateOnResumeHook'))  # what an interruption took away is made up for
custom_hooks = [
    dict(type='EpochSeedHook'),          # randomness is a matter of the step alone: resuming is exact
    dict(type='SetDatasetEpochHook'),    # augmentation is one of the epoch and the clip, in any number of workers
    dict(type='PlainCheckpointHook'),    # checkpoints load with weights_only=True, whole or not at all
    dict(type='PreflightHook'),          # labels that do not fit the head are refused before the first step
    dict(type='FullTestHook'),           # after the training, the full protocol on the best checkpoint
    dict(type='DataTimeHook'),           # a line, with the remedy, where the loader is slower than the step
    dict(type='EvaluationProgressHook'),  # a line every half minute, also where fifty batches take long
]
log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
vis_backends = [dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)
log_level = 'INFO'
load_from = None
resume = False
find_unused_parameters = False
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
