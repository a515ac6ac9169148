"""A check of segments against the lengths of their videos, as far as the headers of the files tell them."""

from collections.abc import Iterator, Mapping

from torch.utils.data import Dataset

from kdtoolbox.inspection.data_sets import info_of, parts_of, size_of
from kdtoolbox.inspection.findings import Finding
from kdtoolbox.video.container import seconds_in_header
from kdtoolbox.video.errors import DecodeError

MAX_OPENED = 100
"""Files of a data set whose header is read, spread over it: some milliseconds each."""


def segments_behind_the_end(dataset: Dataset) -> Iterator[Finding]:
    """Segments that start after the end of their video, which annotations without its length do not show."""
    for part in parts_of(dataset):
        step = max(1, -(-size_of(part) // MAX_OPENED))
        looked_at, behind = 0, []
        for index in range(0, size_of(part), step):
            info = info_of(part, index)
            seconds = _length(info) if 'segment_seconds' in info else None
            if seconds is None:
                continue
            looked_at += 1
            start, end = info['segment_seconds']
            if start >= seconds:
                file = info.get('frame_dir') or info['filename']
                behind.append(f'{file}, {start:g} s to {end:g} s of a video of {seconds:.2f} s')
        if behind:
            yield Finding(
                f'{len(behind)} of {looked_at} segments that were looked at start after the end of their video, such '
                f'as {behind[0]}: they show nothing, so other videos take their place in training, and a test leaves '
                f'them out. Correct {getattr(part, "ann_file", "") or "the annotations"}: seconds, not frames, from '
                'the start of this very file'
            )


def _length(info: Mapping) -> float | None:
    """Of the video, in seconds; None where that is not known without decoding."""
    if 'frame_dir' in info:
        frames, rate = info.get('total_frames'), info.get('avg_fps')
        return frames / rate if frames and rate else None
    try:
        return seconds_in_header(info['filename'])
    except DecodeError:  # the training says so, and takes another
        return None
