"""Videos that cannot be decoded: how many are allowed, and their samples in a test."""

from typing import Any

from kdtoolbox.datasets.labels import UNLABELLED

UNDECODABLE = 'undecodable'
"""Role of a test video that does not decode; metrics leave it out and name it."""
MIN_TOLERATED_BAD_VIDEOS = 3
"""So many may fail whatever the share: one bad file in a set of fifty is no reason to stop."""


def as_undecodable(packed: Any, *, sample_id: str) -> Any:
    """The sample of a video that cannot be decoded: the clip of another video, without its label.

    Raises:
        ValueError: it holds no data sample to note that in.
    """
    if not isinstance(packed, dict) or 'data_samples' not in packed:
        raise ValueError(
            f'{sample_id} does not decode, and the pipeline ends without PackActionInputs, so that the '
            'test cannot leave it out: mend or remove it'
        )
    packed['data_samples'].set_gt_labels(UNLABELLED)
    packed['data_samples'].set_metainfo({'sample_id': sample_id, 'role': UNDECODABLE})
    return packed


def with_file(packed: Any, file: str) -> Any:
    """A packed sample with the metainfo ``file``, by which metrics distinguish two videos of one name."""
    if isinstance(packed, dict) and 'data_samples' in packed:
        packed['data_samples'].set_metainfo({'file': file})
    return packed
