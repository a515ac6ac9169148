# 200 epochs of AdamW with a cosine behind a long warm-up: pre-training of transformers that see a part of their tokens
# (UMT's script for a ViT-B on Kinetics-710; VideoMAE has the same optimizer).
max_epochs = 200
warmup_epochs = 40
learning_rate = 1.5e-4  # for a batch of 256

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=10)
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=warmup_epochs, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=warmup_epochs, end=max_epochs, T_max=max_epochs - warmup_epochs,
         eta_min_ratio=1e-5 / learning_rate, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=True, base_batch_size=256)  # of all processes together: the paper's has 2048
