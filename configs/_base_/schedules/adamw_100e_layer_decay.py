# Fine-tuning of a ViT-B: AdamW whose learning rate falls from block to block, cosine behind 5 epochs of warm-up. Numbers of
# VideoMAE for Kinetics-400 (its script finetune.sh and the defaults of run_class_finetuning.py). Norms, biases and
# position tables do not decay.
_base_ = []  # none; but without this line mmengine would not allow the import
from kdtoolbox.config_files import schedules

learning_rate = 1e-3  # for a batch of 256
layer_decay = 0.75

train_cfg, param_scheduler = schedules.warmup_and_cosine(100, warmup_epochs=5, val_interval=5, eta_min_ratio=1e-3)
optim_wrapper = dict(
    type='OptimWrapper', constructor='StudentLayerDecayConstructor',
    optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.9, 0.999), weight_decay=0.05),
    paramwise_cfg=dict(num_layers=12, decay_rate=layer_decay))
auto_scale_lr = dict(enable=True, base_batch_size=256)  # of all processes together: theirs is 512
