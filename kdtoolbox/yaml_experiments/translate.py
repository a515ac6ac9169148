"""An experiment in the original schema -> an mmengine config."""

from collections.abc import Mapping

from kdtoolbox.yaml_experiments.clips import (
    FRAMES,
    VIDEOS,
    entry,
    evaluation_pipeline,
    loader,
    normalisation,
    source,
    training_pipeline,
)
from kdtoolbox.yaml_experiments.networks import game, similarity, student, teacher
from kdtoolbox.yaml_experiments.optimization import BEST, optimization
from kdtoolbox.yaml_experiments.schema import NUM_CLASSES

RUNTIME = ('default_scope', 'env_cfg', 'custom_hooks', 'vis_backends', 'visualizer', 'log_level')
C3D_SIZE, C3D_FRAMES = 224, 16  # of the teacher's clip; the student's is half as high and wide


def translate(experiment: Mapping, datasets: Mapping, *, template: Mapping, num_processes: int = 1) -> dict:
    """The mmengine config of an experiment, without its ``work_dir``.

    Args:
        experiment: as :func:`checked_experiment` gives it.
        datasets: as :func:`checked_datasets` gives it.
        template: a label-free distillation config of the same kind of student, whose student, pipelines and runtime are
            taken; the experiment's settings take the place of its own.
        num_processes: that share the batches.

    Raises:
        ValueError: settings of the two files do not go together.
    """
    model, train, eval_ = (experiment[key] for key in ('model', 'train', 'eval'))
    num_classes = model['n_classes'] or NUM_CLASSES[(train or eval_)['data']['name']]
    own = {
        name: normalisation(section['data'], entry(section['data']['name'], datasets), path=f'{name}.data')
        for name, section in (('train', train), ('eval', eval_))
        if section
    }
    network = student(template['model']['student'], num_classes=num_classes, normalisation=next(iter(own.values())))
    config = {key: template[key] for key in RUNTIME}
    config |= dict(
        randomness=dict(seed=experiment['run']['manual_seed']), load_from=model['s_pretrain_path'], resume=False
    )
    if train is None:
        config |= dict(model=dict(type='Distiller', student=network))
    else:
        config |= _training(experiment, datasets, template=template, num_processes=num_processes)
        config['model'] |= dict(
            student=network,
            teacher=teacher(
                template['model']['teacher'],
                model,
                num_classes=num_classes,
                view=dict(size=train['data']['sample_size'], **own['train']),
            ),
        )
    if eval_ is not None:
        config |= _evaluation(experiment, datasets, template=template, num_processes=num_processes, own=own)
    config['default_hooks'] = _hooks(template['default_hooks'], train, evaluates=eval_ is not None)
    if train is not None:
        config['log_processor'] = dict(template['log_processor'], window_size=train['logging_n'])
    return config


def _training(experiment: Mapping, datasets: Mapping, *, template: Mapping, num_processes: int) -> dict:
    model, train = experiment['model'], experiment['train']
    data, epoch_n = train['data'], experiment['eval']['epoch_n'] if experiment['eval'] else 1
    if model['s_arch'] == 'c3d' and (data['sample_size'], data['sample_duration']) != (C3D_SIZE, C3D_FRAMES):
        size, duration = data['sample_size'], data['sample_duration']
        raise ValueError(
            f'train.data.sample_size {size}, sample_duration {duration}: the fully connected layers of '
            f'c3d fit {C3D_SIZE}, of which the student gets half, and {C3D_FRAMES}'
        )
    network = dict(
        type='Distiller',
        use_labels=False,
        student_view=dict(size=data['sample_size'] // 2),
        terms=dict(similarity=similarity(train['sim_loss'])),
    )
    if train['method'] == 'ANC':
        network |= dict(type='AdversarialDistiller', **game(model, train))
    dataset = dict(
        source(data['name'], datasets, prefer=FRAMES),
        subset='training',
        pipeline=training_pipeline(template['train_dataloader']['dataset']['pipeline'], data),
    )
    config = dict(
        model=network,
        **optimization(train, epoch_n=epoch_n),
        train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=train['n_epochs'], val_interval=epoch_n),
        train_dataloader=loader(train, dataset, training=True, num_processes=num_processes),
        auto_scale_lr=dict(enable=False, base_batch_size=train['batch_size']),
    )
    if train['resume_path'] is not None:  # it holds the student too, so s_pretrain_path has had its turn
        config |= dict(load_from=train['resume_path'], resume=True)
    return config


def _evaluation(experiment: Mapping, datasets: Mapping, *, template: Mapping, num_processes: int, own: Mapping) -> dict:
    eval_ = experiment['eval']
    videos = source(eval_['data']['name'], datasets, prefer=VIDEOS)
    pipeline = evaluation_pipeline(
        template['test_dataloader']['dataset']['datasets'][0]['pipeline'],
        wanted=own['eval'],
        student=own.get('train', own['eval']),
        data=experiment['train'] and experiment['train']['data'],
    )
    dataset = dict(
        type='ConcatDataset',
        datasets=[
            dict(videos, subset=subset, role=role, pipeline=pipeline, test_mode=True)
            for subset, role in (('training', 'gallery'), ('validation', 'query'))
        ],
    )
    config = dict(
        test_dataloader=loader(eval_, dataset, training=False, num_processes=num_processes),
        test_evaluator=[dict(type='ClipRetrieval')],
        test_cfg=dict(type='TestLoop'),
    )
    if experiment['train'] is None:
        return config
    return config | dict(
        val_dataloader=config['test_dataloader'], val_evaluator=config['test_evaluator'], val_cfg=dict(type='ValLoop')
    )


def _hooks(template: Mapping, train: Mapping | None, *, evaluates: bool) -> dict:
    hooks = {name: dict(hook) for name, hook in template.items()}
    checkpoint = {key: value for key, value in hooks['checkpoint'].items() if key not in ('save_best', 'rule')}
    if train is None:
        del hooks['checkpoint']
        return hooks
    hooks['logger']['interval'] = train['logging_n']
    best = dict(save_best=BEST, rule='greater') if evaluates else {}
    return {**hooks, 'checkpoint': dict(checkpoint, interval=train['checkpoint'], **best)}
