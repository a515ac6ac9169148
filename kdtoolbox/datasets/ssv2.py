"""Something-Something V2: hands that do something with something, 174 classes, many of which say where to."""

from collections.abc import Callable, Sequence
from pathlib import Path

from kdtoolbox.datasets.annotations import Annotation, Annotations, annotation_at, existing
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.inspection.pipelines import transforms_in
from kdtoolbox.plain_files import read_json
from kdtoolbox.registry import DATASETS

FILES = {'training': 'train', 'validation': 'validation', 'testing': 'test'}
PREFIXES = ('', 'something-something-v2-')  # of the files' names, newer and older downloads


def read_ssv2(folder: str | Path, subset: str) -> Annotations:
    """The published JSON files: ``labels.json``, class -> number; ``train.json``, ``validation.json``, ``test.json``.

    A video's class is its ``template`` without brackets. Test videos have none.

    Returns:
        The annotations of the subset, and the classes by their numbers.

    Raises:
        ValueError: a file is missing or of another form, or a template is no class.
    """
    classes = _classes(_file(folder, 'labels'))
    path = _file(folder, FILES[subset])
    content = read_json(path)
    if not isinstance(content, list):
        raise ValueError(f'{path}: expected a list of {{"id": …, "template": …}}, got {str(content)[:60]}')
    known = set(classes)
    annotations = [_annotation(entry, f'{path}, entry {number}', subset) for number, entry in enumerate(content, 1)]
    for number, annotation in enumerate(annotations, 1):
        if annotation.label is not None and annotation.label not in known:
            raise ValueError(f'{path}, entry {number}: {annotation.label!r} is no class of labels.json')
    return annotations, classes


def _file(folder: str | Path, name: str) -> Path:
    candidates = [Path(folder) / f'{prefix}{name}.json' for prefix in PREFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def _classes(path: Path) -> list[str]:
    content = read_json(existing(path))
    numbers = list(content.values()) if isinstance(content, dict) else []
    if not numbers or sorted(map(str, numbers)) != sorted(map(str, range(len(numbers)))):
        raise ValueError(
            f'{path}: expected {{"<class>": "<number>", …}} with the numbers from "0" on, each once, got '
            f'{str(content)[:80]}'
        )
    assert isinstance(content, dict)
    return sorted(content, key=lambda name: int(content[name]))


def _annotation(entry: object, where: str, subset: str) -> Annotation:
    needed = {'id'} if subset == 'testing' else {'id', 'template'}
    if not isinstance(entry, dict) or any(not isinstance(entry.get(key), str) for key in needed):
        raise ValueError(
            f'{where}: expected {{"id": "78687", "template": "Holding [something]"}}, got {str(entry)[:80]}'
        )
    label = None if subset == 'testing' else entry['template'].replace('[', '').replace(']', '')
    return annotation_at(where, entry['id'], label)


@DATASETS.register_module()
class SomethingSomethingV2Dataset(ClipDataset):
    """Something-Something V2 as it is downloaded: ``<id>.webm`` in one folder, and a folder of its JSON files.

    Flips are refused: of a flipped "Pushing something from left to right" the label is wrong. A ``Flip`` with
    ``flip_label_map`` for the classes with left and right is allowed.

    Args:
        **kwargs: of ClipDataset; ``ann_file`` is the folder of the JSON files, see :func:`read_ssv2`, or a JSON file as
            the preparation tools write them.

    Raises:
        ValueError: as ClipDataset, or the pipeline flips clips.
    """

    def __init__(self, *, pipeline: list[dict | Callable], **kwargs) -> None:
        refuse_flips(pipeline)
        super().__init__(pipeline=pipeline, **kwargs)

    def read_annotations(self) -> Annotations:
        if Path(self.ann_file).is_dir():
            return read_ssv2(self.ann_file, self.subset)
        return super().read_annotations()

    def candidates(self, annotation: Annotation) -> list[str]:
        return [annotation.key]


def refuse_flips(pipeline: Sequence) -> None:
    """Check that a pipeline of Something-Something does not flip clips from left to right.

    Raises:
        ValueError: it does.

    >>> refuse_flips([dict(type='Flip', flip_ratio=0)])
    """
    for transform in transforms_in(pipeline):
        kind = transform.get('type')
        name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
        operation = transform.get('op', '') if name.endswith('Wrapper') else name
        flips = str(operation).rpartition('.')[2] in ('Flip', 'Fliplr', 'HorizontalFlip', 'RandomHorizontalFlip')
        harmless = transform.get('flip_ratio', 0.5) == 0 or transform.get('direction') == 'vertical'
        if flips and not harmless and not transform.get('flip_label_map'):
            raise ValueError(
                f'{operation} turns Something-Something\'s "from left to right" into its opposite, but not the label: '
                'take it out of the pipeline'
            )
