"""Optimizers and learning rates that ``configs/_base_/schedules/`` share; plain settings, without torch."""


def warmup_and_cosine(
    max_epochs: int, *, warmup_epochs: int, val_interval: int, start_factor: float = 1e-3, **cosine: float
) -> tuple[dict, list[dict]]:
    """Settings of the training loop and of the learning rate, which rises by a line and falls by a cosine.

    Args:
        max_epochs: of the training.
        warmup_epochs: those in which the learning rate rises.
        val_interval: epochs from one validation to the next.
        start_factor: of the first step, of the optimizer's learning rate.
        cosine: ``eta_min_ratio``, the share that is left at the end; 0 if not given.

    >>> loop, (warmup, cosine) = warmup_and_cosine(120, warmup_epochs=5, val_interval=5)
    >>> loop
    {'type': 'EpochBasedTrainLoop', 'max_epochs': 120, 'val_interval': 5}
    >>> warmup['end'], cosine['T_max']
    (5, 115)
    """
    by_step = dict(by_epoch=True, convert_to_iter_based=True)
    return dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=val_interval), [
        dict(type='LinearLR', start_factor=start_factor, begin=0, end=warmup_epochs, **by_step),
        dict(
            type='CosineAnnealingLR',
            begin=warmup_epochs,
            end=max_epochs,
            T_max=max_epochs - warmup_epochs,
            **cosine,
            **by_step,
        ),
    ]


def pretraining_adamw(learning_rate: float, **options) -> dict:
    """The optimizer of transformers that see a part of their tokens, as VideoMAE has it: norms and biases do not decay.

    Args:
        learning_rate: for the batch size of ``auto_scale_lr``.
        options: further settings of the wrapper, such as ``clip_grad``.
    """
    return dict(
        type='OptimWrapper',
        **options,
        optimizer=dict(type='AdamW', lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.05),
        paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
    )
