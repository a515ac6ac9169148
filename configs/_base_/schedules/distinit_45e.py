# DistInit's schedule in the original experiments: 45 epochs of SGD in steps.
learning_rate = 0.01  # for a batch of 32; --auto-scale-lr adapts it to another

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=45, val_interval=5)
optim_wrapper = dict(type='OptimWrapper',
                     optimizer=dict(type='SGD', lr=learning_rate, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[10, 20, 30, 40], gamma=0.1, by_epoch=True)]
auto_scale_lr = dict(enable=False, base_batch_size=32)
