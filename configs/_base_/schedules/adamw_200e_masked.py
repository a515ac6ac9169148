# 200 epochs of AdamW with a cosine behind a long warm-up: pre-training of transformers that see a part of their tokens
# (UMT's script for a ViT-B on Kinetics-710; VideoMAE has the same optimizer).
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import schedules

learning_rate = 1.5e-4  # for a batch of 256

train_cfg, param_scheduler = schedules.warmup_and_cosine(
    200, warmup_epochs=40, val_interval=10, eta_min_ratio=1e-5 / learning_rate)
optim_wrapper = schedules.pretraining_adamw(learning_rate)
auto_scale_lr = dict(enable=True, base_batch_size=256)  # of all processes together: the paper's has 2048
