# 120 epochs of SGD, a cosine behind a warm-up: for a student from scratch that learns from labels and from a teacher.
max_epochs = 120      # HMDB-51 is small, a student from scratch needs many passes
warmup_epochs = 5
learning_rate = 0.02  # for a batch of 32; --auto-scale-lr adapts it to another

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=20),
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=warmup_epochs, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=warmup_epochs, end=max_epochs, T_max=max_epochs - warmup_epochs,
         by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=32)
