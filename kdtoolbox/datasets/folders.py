"""Anybody's own videos: one folder for each class, or no classes at all."""

from pathlib import Path

from kdtoolbox.datasets.annotations import Annotation, Annotations, read_list
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.registry import DATASETS


@DATASETS.register_module()
class FolderDataset(ClipDataset):
    """Videos in class folders, ``<class>/<video>`` or deeper.

    Args:
        ann_file: none uses all videos, whatever ``subset`` says; a JSON file or a list of ``<class>/<video>`` lines
            says which.
        **kwargs: of ClipDataset.
    """

    def __init__(self, *, ann_file: str = '', **kwargs) -> None:
        super().__init__(ann_file=ann_file, **kwargs)

    def read_annotations(self) -> Annotations:
        if Path(self.ann_file).suffix == '.txt':
            return read_list(self.ann_file)[0], None
        if self.ann_file:
            return super().read_annotations()
        paths = self.finder.scan()
        outside = [path for path in paths if '/' not in path]
        if outside:
            raise ValueError(f'{self._source} has videos outside of class folders, {", ".join(outside[:3])}: move '
                             'them into one, or use UnlabelledFolderDataset')
        return [Annotation(path, path.split('/')[0]) for path in paths], None


@DATASETS.register_module()
class UnlabelledFolderDataset(ClipDataset):
    """All videos below ``data_root``, however deep, without labels.

    Args:
        **kwargs: of ClipDataset; to concatenate it with a labelled data set, give both the same
            ``metainfo=dict(classes=[…])``.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(ann_file='', **kwargs)

    def read_annotations(self) -> Annotations:
        return [Annotation(path) for path in self.finder.scan()], None
