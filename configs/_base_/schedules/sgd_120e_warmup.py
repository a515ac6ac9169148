# 120 epochs of SGD, a cosine behind a warm-up: for a student from scratch that learns from labels and from a teacher.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import schedules

max_epochs = 120      # HMDB-51 is small, a student from scratch needs many passes
learning_rate = 0.02  # for a batch of 32; --auto-scale-lr adapts it to another

train_cfg, param_scheduler = schedules.warmup_and_cosine(
    max_epochs, warmup_epochs=5, val_interval=5, start_factor=0.1)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=20),
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=1e-4))
auto_scale_lr = dict(enable=False, base_batch_size=32)
