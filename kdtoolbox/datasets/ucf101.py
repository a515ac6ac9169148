"""UCF-101: 101 classes of actions in web videos, three splits; clips come in groups cut from one video."""

from pathlib import Path

from kdtoolbox.datasets.annotations import Annotations, lines_of
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.datasets.video_lists import check_list_fits, read_list, read_ordered_list
from kdtoolbox.registry import DATASETS

CLASS_INDEX = 'classInd.txt'
_LIST_OF_SUBSET = {'training': 'trainlist', 'validation': 'testlist'}


def read_ucf101(folder: str | Path, *, split: int, subset: str) -> Annotations:
    """``trainlist0<n>.txt`` or ``testlist0<n>.txt`` of ``folder``, with the classes in ``classInd.txt``.

    Raises:
        ValueError: a file is not there or not of its form, or there is no such subset.
    """
    if subset not in _LIST_OF_SUBSET:
        raise ValueError(f'UCF-101 has no subset {subset!r}: expected "training" or "validation", its test clips')
    classes = read_class_index(Path(folder, CLASS_INDEX))
    return read_ucf101_list(Path(folder, f'{_LIST_OF_SUBSET[subset]}0{split}.txt'), classes), classes


def read_ucf101_list(path: Path, classes: list[str]) -> list:
    """The videos of one list, whose class is their folder; numbers in it are checked against ``classes``.

    Raises:
        ValueError: a number, counted from 1, is not that of the folder.
    """
    annotations, numbers = read_list(path)
    for annotation, number in zip(annotations, numbers, strict=True):
        if number is not None and classes[number - 1 : number] != [annotation.label]:
            raise ValueError(
                f"{path} gives {annotation.key} the number {number}, which is not its folder's in {CLASS_INDEX}"
            )
    return annotations


def read_class_index(path: Path) -> list[str]:
    """Lines ``number name``, numbered from 1, as names in that order.

    Raises:
        ValueError: the file is not there or the lines are not numbered in order.
    """
    names: list[str] = []
    for where, line in lines_of(path):
        number, _, name = line.partition(' ')
        if number != str(len(names) + 1) or not name.strip():
            raise ValueError(f'{where}: expected lines "number name" numbered 1, 2, …, got {line[:60]!r}')
        names.append(name.strip())
    return names


@DATASETS.register_module()
class UCF101Dataset(ClipDataset):
    """UCF-101 as it is downloaded, ``<Class>/v_<Class>_g<group>_c<clip>.avi``; its test clips are 'validation'.

    Args:
        split: 1, 2 or 3; only where ``ann_file`` is a folder.
        **kwargs: of ClipDataset; ``ann_file`` is the folder of the split files, or a JSON file, or one list of the form
            of ``trainlist01.txt``. Beside a list, ``classInd.txt`` gives the classes; without it they are the
            folders in the list, and ``metainfo=dict(classes=[…])`` those of lists that do not have all.
    """

    def __init__(self, *, split: int = 1, **kwargs) -> None:
        self.split = split
        super().__init__(**kwargs)

    def read_annotations(self) -> Annotations:
        path = Path(self.ann_file)
        if path.is_dir():
            return read_ucf101(path, split=self.split, subset=self.subset)
        if path.suffix == '.txt':
            check_list_fits(path, self.subset)
            class_index = path.with_name(CLASS_INDEX)
            if not class_index.exists():
                return read_ordered_list(path, self._metainfo.get('classes')), None
            classes = read_class_index(class_index)
            return read_ucf101_list(path, classes), classes
        return super().read_annotations()
