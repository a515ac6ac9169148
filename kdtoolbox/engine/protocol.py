"""What an evaluation looks at, in words: clips of each video, and which part of the gallery and of the queries."""

from collections.abc import Mapping
from math import prod
from typing import Any

from mmengine.config import Config

CROPS = {'ThreeCrop': 3, 'TenCrop': 10}


def protocol_of(dataset: Any) -> str:
    """Which videos, and how many clips of each, such as ``2 clips a video; gallery: 510 of 3,570 videos``.

    Args:
        dataset: of a validation or a test, or a ConcatDataset of several.
    """
    parts = list(getattr(dataset, 'datasets', [dataset]))
    clips = list(dict.fromkeys(_clips_of(part) for part in parts))
    looked_at = [f'{" or ".join(map(str, clips))} clips a video'] if None not in clips else []
    return '; '.join([*looked_at, *(_videos_of(part) for part in parts)])


def is_not_the_tests(config: Config | Mapping) -> bool:
    """Whether a validation looks at other clips than the test of its config, or measures something else."""
    datasets = [(config.get(name) or {}).get('dataset') for name in ('val_dataloader', 'test_dataloader')]
    return datasets[0] != datasets[1] or config.get('val_evaluator') != config.get('test_evaluator')


def _clips_of(part: Any) -> int | None:
    """Clips and crops of one video, None where the pipeline does not say."""
    transforms = getattr(getattr(part, 'pipeline', None), 'transforms', ())
    clips = [one.num_clips for one in transforms if isinstance(getattr(one, 'num_clips', None), int)]
    return prod([*clips[:1], *(CROPS.get(type(one).__name__, 1) for one in transforms)]) if clips else None


def _videos_of(part: Any) -> str:
    available = getattr(part, 'num_available', len(part))
    size = f'{len(part):,} videos' if available == len(part) else f'{len(part):,} of {available:,} videos'
    role = getattr(part, 'role', None)
    return f'{role}: {size}' if role else size
