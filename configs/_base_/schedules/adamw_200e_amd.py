# 200 epochs of AdamW with four clips of each video, small gradients: AMD's pre-training (scripts/pretrain).
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import schedules

learning_rate = 1.2e-3  # for a batch of 256 videos, 1024 clips

train_cfg, param_scheduler = schedules.warmup_and_cosine(
    200, warmup_epochs=10, val_interval=10, eta_min_ratio=1e-2)
optim_wrapper = schedules.pretraining_adamw(learning_rate, clip_grad=dict(max_norm=0.02))
auto_scale_lr = dict(enable=True, base_batch_size=256)  # videos of all processes together: theirs is 512
