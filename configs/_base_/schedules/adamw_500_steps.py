# 500 steps of AdamW, a cosine behind a warm-up: for the demo's small networks.
max_iters = 500  # steps, not epochs: with few labels an epoch has few steps
warmup_iters = max_iters // 20
learning_rate = 3e-3

train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=learning_rate, weight_decay=0.02))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=warmup_iters, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=warmup_iters, end=max_iters, T_max=max_iters - warmup_iters, by_epoch=False)]
