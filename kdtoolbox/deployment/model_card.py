"""The model card of a student: README.md with the metadata that the Hugging Face hub reads."""

import html
from collections.abc import Mapping, Sequence

import yaml

# Key of a metric -> what the hub calls its kind, and the name to show.
_METRICS = {
    'acc/top1': ('accuracy', 'top-1 accuracy'),
    'acc/top5': ('accuracy', 'top-5 accuracy'),
    'acc/mean1': ('accuracy', 'mean class accuracy'),
    'knn/top1': ('accuracy', 'k-NN accuracy'),
    'retrieval/top1': ('recall_at_1', 'retrieval recall@1'),
    'retrieval/top5': ('recall_at_5', 'retrieval recall@5'),
}


def model_card(
    name: str,
    *,
    classes: Sequence[str] | None,
    learned_classes: bool,
    model: Mapping,
    preprocessing: Mapping,
    metrics: Mapping[str, float],
    protocol: Mapping[str, str],
    facts: Mapping[str, str],
) -> str:
    """The text of the card.

    Args:
        classes: the names of the student's classes, where they are known.
        learned_classes: whether its head was taught anything.
        model: config of the recognizer.
        preprocessing: as :func:`describe_preprocessing` gives it.
        metrics: key -> value.
        protocol: what the metrics were measured on.
        facts: of the training: teacher, data, versions.
    """
    front = _metadata(name, learned_classes=learned_classes, metrics=metrics, protocol=protocol)
    parts = [
        f'---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---',
        f'# {_cell(name)}',
        'A 3D video network that was taught by an image network, with [kdtoolbox](https://pypi.org/project/kdtoolbox).',
        _table('Made from', {'student': _network(model), **facts}),
        _table('What it sees', _sight(preprocessing)),
    ]
    if metrics:
        parts.append(_table('Measured', {_name_of(key): _value(key, value) for key, value in metrics.items()}))
        if protocol:
            parts.append(
                'Protocol: ' + '; '.join(f'{_cell(key)} {_cell(value)}' for key, value in protocol.items()) + '.'
            )
    else:
        parts.append('## Measured\n\nNothing: no metrics were given when it was exported.')
    parts += ['## Use', _use(learned_classes and bool(classes)), _classes(classes, learned_classes)]
    return '\n\n'.join(part.rstrip() for part in parts) + '\n'


def _metadata(
    name: str, *, learned_classes: bool, metrics: Mapping[str, float], protocol: Mapping[str, str]
) -> dict[str, object]:
    data = protocol.get('data', 'own videos')
    task = 'video-classification' if learned_classes else 'feature-extraction'
    results = [
        {
            'task': {'type': task},
            'dataset': {'name': data, 'type': ''.join(c if c.isalnum() else '-' for c in data).strip('-') or 'videos'},
            'metrics': [{'type': kind, 'name': shown, 'value': round(metrics[key], 4)}],
        }
        for key, (kind, shown) in _METRICS.items()
        if key in metrics
    ]
    front: dict[str, object] = {
        'library_name': 'kdtoolbox',
        'pipeline_tag': task,
        'license': 'unknown',
        'tags': ['video', 'knowledge-distillation', 'action-recognition', 'mmaction2'],
    }
    return {**front, 'model-index': [{'name': name, 'results': results}]} if results else front


def _table(title: str, rows: Mapping[str, str]) -> str:
    lines = [f'| {_cell(key)} | {_cell(value)} |' for key, value in rows.items()]
    return '\n'.join([f'## {title}', '', '| | |', '|---|---|', *lines])


def _cell(text: object) -> str:
    """A text as one line that is no markup, whatever it is: names of classes and files may be anybody's."""
    return html.escape(' '.join(str(text).split()), quote=False).replace('|', r'\|')


def _network(model: Mapping) -> str:
    backbone = model.get('backbone') or {}
    depth = f', depth {backbone["depth"]}' if 'depth' in backbone else ''
    stem = f', first layers of {backbone["image_model"]}' if isinstance(backbone.get('image_model'), str) else ''
    return f'{model.get("type")} with {backbone.get("type")}{depth}{stem}'


def _sight(preprocessing: Mapping) -> dict[str, str]:
    size = preprocessing['size']
    return {
        'clips of a video': f'{preprocessing["clips"]}, evenly spaced; their outputs are averaged',
        'frames of a clip': f'{preprocessing["frames"]}, every {preprocessing["frame_stride"]}',
        'pixels': f'{size[0]} x {size[1]}' if size else 'as the pipeline gives them',
        'colours': f'{preprocessing["colour"]}, mean {preprocessing["mean"]}, std {preprocessing["std"]}',
        'everything': '`preprocessing.json`',
    }


def _name_of(key: str) -> str:
    return f'{_METRICS[key][1]} (`{key}`)' if key in _METRICS else f'`{key}`'


def _value(key: str, value: float) -> str:
    is_share = key.partition('/')[0] in ('acc', 'knn', 'retrieval') and 0 <= value <= 1
    return f'{100 * value:.1f} %' if is_share else f'{value:.4g}'


def _use(names_classes: bool) -> str:
    call = "print(student.predict('video.mp4'))" if names_classes else "print(student.features('video.mp4').shape)"
    return f"""```python
from kdtoolbox import load_student

student = load_student('.')  # this folder
{call}
```

`student.pth` and `student.py` are for mmaction2: `mmaction.apis.init_recognizer('student.py', 'student.pth')`."""


def _classes(classes: Sequence[str] | None, learned_classes: bool) -> str:
    if not learned_classes:
        return '## Classes\n\nNone: it learned without labels. Its features find similar videos (`kdtoolbox search`).'
    if not classes:
        return '## Classes\n\nTheir names are not known; they are those of its teacher.'
    shown = ', '.join(_cell(name) for name in classes[:100])
    return f'## Classes\n\n{len(classes)}: {shown}{" …" if len(classes) > 100 else ""}'
