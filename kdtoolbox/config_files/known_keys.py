"""The keys that mmengine, mmaction2 and kdtoolbox read of a config, as tables."""

import inspect
from collections.abc import Callable

from mmengine.runner import Runner
from torch.utils.data import DataLoader

from kdtoolbox import registry
from kdtoolbox.views import View

# What a run reads; anything else at the top of a config is a value that settings are made from.
RUN_SETTINGS = {
    *inspect.signature(Runner).parameters,
    'find_unused_parameters',
    'sync_bn',
    'custom_imports',
    'model_wrapper_cfg',
    'compile',
    'runner_type',
    'activation_checkpointing',
    'efficient_conv_bn_eval',
}

# Which registry the types below a key are looked up in; below a key that is not here, the one of the key above.
REGISTRIES = {
    **dict.fromkeys(('model', 'teacher', 'student'), registry.MODELS),
    **dict.fromkeys(('dataset', 'datasets'), registry.DATASETS),
    **dict.fromkeys(('pipeline', 'transforms'), registry.TRANSFORMS),
    **dict.fromkeys(('sampler', 'batch_sampler'), registry.DATA_SAMPLERS),
    **dict.fromkeys(('val_evaluator', 'test_evaluator', 'metrics'), registry.METRICS),
    **dict.fromkeys(('train_cfg', 'val_cfg', 'test_cfg'), registry.LOOPS),
    **dict.fromkeys(('default_hooks', 'custom_hooks'), registry.HOOKS),
    'optim_wrapper': registry.OPTIM_WRAPPERS,
    'optimizer': registry.OPTIMIZERS,
    'param_scheduler': registry.PARAM_SCHEDULERS,
    'visualizer': registry.VISUALIZERS,
    'vis_backends': registry.VISBACKENDS,
    'log_processor': registry.LOG_PROCESSORS,
    'init_cfg': registry.WEIGHT_INITIALIZERS,
    'model_wrapper_cfg': registry.MODEL_WRAPPERS,
}
# Their `type` is none of a registry, or their keys are read by functions of mmcv that take others too.
LEFT_ALONE = {
    'conv_cfg',
    'norm_cfg',
    'act_cfg',
    'collate_fn',
    'worker_init_fn',
    'compile',
    'dist_cfg',
    'metainfo',
}
# Dicts without a type whose keys are the arguments of this.
WITHOUT_TYPE: dict[str, Callable] = {'student_view': View, 'view': View}
# What a section is where it does not say.
DEFAULT_TYPES = {'val_cfg': 'ValLoop', 'test_cfg': 'TestLoop', 'log_processor': 'LogProcessor'}
# Read by the builder, not by what is built.
ALSO_READ = {'_scope_', 'type', '_delete_'}
READ_BY_BUILDERS = {
    'optim_wrapper': {'constructor', 'paramwise_cfg'},
    'param_scheduler': {'convert_to_iter_based'},
    'train_cfg': {'by_epoch'},
    'visualizer': {'name'},
}
SECTIONS = {
    'randomness': {'seed', 'diff_rank_seed', 'deterministic'},
    'auto_scale_lr': {'enable', 'base_batch_size'},
    'env_cfg': {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'},
    'custom_imports': {'imports', 'allow_failed_imports'},
}
# The parts of a term that have a type.
OF_TERMS = ('loss', 'student_connector', 'teacher_connector', 'gate')
# What mmengine's constructor of optimizers reads; others read keys of their own.
OF_PARAMWISE = {
    'custom_keys',
    'bias_lr_mult',
    'bias_decay_mult',
    'norm_decay_mult',
    'flat_decay_mult',
    'dwconv_decay_mult',
    'dcn_offset_lr_mult',
    'bypass_duplicate',
}
DEFAULT_CONSTRUCTOR = 'DefaultOptimWrapperConstructor'
OF_CUSTOM_KEYS = {'lr_mult', 'decay_mult'}
# Take any argument, and then fail on those that are not of their own, some as late as at the first checkpoint.
TAKE_ANY_AND_FAIL = {'CheckpointHook', 'EMAHook', 'ResNet3d', 'ResNet3dSlowOnly', 'ResNet3dCSN', 'ResNet2Plus1d'}
SLIPS_OF_TYPE = {'typ', 'tpye', 'tyep', 'tyoe', 'typee', 'Type'}
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
OF_LOADERS = {*inspect.signature(DataLoader).parameters, 'num_batch_per_epoch', 'disable_subprocess_warning'}
