# 45 epochs of SGD, a plain cosine: for large data sets, and for pre-training without labels.
max_epochs = 45
learning_rate = 0.05  # for a batch of 32; --auto-scale-lr adapts it to another

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(type='OptimWrapper',
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_epochs, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=False, base_batch_size=32)
