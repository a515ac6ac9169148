# 400 epochs of AdamW, a cosine behind 40 epochs of warm-up that ends high: MVD's pre-training (PRETRAIN.md and the scripts).
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import schedules

learning_rate = 1.5e-4  # for a batch of 256

train_cfg, param_scheduler = schedules.warmup_and_cosine(
    400, warmup_epochs=40, val_interval=20, eta_min_ratio=1e-4 / learning_rate)
optim_wrapper = schedules.pretraining_adamw(learning_rate)
auto_scale_lr = dict(enable=True, base_batch_size=256)  # of all processes together: theirs is 1024
