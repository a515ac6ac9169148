# 120 epochs of SGD, a plain cosine: where what is learned from needs no warm-up, or has a weight_schedule of its own.
max_epochs = 120      # HMDB-51 is small, a student from scratch needs many passes
learning_rate = 0.02  # for a batch of 32; --auto-scale-lr adapts it to another

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=20),
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=32)
