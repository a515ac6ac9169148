"""Checks of the keys of a whole file, and of their combinations."""

from collections.abc import Mapping

from kdtoolbox.yaml_experiments.schema import DATASETS, EXPERIMENT, OPTIMIZER, OPTIMIZER_KEYS, SCHEDULER, SCHEDULER_KEYS
from kdtoolbox.yaml_experiments.value_checks import Field, Section, check_section


def is_experiment(content: Mapping) -> bool:
    """Whether a YAML file is written in the original schema, and not an mmengine config.

    >>> is_experiment({'model': {'s_arch': 'r3d'}}), is_experiment({'model': {'type': 'Distiller'}})
    (True, False)
    """
    model = content.get('model')
    return not (
        (isinstance(model, Mapping) and 'type' in model)
        or any(
            key in ('_base_', 'default_scope', 'custom_imports', 'optim_wrapper')
            or str(key).endswith(('_dataloader', '_cfg', '_evaluator'))
            for key in content
        )
    )


def checked_datasets(content: Mapping) -> dict:
    """A data-sets file with the defaults filled in; a data set that is not in it is None.

    Raises:
        ValueError: a key is unknown or a value not allowed.
    """
    return check_section(content, DATASETS)


def checked_experiment(content: Mapping) -> dict:
    """An experiment with the defaults filled in; ``train`` or ``eval`` is None where it is missing.

    Raises:
        ValueError: a key is unknown, missing, or does not go with others, or a value is not allowed.
    """
    experiment = check_section(content, EXPERIMENT)
    train, eval_ = experiment['train'], experiment['eval']
    if train is None and eval_ is None:
        raise ValueError('the experiment has neither train nor eval: there is nothing to do')
    for path, section in (('train.data', train and train['data']), ('eval.data', eval_ and eval_['data'])):
        if section:
            _check_colours(section, path)
    if train is not None:
        if experiment['model']['t_arch'] is None:
            raise ValueError('model.t_arch is missing: training needs a teacher, one of resnet18 to resnet152')
        _check_method(experiment['model'], train)
        _check_epochs(train, eval_)
        for side in ('', 's_', 'd_'):
            _check_unused(train[f'{side}optimizer'], OPTIMIZER, OPTIMIZER_KEYS, f'train.{side}optimizer')
            _check_unused(train[f'{side}scheduler'], SCHEDULER, SCHEDULER_KEYS, f'train.{side}scheduler')
            _check_schedule(train[f'{side}scheduler'], f'train.{side}scheduler', has_eval=eval_ is not None)
            _check_nesterov(train[f'{side}optimizer'], f'train.{side}optimizer')
    return experiment


def _check_colours(data: Mapping, path: str) -> None:
    top = 255 // data['norm_value']
    for key in ('mean', 'std'):
        if data[key] and max(data[key]) > top:
            raise ValueError(
                f'{path}.{key}: got {data[key]}, expected numbers up to {top}: with norm_value '
                f'{data["norm_value"]} the inputs are from 0 to {top}'
            )


def _check_method(model: Mapping, train: Mapping) -> None:
    players = ('s_', 'd_') if train['method'] == 'ANC' else ('s_',)
    if train['method'] == 'Simple':
        given = [f'train.{key}' for key in ('adv_loss', 'd_reg', 'd_optimizer', 'd_scheduler') if train[key]]
        given += ['model.d_arch'] if model['d_arch'] else []
        if given:
            raise ValueError(
                f'{", ".join(given)}: method Simple has no discriminator; remove this, or set train.method: ANC'
            )
    for kind in ('optimizer', 'scheduler'):
        own = [f'train.{side}{kind}' for side in players if train[f'{side}{kind}']]
        if train[kind] and own:
            raise ValueError(
                f'train.{kind} cannot be combined with {", ".join(own)}: give one for both, or one for each'
            )
        if kind == 'optimizer' and not train[kind] and len(own) < len(players):
            missing = [f'train.{side}{kind}' for side in players if not train[f'{side}{kind}']]
            raise ValueError(
                f'{", ".join(missing) if own else "train.optimizer"} is missing: give it with name and learning_rate'
            )


def _check_epochs(train: Mapping, eval_: Mapping | None) -> None:
    """Refuse what is to happen after an epoch that never comes."""
    last = train['n_epochs']
    for path, epochs in (('train.checkpoint', train['checkpoint']), ('eval.epoch_n', eval_ and eval_['epoch_n'])):
        if epochs and epochs > last:
            raise ValueError(
                f'{path}: got {epochs}, expected at most train.n_epochs, which is {last}: it would never happen'
            )
    for side in ('', 's_', 'd_'):
        late = [epoch for epoch in (train[f'{side}scheduler'] or {}).get('milestones') or () if epoch >= last]
        if late:
            raise ValueError(
                f'train.{side}scheduler.milestones: got {late}, expected epochs below train.n_epochs, '
                f'which is {last}: nothing would happen there'
            )


def _check_unused(values: Mapping | None, section: Section, keys_of: Mapping[str, set], path: str) -> None:
    """Refuse a setting that the named optimizer or scheduler has no use for, unless it is the default."""
    if values is None:
        return
    for key in set().union(*keys_of.values()) - keys_of[values['name']]:
        field = section.fields[key]
        if isinstance(field, Field) and values[key] != field.default:
            users = [name for name, keys in keys_of.items() if key in keys]
            raise ValueError(f'{path}.{key}: {values["name"]} has none, only {", ".join(users)}; remove it')


def _check_schedule(values: Mapping | None, path: str, *, has_eval: bool) -> None:
    milestones = SCHEDULER.fields['milestones']
    if values and values['name'] == 'MultiStep' and values['milestones'] is None and isinstance(milestones, Field):
        raise ValueError(f'{path}.milestones is missing: give {milestones.allowed}')
    if values and values['name'] == 'ReduceLROnPlateau' and not has_eval:
        raise ValueError(f'{path}: ReduceLROnPlateau watches the top-5 of the retrieval, and there is no eval section')


def _check_nesterov(values: Mapping | None, path: str) -> None:
    if values and values['nesterov'] and (not values['momentum'] or values['dampening']):
        raise ValueError(
            f'{path}.nesterov needs a momentum above 0 and a dampening of 0, got {values["momentum"]} and '
            f'{values["dampening"]}'
        )
