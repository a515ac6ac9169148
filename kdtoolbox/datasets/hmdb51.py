"""HMDB-51: 51 classes of human motion, three splits of 3570 training and 1530 test clips."""

import re
from pathlib import Path

from kdtoolbox.datasets.annotations import Annotations, annotation_at, lines_of
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.registry import DATASETS

_MARK_OF_SUBSET = {'training': '1', 'validation': '2'}


def read_hmdb51(folder: str | Path, *, split: int, subset: str) -> Annotations:
    """The ``<class>_test_split<n>.txt`` of the data set; lines ``name.avi mark``, 1 training, 2 test, 0 unused.

    The classes are the sorted names of the files.

    Raises:
        ValueError: the split has no files here, no such subset, or a line is of another form.
    """
    if subset not in _MARK_OF_SUBSET:
        raise ValueError(f'HMDB-51 has no subset {subset!r}: expected "training" or "validation", its test clips')
    files = {
        match[1]: path
        for path in Path(folder).iterdir()
        if (match := re.fullmatch(rf'(.+)_test_split{split}\.txt', path.name))
    }
    if not files:
        names = sorted(path.name for path in Path(folder).iterdir())[:5]
        raise ValueError(
            f'no <class>_test_split{split}.txt in {folder}, but {", ".join(names) or "nothing"}: set '
            "ann_file to the folder of HMDB-51's split files and split to 1, 2 or 3"
        )
    annotations = []
    for label, path in sorted(files.items()):
        for where, line in lines_of(path):
            name, _, mark = line.rpartition(' ')
            if mark not in ('0', '1', '2'):
                raise ValueError(f'{where}: expected lines "name.avi mark" with mark 0, 1 or 2, got {line[:80]!r}')
            if mark == _MARK_OF_SUBSET[subset]:
                annotations.append(annotation_at(where, f'{label}/{name.strip()}', label))
    return annotations, sorted(files)


@DATASETS.register_module()
class HMDB51Dataset(ClipDataset):
    """HMDB-51 as it is downloaded, ``<class>/<name>.avi``; its test clips are the subset 'validation'.

    Args:
        split: 1, 2 or 3; only where ``ann_file`` is a folder.
        **kwargs: of ClipDataset; ``ann_file`` is the folder of the split files, or a JSON file.
    """

    def __init__(self, *, split: int = 1, **kwargs) -> None:
        self.split = split
        super().__init__(**kwargs)

    def read_annotations(self) -> Annotations:
        if Path(self.ann_file).is_dir():
            return read_hmdb51(self.ann_file, split=self.split, subset=self.subset)
        return super().read_annotations()
