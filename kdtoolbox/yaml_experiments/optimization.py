"""Optimizers and schedules of an experiment."""

from collections.abc import Mapping

BEST = 'retrieval/top5'


def optimization(train: Mapping, *, epoch_n: int) -> dict:
    """``optim_wrapper`` and ``param_scheduler``, for an ANC experiment of student and discriminator.

    Args:
        train: the checked section.
        epoch_n: evaluation after every so many epochs.
    """
    optimizers = {side: optimizer(train['optimizer'] or train[f'{side[0]}_optimizer']) for side in _sides(train)}
    wrappers = {side: dict(type='OptimWrapper', optimizer=one) for side, one in optimizers.items()}
    schedules = {
        side: schedule(train['scheduler'] or train[f'{side[0]}_scheduler'], epoch_n=epoch_n) for side in _sides(train)
    }
    if train['method'] == 'Simple':
        return dict(optim_wrapper=wrappers['student'], param_scheduler=schedules['student'])
    return dict(
        optim_wrapper=dict(constructor='AdversarialOptimWrapperConstructor', **wrappers), param_scheduler=schedules
    )


def optimizer(values: Mapping) -> dict:
    """The config of an optimizer.

    >>> optimizer({'name': 'RMSProp', 'learning_rate': 0.1, 'momentum': 0.9, 'weight_decay': 0})
    {'type': 'RMSprop', 'lr': 0.1, 'weight_decay': 0, 'momentum': 0.9}
    """
    common = dict(lr=values['learning_rate'], weight_decay=values['weight_decay'])
    if values['name'] == 'Adam':
        return dict(type='Adam', **common)
    if values['name'] == 'RMSProp':
        return dict(type='RMSprop', **common, momentum=values['momentum'])
    return dict(
        type='SGD', **common, momentum=values['momentum'], dampening=values['dampening'], nesterov=values['nesterov']
    )


def schedule(values: Mapping | None, *, epoch_n: int) -> list[dict]:
    """Configs of parameter schedulers; none without a section: the learning rate stays.

    ReduceLROnPlateau watches what the original watches, the top-5 of the retrieval, which is to grow. It is asked after
    each evaluation, there after each epoch with the last result; so ``patience`` epochs are that many evaluations.

    >>> schedule({'name': 'Exponential', 'gamma': 0.9}, epoch_n=1)
    [{'type': 'ExponentialLR', 'gamma': 0.9, 'by_epoch': True}]
    """
    if values is None:
        return []
    if values['name'] == 'MultiStep':
        return [dict(type='MultiStepLR', milestones=values['milestones'], gamma=values['gamma'], by_epoch=True)]
    if values['name'] == 'Exponential':
        return [dict(type='ExponentialLR', gamma=values['gamma'], by_epoch=True)]
    return [
        dict(
            type='ReduceOnPlateauLR',
            monitor=BEST,
            rule='greater',
            factor=values['decay_factor'],
            patience=values['patience'] // epoch_n,
            threshold=values['threshold'],
            threshold_rule='rel',
        )
    ]


def _sides(train: Mapping) -> tuple[str, ...]:
    return ('student', 'discriminator') if train['method'] == 'ANC' else ('student',)
