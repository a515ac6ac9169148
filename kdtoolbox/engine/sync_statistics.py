"""A hook that synchronises batch norm statistics between processes."""

from mmengine.dist import all_reduce_params, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _BatchNorm

from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class SyncStatisticsHook(Hook):
    """Replace the running mean and variance of every batch norm by their means over the processes, after each step.

    In training each process normalises with its own batch statistics. Without this hook its running statistics would
    come from its own clips only, and the processes would validate different networks, of which one is saved. The update
    of running statistics is linear, so averaging after each step gives the same as averaging once at the end.

    mmengine's SyncBuffersHook averages at the end of an epoch and before validation. This is too late for a checkpoint
    saved by iterations and for a mean teacher, which copies the student's statistics at each step. It also averages all
    buffers, including those that processes share already.
    """

    priority = 'VERY_HIGH'  # before a mean teacher moves and before a checkpoint is written

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        if get_world_size() == 1:
            return
        statistics = [
            statistic
            for module in runner.model.modules()
            if isinstance(module, _BatchNorm) and module.training and module.running_mean is not None
            for statistic in (module.running_mean, module.running_var)
        ]
        if statistics:
            all_reduce_params(statistics, op='mean')
