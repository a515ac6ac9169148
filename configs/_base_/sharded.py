# For students that do not fit on one device: weights, gradients and the optimizer's state are shared out among all
# processes (FSDP), and brought together layer by layer. torchrun --nproc-per-node=8 tools/train.py CONFIG --launcher
# pytorch; a config uses it by naming it in its _base_.
model_wrapper_cfg = dict(
    type='MMFullyShardedDataParallel',
    # Modules of so many weights are units of their own: only one at a time is whole.
    auto_wrap_policy=dict(type='torch.distributed.fsdp.wrap.size_based_auto_wrap_policy', min_num_params=1_000_000),
    use_orig_params=True)
