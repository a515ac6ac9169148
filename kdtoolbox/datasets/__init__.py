"""Data sets of videos for mmaction2 pipelines."""

from kdtoolbox.datasets.activitynet import ActivityNetClipDataset
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.datasets.folders import FolderDataset, UnlabelledFolderDataset
from kdtoolbox.datasets.hmdb51 import HMDB51Dataset
from kdtoolbox.datasets.kinetics import KineticsDataset
from kdtoolbox.datasets.mmaction2_lists import RawframeDataset, VideoDataset
from kdtoolbox.datasets.passes import InfiniteSampler, RepeatedSampler
from kdtoolbox.datasets.ssv2 import SomethingSomethingV2Dataset
from kdtoolbox.datasets.ucf101 import UCF101Dataset

__all__ = [
    'ActivityNetClipDataset',
    'ClipDataset',
    'FolderDataset',
    'HMDB51Dataset',
    'InfiniteSampler',
    'KineticsDataset',
    'RawframeDataset',
    'RepeatedSampler',
    'SomethingSomethingV2Dataset',
    'UCF101Dataset',
    'UnlabelledFolderDataset',
    'VideoDataset',
]
