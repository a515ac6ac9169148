"""What was trained from what."""

from collections.abc import Iterator, Mapping

from kdtoolbox.reporting.pages.blocks import Block, Facts, Section, Table, Text, missing
from kdtoolbox.reporting.sections.context import Context

MAX_LETTERS = 300


def summary(context: Context) -> Section:
    """Teacher, student, terms, data, schedule, versions, commit and command."""
    run = context.run
    blocks: list[Block] = []
    if run.config:
        blocks.append(Facts([(name, _short(value)) for name, value in _facts(run.config)]))
        terms = _terms(run.config.get('model') or {})
        if terms:
            header = ('term', 'loss', 'student’s', 'teacher’s', 'weight')
            blocks.append(Table(header, terms, 'What the student is compared with the teacher by.', num_text=4))
    else:
        blocks += missing('Not known: the work directory holds no config that can be read as data.')
    if run.commands:
        last = run.commands[-1]
        noted = last.get('versions')
        versions = noted if isinstance(noted, dict) else {}
        origin = [('command', str(last['command'])), ('started', str(last.get('started') or 'not known'))]
        origin += [('commit', str(last.get('commit') or 'not of a git checkout'))]
        origin += [('versions', ', '.join(f'{name} {version}' for name, version in versions.items()))]
        if len(run.commands) > 1:
            origin.append(('runs', f'{len(run.commands)}, of which the last is shown'))
        blocks.append(Facts([(name, _short(value)) for name, value in origin]))
    else:
        blocks += missing(
            'Command, commit and versions are not known: `kdtoolbox train` notes them in the work directory.'
        )
    blocks += [Text(problem, 'missing') for problem in run.problems]
    return Section(context.named('what'), 'What was trained from what', blocks)


def _facts(config: Mapping) -> Iterator[tuple[str, str]]:
    model = config['model']
    student = model.get('student') or model
    yield 'student', _network(student)
    if view := model.get('student_view'):
        yield 'student sees', _view(view)
    for name, teacher in _teachers(model).items():
        yield f'teacher {name}'.strip(), _teacher(teacher)
    yield 'labels', 'used' if model.get('use_labels', True) else 'not used'
    if train := config.get('train_dataloader'):
        yield 'training data', _data(train)
    if test := config.get('test_dataloader') or config.get('val_dataloader'):
        yield 'test data', _data(test)
    cycle = config.get('train_cfg') or {}
    for key, unit in (('max_epochs', 'epoch'), ('max_iters', 'step')):
        if cycle.get(key):
            batch = (config.get('train_dataloader') or {}).get('batch_size')
            length = f'{cycle[key]} {unit}' + 's' * (cycle[key] > 1)
            yield 'length', length + (f' of batches of {batch}' if batch else '')
    optimizer = (config.get('optim_wrapper') or {}).get('optimizer') or {}
    if optimizer:
        yield (
            'optimizer',
            ', '.join(
                [str(optimizer.get('type')), *(f'{key} {value}' for key, value in optimizer.items() if key != 'type')]
            ),
        )
    yield 'seed', str((config.get('randomness') or {}).get('seed', 'none'))
    if config.get('load_from'):
        yield 'started from', str(config['load_from'])


def _teachers(model: Mapping) -> dict[str, Mapping]:
    teacher = model.get('teacher') or {}
    return {'': teacher} if 'type' in teacher else {name: one for name, one in teacher.items() if isinstance(one, dict)}


def _network(config: Mapping) -> str:
    backbone = config.get('backbone') or {}
    words = [config.get('type', 'network'), *(['of', backbone['type']] if backbone.get('type') else [])]
    words += [f'{key} {backbone[key]}' for key in ('depth', 'base_channels', 'num_stages') if key in backbone]
    classes = (config.get('cls_head') or {}).get('num_classes')
    return ' '.join(str(word) for word in words) + (f', {classes} classes' if classes else '')


def _teacher(config: Mapping) -> str:
    network = config.get('model')
    network = _network(network) if isinstance(network, Mapping) else network
    words = [f'{config.get("type")}: {network}', f'weights {config.get("weights") or "random"}']
    words += [f'probe {config["probe"]}'] if config.get('probe') else []
    words += [_view(config['view'])] if config.get('view') else []
    return ', '.join(words)


def _view(view: Mapping) -> str:
    words = [f'{view["size"]} pixels'] if 'size' in view else []
    stride = view.get('frame_stride', 1)
    words += [f'every {stride}th frame'] if stride > 3 else ['every other frame'] if stride == 2 else []
    words += ['every third frame'] if stride == 3 else []
    words += [view['modality']] if view.get('modality', 'rgb') != 'rgb' else []
    return ', '.join(words)


def _data(loader: Mapping) -> str:
    """Data sets by type, folder, subset and role."""
    found, pending = [], [loader.get('dataset')]
    while pending:
        one = pending.pop(0)
        if not isinstance(one, Mapping):
            continue
        inner = [*one.get('datasets', ()), *([one['dataset']] if 'dataset' in one else [])]
        pending += inner
        if not inner:
            chosen = ('data_root', 'ann_file', 'subset', 'role', 'labels_per_class', 'unlabelled')
            words = [f'{key} {one[key]}' for key in chosen if one.get(key)]
            found.append(', '.join([str(one.get('type')), *words]))
    return '; '.join(found)


def _terms(model: Mapping) -> list[list[str]]:
    rows = []
    for name, term in (model.get('terms') or {}).items():
        loss = term.get('loss') or {}
        options = ', '.join(f'{key} {value}' for key, value in loss.items() if key != 'type')
        schedule = f', by schedule {term["weight_schedule"]}' if term.get('weight_schedule') else ''
        rows.append(
            [
                name,
                f'{loss.get("type")}' + (f' ({options})' if options else ''),
                str(term.get('student', 'logits')),
                str(term.get('teacher', 'logits')),
                f'{term.get("weight", 1.0):g}{schedule}',
            ]
        )
    return rows


def _short(value: str) -> str:
    return value if len(value) <= MAX_LETTERS else f'{value[: MAX_LETTERS - 1]}…'
