# Fine-tuning of a ViT-B: AdamW whose learning rate falls from block to block, cosine behind 5 epochs of warm-up. Numbers of
# VideoMAE for Kinetics-400 (its script finetune.sh and the defaults of run_class_finetuning.py). Norms, biases and
# position tables do not decay.
max_epochs = 100
warmup_epochs = 5
learning_rate = 1e-3  # for a batch of 256
layer_decay = 0.75

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=5)
optim_wrapper = dict(
    type='OptimWrapper', constructor='StudentLayerDecayConstructor',
    optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(num_layers=12, decay_rate=layer_decay))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=warmup_epochs, by_epoch=True, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=warmup_epochs, end=max_epochs, T_max=max_epochs - warmup_epochs,
         eta_min_ratio=1e-3, by_epoch=True, convert_to_iter_based=True)]
auto_scale_lr = dict(enable=True, base_batch_size=256)  # of all processes together: theirs is 512
