"""The shortest experiments that are complete."""

import copy
from functools import cache

from kdtoolbox.cli.experiment import template_of
from kdtoolbox.yaml_experiments import checked_datasets, checked_experiment, translate

MEANS = {
    'activitynet': [114.7748, 107.7354, 99.4750],
    'kinetics': [110.63666788, 103.16065604, 96.29023126],
    'ucf101': [101.00131, 97.3644226, 89.42114168],
    'hmdb51': [110.63666788, 103.16065604, 96.29023126],
}
STD = [38.7568578, 37.88248729, 40.02898126]


def simple(**train) -> dict:
    """A Simple experiment; the arguments replace settings of ``train``."""
    return {
        'model': {'t_arch': 'resnet18', 's_arch': 'r3d', 'n_classes': 1000},
        'train': {
            'method': 'Simple',
            'data': {'name': 'ucf101'},
            'sim_loss': {'name': 'L2'},
            'optimizer': {'learning_rate': 0.01},
            **train,
        },
        'eval': {'data': {'name': 'hmdb51'}},
    }


def anc(**train) -> dict:
    """An ANC experiment; the arguments replace settings of ``train``."""
    return simple(**{'method': 'ANC', **train})


def put(content: dict, path: str, value) -> dict:
    """A copy with a value set, or with a key removed where the value is ``...``."""
    content = copy.deepcopy(content)
    *sections, key = path.split('.')
    target = content
    for section in sections:
        target = target.setdefault(section, {})
    if value is ...:
        del target[key]
    else:
        target[key] = value
    return content


def datasets(**changes) -> dict:
    """A data-sets file in which every data set has frames and videos."""
    entries = {
        name: {
            'root_path': f'/data/{name}',
            'jpg_video_path': 'jpg',
            'avi_video_path': 'avi',
            'annotation_path': 'annotations',
            'mean': mean,
            'std': STD,
        }
        for name, mean in MEANS.items()
    }
    return {**entries, **changes}


@cache
def template(architecture: str) -> dict:
    return template_of(architecture)


def translated(content: dict, *, places: dict | None = None, num_processes: int = 1) -> dict:
    """The config of an experiment as it stands in a file."""
    experiment = checked_experiment(content)
    return translate(
        experiment,
        checked_datasets(datasets() if places is None else places),
        template=template(experiment['model']['s_arch']),
        num_processes=num_processes,
    )
