"""Several processes, one set of batch norm statistics."""

from mmengine.dist import all_reduce_params, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _BatchNorm

from kdtoolbox.registry import HOOKS


@HOOKS.register_module()
class SyncStatisticsHook(Hook):
    """Replace the running mean and variance of every batch norm by their means over the processes, after each step.

    Each process normalises by its own clips in training, as ever; the statistics it keeps for evaluation would then be of
    its clips alone, and the processes would validate different networks, of which one is saved. Since they move by a fixed
    share of the batch's each step, their mean is what it would be if they were averaged once at the end.

    mmengine's SyncBuffersHook averages at the end of an epoch and before validation, too late for a checkpoint saved by
    iterations and for a mean teacher, which takes the student's statistics at each step; and it averages all buffers, also
    those that processes share already.
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
