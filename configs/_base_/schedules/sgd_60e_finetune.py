# 60 epochs of SGD for a student that knows something: fewer and smaller steps than from scratch, more weight decay.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import schedules

max_epochs = 60       # with the learning rate, usual for small data sets; neither was tuned
warmup_epochs = 3     # the new head's first gradients say nothing; they should not undo what was learned
learning_rate = 0.01  # for a batch of 32; --auto-scale-lr adapts it to another

train_cfg, param_scheduler = schedules.warmup_and_cosine(
    max_epochs, warmup_epochs=warmup_epochs, val_interval=5, start_factor=0.1)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=20),
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=5e-4))
auto_scale_lr = dict(enable=False, base_batch_size=32)
