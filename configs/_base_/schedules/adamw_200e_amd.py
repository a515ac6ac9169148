# 200 epochs of AdamW with four clips of each video, small gradients: AMD's pre-training (scripts/pretrain).
max_epochs = 200
warmup_epochs = 10
learning_rate = 1.2e-3  # for a batch of 256 videos, 1024 clips

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=10)
optim_wrapper = dict(
    type='OptimWrapper', clip_grad=dict(max_norm=0.02),
    optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=warmup_epochs, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=warmup_epochs, end=max_epochs, T_max=max_epochs - warmup_epochs,
         eta_min_ratio=1e-2, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=True, base_batch_size=256)  # videos of all processes together: theirs is 512
