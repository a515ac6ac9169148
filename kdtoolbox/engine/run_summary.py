"""What was resolved from the config of a run: data, networks, terms, parameters, places."""

from collections.abc import Mapping

from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import nn
from torch.utils.data import DataLoader

from kdtoolbox.criterion.term import Term
from kdtoolbox.engine.full_test import FullTestHook
from kdtoolbox.engine.protocol import is_not_the_tests, protocol_of


def summary_of_training(runner: Runner) -> list[tuple[str, str]]:
    """Name and description of each part of a run that is about to train."""
    loop = runner.train_loop
    length = f'{runner.max_epochs} epochs' if getattr(loop, '_max_epochs', 1) > 1 else f'{runner.max_iters} steps'
    rows = [('training data', f'{_data(loop.dataloader)}, {length}')]
    if runner.val_loop is not None:
        rows.append(('validation data', _data(runner.val_loop.dataloader)))
        if is_not_the_tests(runner.cfg):
            rows.append(('validation protocol', _protocol(runner)))
    return [*rows, *_networks(runner), *_places(runner)]


def summary_of_test(runner: Runner) -> list[tuple[str, str]]:
    """As :func:`summary_of_training`, of a run that is about to test."""
    return [('test data', _data(runner.test_loop.dataloader)), *_networks(runner), *_places(runner)]


def _data(loader: DataLoader) -> str:
    """Data set, its size, and how it is dealt out.

    Rows of several data sets, such as gallery and queries, are counted together.
    """
    dataset = loader.dataset
    kinds = list(dict.fromkeys(type(one).__name__ for one in getattr(dataset, 'datasets', [dataset])))
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes')
    of_classes = f', {len(classes)} classes' if classes else ''
    size = f'{len(dataset):,} videos' if hasattr(dataset, '__len__') else 'endless'
    return f'{" + ".join(kinds)}: {size}{of_classes}; {loader.batch_size} clips a step, {len(loader):,} steps'


def _protocol(runner: Runner) -> str:
    """What a validation that is not the test looks at, and how often; that its numbers are not those of the test."""
    every = runner.train_loop.val_interval
    unit = 'step' if isinstance(runner.train_loop, IterBasedTrainLoop) else 'epoch'
    often = f'every {unit}' if every == 1 else f'every {every} {unit}s'
    looked_at = protocol_of(runner.val_loop.dataloader.dataset)
    chooses = any(getattr(hook, 'save_best', None) for hook in runner.hooks)
    is_tested = any(isinstance(hook, FullTestHook) for hook in runner.hooks)
    why = 'to choose a checkpoint' if chooses else 'to look at, no checkpoint is chosen by it'
    then = (
        f', {"which" if chooses else "and the last one"} is tested by the full protocol at the end' if is_tested else ''
    )
    return f'{looked_at}; {often}; {why}{then}'


def _networks(runner: Runner) -> list[tuple[str, str]]:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    student = getattr(model, 'student', model)
    backbone = getattr(student, 'backbone', None)
    kind = type(student).__name__ + (f' ({type(backbone).__name__})' if backbone is not None else '')
    rows = [('student', f'{kind}, {_count(student)} parameters')]
    configs = (runner.cfg.get('model') or {}).get('teacher') or {}
    for name, teacher in getattr(model, 'teachers', {}).items():
        config = configs if name == '' else configs.get(name, {})
        rows.append((f'teacher {name}'.strip(), f'{_named(config)}, {_count(teacher)} parameters, frozen'))
    for name, term in getattr(getattr(model, 'criterion', None), 'terms', {}).items():
        rows.append((f'term {name}', _term(term)))
    learned = sum(one.numel() for one in model.parameters() if one.requires_grad)
    return [*rows, ('parameters', f'{learned / 1e6:.2f} M learn, of {_count(model)}')]


def _named(config: Mapping) -> str:
    """Type, network and weights of a teacher, as far as its config names them."""
    if isinstance(config.get('teacher'), Mapping):
        return f'{config["type"]} of {_named(config["teacher"])}'
    network = config.get('model')
    words = [config.get('type', 'teacher'), network.get('type') if isinstance(network, Mapping) else network]
    words.append(f'weights {config.get("weights") or "random"}')
    return ' '.join(str(word) for word in words if word)


def _term(term: Term) -> str:
    sides = [one if isinstance(one, str) else '+'.join(one or ['none']) for one in (term.student, term.teacher)]
    return f'{type(term.loss).__name__} of student {sides[0]} and teacher {sides[1]}, weight {term.weight:g}'


def _places(runner: Runner) -> list[tuple[str, str]]:
    processes = get_world_size()
    device = get_device() + (f', {processes} processes' if processes > 1 else '')
    return [
        ('device', device),
        ('seed', str(runner.seed)),
        ('results', str(runner.work_dir)),
        ('full log', str(runner.logger.log_file)),
    ]


def _count(network: nn.Module) -> str:
    return f'{sum(one.numel() for one in network.parameters()) / 1e6:.2f} M'
