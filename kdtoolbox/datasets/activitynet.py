"""ActivityNet: long web videos, the actions in them annotated as segments."""

from kdtoolbox.datasets.annotations import Annotation
from kdtoolbox.datasets.clip_dataset import ClipDataset
from kdtoolbox.registry import DATASETS


@DATASETS.register_module()
class ActivityNetClipDataset(ClipDataset):
    """ActivityNet v1.3, videos ``v_<id>.mp4``: each annotated segment is a sample of its own.

    The segment's times, in seconds, end up in ``sample_id``; a frame rate turns them into frames when the video is
    opened, or is read from ``fps`` in the frame folder. Testing videos have no annotation and are whole, label -1.

    Args:
        **kwargs: of ClipDataset; ``ann_file`` is the data set's JSON file.
    """

    def candidates(self, annotation: Annotation) -> list[str]:
        return [f'v_{annotation.key}', annotation.key]
