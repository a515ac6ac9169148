# The original experiments' adversarial schedule: 200 epochs of SGD, the same for student and discriminator.
learning_rate = 0.001  # for a batch of 16, train_dataloader.batch_size; --auto-scale-lr adapts it to another
player = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=learning_rate, weight_decay=2e-4, momentum=0.9))
schedule = [dict(type='MultiStepLR', milestones=[80], gamma=0.1, by_epoch=True)]

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=200, val_interval=5)
optim_wrapper = dict(constructor='AdversarialOptimWrapperConstructor', student=player, discriminator=player)
param_scheduler = dict(student=schedule, discriminator=schedule)
auto_scale_lr = dict(enable=False, base_batch_size=16)
