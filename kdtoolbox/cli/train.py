"""Train a student from a config."""

import argparse

from mmengine.config import Config

from kdtoolbox.config_files.overriding import load_config
from kdtoolbox.engine.compat import check_amp_device, set_local_rank
from kdtoolbox.engine.elastic import is_restarted
from kdtoolbox.inspection.training import of_the_config
from kdtoolbox.runner.training import build_runner, optim_wrappers, resume_from, train

__all__ = ['build_runner', 'run', 'train']


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    if args.no_validate:
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
        config.custom_hooks = [hook for hook in config.get('custom_hooks') or () if hook.get('type') != 'FullTestHook']
    if args.amp:
        _use_amp(config)
    if args.strict:
        _be_strict(config)
    if args.auto_scale_lr:
        config.auto_scale_lr = {**config.get('auto_scale_lr', {}), 'enable': True}
    set_local_rank(args.local_rank)
    resume = 'auto' if args.resume is None and is_restarted(config) else args.resume
    if resume is not None:
        resume_from(config, resume)
    senseless = [finding.text for finding in of_the_config(config) if finding.is_error]
    if senseless:  # said now: schedules, built before any hook is asked, would fail of them in other words
        raise ValueError('; '.join(senseless))
    train(config, local_rank=args.local_rank)
    return 0


def _be_strict(config: Config) -> None:
    hooks = [hook for hook in config.get('custom_hooks') or () if hook.get('type') == 'PreflightHook']
    if not hooks:
        raise ValueError(
            "--strict is for the checks of PreflightHook, which custom_hooks lacks: add dict(type='PreflightHook')"
        )
    for hook in hooks:
        hook['strict'] = True


def _use_amp(config: Config) -> None:
    check_amp_device('--amp')
    for wrapper in optim_wrappers(config):
        kind = wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise ValueError(
                f'--amp replaces an OptimWrapper, but optim_wrapper.type is {kind!r}: set its own option for '
                'mixed precision in the config'
            )
        wrapper['type'] = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')
