"""Your own videos: one folder for each class, or no classes."""

import logging
from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import print_log

from kdtoolbox.datasets.annotations import Annotation, Annotations
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.datasets.video_lists import check_list_fits, read_ordered_list
from kdtoolbox.registry import DATASETS
from kdtoolbox.video_files import is_hidden


@DATASETS.register_module()
class FolderDataset(ClipDataset):
    """Videos in class folders, ``<class>/<video>`` or deeper.

    Args:
        ann_file: the videos of the subset: a JSON file or a list of ``<class>/<video>`` lines. Without it all videos
            are used for every ``subset``. Numbers after the names in a list must follow the order of the classes.
        **kwargs: of ClipDataset.
    """

    def __init__(self, *, ann_file: str = '', **kwargs) -> None:
        super().__init__(ann_file=ann_file, **kwargs)

    def read_annotations(self) -> Annotations:
        if Path(self.ann_file).suffix == '.txt':
            check_list_fits(Path(self.ann_file), self.subset)
            return read_ordered_list(self.ann_file, self._metainfo.get('classes')), None
        if self.ann_file:
            return super().read_annotations()
        paths = self.finder.scan()
        outside = [path for path in paths if '/' not in path]
        if outside:
            raise ValueError(
                f'{self._source} has videos outside of class folders, {", ".join(outside[:3])}: move '
                'them into one, or use UnlabelledFolderDataset'
            )
        self._report_empty_folders(paths)
        return [Annotation(path, path.split('/')[0]) for path in paths], None

    def _report_empty_folders(self, paths: Sequence[str]) -> None:
        """Warn of folders that are no classes: those without a video, and second links to a class folder."""
        folders = {
            folder.name
            for root in self.roots
            if root.is_dir()
            for folder in root.iterdir()
            if folder.is_dir() and not is_hidden(folder.name)
        }
        empty = sorted(folders - {path.split('/')[0] for path in paths})
        if empty and paths:
            print_log(
                f'{self._source}: {len(empty)} folders hold no video of their own and are no classes: '
                f'{", ".join(empty[:5])}',
                'current',
                logging.WARNING,
            )


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
