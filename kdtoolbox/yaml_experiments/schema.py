"""The keys of an experiment and of the data-sets file, as the original 2D to 3D code has them."""

import re
from itertools import pairwise

from kdtoolbox.yaml_experiments.value_checks import (
    REQUIRED,
    Field,
    Section,
    finite,
    list_of,
    names_of,
    number,
    one_of,
    text,
    truth,
    whole,
    whole_number,
)

NUM_CLASSES = {'activitynet': 200, 'kinetics': 400, 'ucf101': 101, 'hmdb51': 51}
OPTIMIZER_KEYS = {'SGD': {'momentum', 'dampening', 'nesterov'}, 'Adam': set(), 'RMSProp': {'momentum'}}
SCHEDULER_KEYS = {
    'ReduceLROnPlateau': {'decay_factor', 'patience', 'threshold'},
    'MultiStep': {'milestones', 'gamma'},
    'Exponential': {'gamma'},
}


def _positive(default: object = None) -> Field:
    return number(lambda value: value > 0, 'above 0', default)


def _not_negative(default: object = None) -> Field:
    return number(lambda value: value >= 0, 'of 0 or more', default)


def _share(default: object = None) -> Field:
    return number(lambda value: 0 < value <= 1, 'above 0, at most 1', default)


def _colours(*, above_zero: bool) -> Field:
    return list_of(
        finite,
        lambda values: len(values) == 3 and min(values) >= 0 and (min(values) > 0 or not above_zero),
        f'three numbers, red, green and blue, {"above 0" if above_zero else "0 or more"}',
    )


def _gpus(value: object) -> list[int]:
    devices = [whole(device) for device in (value if isinstance(value, list) else [] if value == -1 else [value])]
    if (isinstance(value, list) and not value) or len(set(devices)) != len(devices) or min(devices, default=0) < 0:
        raise ValueError
    return devices


def _seed(value: object) -> int:
    seed = whole(value)
    if not 0 <= seed < 2**32:
        raise ValueError
    return seed


def _exp_id(value: object) -> str:
    name = value if isinstance(value, str) else str(whole(value))
    if not re.fullmatch(r'[A-Za-z0-9_-][A-Za-z0-9._-]*', name):
        raise ValueError
    return name


def _even(value: object) -> int:
    number = whole(value)
    if number < 2 or number % 2:
        raise ValueError
    return number


NORMALISATION = {
    'norm_value': one_of(1, 255, default=255),
    'mean': _colours(above_zero=False),
    'std': _colours(above_zero=True),
}
OPTIMIZER = Section(
    {
        'name': one_of(*OPTIMIZER_KEYS, default='SGD'),
        'learning_rate': _positive(REQUIRED),
        'momentum': number(lambda value: 0 <= value < 1, 'from 0 to below 1', 0),
        'dampening': number(lambda value: 0 <= value <= 1, 'from 0 to 1', 0),
        'weight_decay': _not_negative(0),
        'nesterov': truth(False),
    },
    optional=True,
)
SCHEDULER = Section(
    {
        'name': one_of(*SCHEDULER_KEYS, default=REQUIRED),
        'decay_factor': number(lambda value: 0 < value < 1, 'above 0, below 1', 0.1),
        'patience': whole_number(0, 10),
        'threshold': _not_negative(1e-4),
        'milestones': list_of(
            whole,
            lambda epochs: bool(epochs) and epochs[0] > 0 and all(a < b for a, b in pairwise(epochs)),
            'a list of rising numbers of epochs, such as [10, 20]',
        ),
        'gamma': _share(0.1),
    },
    optional=True,
)
EXPERIMENT = Section(
    {
        'model': Section(
            {
                't_arch': one_of('resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'),
                's_arch': one_of('c3d', 'r3d', 'r21d', default=REQUIRED),
                'd_arch': one_of('anc_discriminator'),
                'n_classes': whole_number(2),
                't_pretrain_path': text(),
                's_pretrain_path': text(),
            }
        ),
        'run': Section(
            {
                'exp_path': text('exps'),
                'exp_id': Field('a name of letters, digits, "_", "-" and ".", not beginning with "."', _exp_id),
                'gpus': Field('-1 for the CPU, the number of a GPU, or a list of them, each once', _gpus, [0]),
                'manual_seed': Field('a whole number from 0 to 4294967295', _seed, 1),
            }
        ),
        'train': Section(
            {
                'method': one_of('ANC', 'Simple', default=REQUIRED),
                'n_threads': whole_number(0, 4),
                'batch_size': whole_number(1, 32),
                'n_epochs': whole_number(1, 200),
                'checkpoint': whole_number(1, 1),
                'temporal_pooling': one_of('AVG', default='AVG'),
                'data': Section(
                    {
                        'name': one_of(*NUM_CLASSES, default=REQUIRED),
                        'sample_size': Field('an even number of pixels, 2 or more: the student gets half', _even, 224),
                        'sample_duration': whole_number(1, 16),
                        **NORMALISATION,
                        'initial_scale': _share(1.0),
                        'n_scales': whole_number(1, 5),
                        'scale_step': _share(0.84089641525),
                        'train_crop': one_of('random', 'corner', 'center', default='corner'),
                    }
                ),
                'sim_loss': Section(
                    {
                        'name': one_of('L1', 'L2', 'CE', 'KL_DIV', default=REQUIRED),
                        'weight': _not_negative(1),
                        'temperature': _positive(1),
                    }
                ),
                'adv_loss': Section({'name': one_of('BCE', default='BCE'), 'weight': _positive(1)}, optional=True),
                'd_reg': Section(
                    {'name': names_of('L1', 'L2', 'FakeAsReal', default=REQUIRED), 'weight': _not_negative(1)},
                    optional=True,
                ),
                'optimizer': OPTIMIZER,
                's_optimizer': OPTIMIZER,
                'd_optimizer': OPTIMIZER,
                'scheduler': SCHEDULER,
                's_scheduler': SCHEDULER,
                'd_scheduler': SCHEDULER,
                'resume_path': text(),
                'logging_n': whole_number(1, 50),
            },
            optional=True,
        ),
        'eval': Section(
            {
                'method': one_of('Retrieval', default='Retrieval'),
                'n_threads': whole_number(0, 4),
                'batch_size': whole_number(1, 32),
                'epoch_n': whole_number(1, 1),
                'data': Section({'name': one_of('ucf101', 'hmdb51', default=REQUIRED), **NORMALISATION}),
            },
            optional=True,
        ),
    }
)
DATASETS = Section(
    {
        name: Section(
            {
                'root_path': text(''),
                'jpg_video_path': text(),
                'avi_video_path': text(),
                'annotation_path': text(),
                'mean': _colours(above_zero=False),
                'std': _colours(above_zero=True),
            },
            optional=True,
        )
        for name in NUM_CLASSES
    }
)
