"""``model-index.yml`` and its metafile, in OpenMMLab's form, from the configs and the measured results."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml
from mmengine.config import Config

from kdtoolbox.method_card import MethodCard
from kdtoolbox.reporting.results_table import DATA_SETS

INDEX, METAFILE = 'model-index.yml', 'configs/metafile.yml'
HEADER = '# Written by kdtoolbox results index, from the configs and docs/results/measured.json.\n'
COLLECTIONS = {
    '': 'Image to video distillation',
    'methods': 'Distillation losses',
    'regimes': 'Regimes of teachers, students and labels',
    'video_transformers': 'Video transformers',
}
TASKS = {'retrieval': 'Video Retrieval', 'finetune': 'Action Recognition'}
DATA = {
    'HMDB51Dataset': 'HMDB-51',
    'UCF101Dataset': 'UCF-101',
    'KineticsDataset': 'Kinetics-400',
    'ActivityNetClipDataset': 'ActivityNet',
    'SomethingSomethingV2Dataset': 'Something-Something V2',
    'FolderDataset': 'own videos',
}


def index_text() -> str:
    """The content of ``model-index.yml``."""
    return HEADER + yaml.safe_dump({'Import': [METAFILE]}, sort_keys=False)


def metafile_text(configs: Path, measured: Iterable[Mapping], cards: Mapping[str, MethodCard]) -> str:
    """The content of the metafile: the configs that train a student, by collection.

    Args:
        configs: the folder of the configs.
        measured: rows of ``measured.json``; those without values add nothing.
        cards: of the losses, by the name that their class is registered by, for the paper of a method.
    """
    models = [
        _model(file, config, file.relative_to(configs), list(measured), cards)
        for file in _files(configs)
        if (config := Config.fromfile(file)).get('train_cfg') and 'student' in config.model
    ]
    used = {one['In Collection'] for one in models}
    collections = [
        {'Name': name, 'README': 'docs/methods.md' if folder == 'methods' else 'docs/regimes.md'}
        for folder, name in COLLECTIONS.items()
        if name in used
    ]
    content = {'Collections': collections, 'Models': models}
    return HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _files(configs: Path) -> list[Path]:
    files = [file for folder in COLLECTIONS for file in sorted((configs / folder).glob('*.py'))]
    return [file for file in files if 'demo' not in file.stem]  # of videos that are made up


def _model(
    file: Path, config: Config, name: Path, measured: Sequence[Mapping], cards: Mapping[str, MethodCard]
) -> dict:
    student = config.model['student']
    backbone, view = student['backbone'], config.model.get('student_view') or {}
    depth = f'-{backbone["depth"]}' if 'depth' in backbone else ''
    teacher = config.model.get('teacher') or {}
    teachers = [teacher] if 'type' in teacher else list(teacher.values())
    loop = config.train_cfg
    dataset = config.train_dataloader['dataset']['type']
    length = {'Epochs': loop['max_epochs']} if 'max_epochs' in loop else {'Iterations': loop['max_iters']}
    metadata = {
        'Architecture': [f'{backbone["type"]}{depth}'],
        'Teacher': [_network(one) for one in teachers],
        'Training Data': DATA.get(dataset, dataset),
        'Batch Size': config.train_dataloader['batch_size'],
        **length,
        **({'Resolution': f'{view["size"]}x{view["size"]}'} if isinstance(view.get('size'), int) else {}),
    }
    model = {
        'Name': name.with_suffix('').as_posix().replace('/', '_'),
        'Config': f'configs/{name.as_posix()}',
        'In Collection': COLLECTIONS[name.parent.as_posix() if name.parent.name else ''],
        'Metadata': {key: value for key, value in metadata.items() if value},
    }
    if name.parent.name == 'methods' and (paper := _paper(config, cards)):
        model['Paper'] = paper
    results = [_result(row) for row in measured if row.get('values') and row.get('config') == file.stem]
    return {**model, **({'Results': results} if results else {})}


def _network(teacher: Mapping) -> str:
    """Of a teacher: the name of its network."""
    inner = teacher.get('model') or (teacher.get('recognizer') or {}).get('backbone')
    if isinstance(inner, Mapping):
        depth = f'-{inner["depth"]}' if 'depth' in inner else ''
        return f'{inner["type"]}{depth}'
    return str(inner or teacher['type'])


def _paper(config: Config, cards: Mapping[str, MethodCard]) -> dict | None:
    """The paper of a method's first loss, if it is on arXiv."""
    losses = [term['loss']['type'] for term in config.model.get('terms', {}).values()]
    words = next((cards[loss].paper for loss in losses if loss in cards), '')
    found = re.search(r'arXiv:(\d{4}\.\d{4,5})', words)
    return {'Title': words, 'URL': f'https://arxiv.org/abs/{found[1]}'} if found else None


def _result(row: Mapping) -> dict:
    metrics = {column: round(100 * value, 1) for column, value in row['values'].items()}
    return {
        'Dataset': DATA_SETS[row['data_set']],
        'Task': TASKS.get(row['protocol'], row['protocol']),
        'Metrics': metrics,
    }
