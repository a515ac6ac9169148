"""mmaction2's data sets of lists of ``path label`` lines, whose samples have a name and a role as kdtoolbox's have."""

import os
from typing import Any, Literal

from mmaction.datasets import BaseActionDataset
from mmaction.datasets import RawframeDataset as RawframesOfMMAction2
from mmaction.datasets import VideoDataset as VideosOfMMAction2

from kdtoolbox.datasets.bad_videos import with_file
from kdtoolbox.registry import DATASETS

ROLES = ('query', 'gallery')


class _NamedSamples(BaseActionDataset):
    """Adds to each sample ``sample_id``, its path as in the list (and ``:offset`` where there is one), and ``role``.

    They reach the metrics whatever the ``meta_keys`` of ``PackActionInputs`` are.
    """

    def __init__(self, *args, role: Literal['query', 'gallery'] = 'query', **kwargs) -> None:
        if role not in ROLES:
            raise ValueError(f'{type(self).__name__}: role is {role!r}, expected one of {ROLES}')
        self.role = role
        super().__init__(*args, **kwargs)

    def get_data_info(self, idx: int) -> dict:
        """As mmaction2's, with ``sample_id`` and ``role``."""
        info = super().get_data_info(idx)
        path = info.get('filename', info.get('frame_dir'))
        prefix = next(iter(self.data_prefix.values()), None)
        name = os.path.relpath(path, prefix) if prefix else path
        return {**info, 'sample_id': f'{name}:{info["offset"]}' if 'offset' in info else name, 'role': self.role}

    def prepare_data(self, idx: int) -> Any:
        """As mmaction2's; what was packed knows ``sample_id``, ``role`` and ``file``."""
        packed, info = super().prepare_data(idx), self.get_data_info(idx)
        if isinstance(packed, dict) and 'data_samples' in packed:
            packed['data_samples'].set_metainfo({'sample_id': info['sample_id'], 'role': info['role']})
        return with_file(packed, str(info.get('filename', info.get('frame_dir'))))


@DATASETS.register_module()
class VideoDataset(_NamedSamples, VideosOfMMAction2):
    """mmaction2's, with all its arguments; ``type='VideoDataset'`` is this one in kdtoolbox's scope.

    Args:
        role: what the clips are in retrieval, a 'query' or part of the 'gallery'. Where it is not given, the commands
            take a list that is trained on, beside another one in a ConcatDataset, for the gallery.
    """


@DATASETS.register_module()
class RawframeDataset(_NamedSamples, RawframesOfMMAction2):
    """As :class:`VideoDataset`, of folders of frames: mmaction2's, with all its arguments and ``role``."""
