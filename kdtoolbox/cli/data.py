"""Write a page on the data of a config: classes, lengths, sizes, codecs, missing and broken videos, overlap.

It answers whether the data are what one thinks they are. Nothing is trained, and no network is built.
"""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.utils.data import Dataset

from kdtoolbox.config_files.overriding import load_config, seed_datasets
from kdtoolbox.config_files.roles import tell_roles
from kdtoolbox.inspection.data_sets import (
    Video,
    missing_classes,
    one_root_for_two_subsets,
    parts_of,
    shared_videos,
    videos_of,
)
from kdtoolbox.preparation.video_facts import facts_of_videos
from kdtoolbox.registry import DATASETS
from kdtoolbox.reporting.data_page import DataPart, write_data_page
from kdtoolbox.reporting.pages.sprites import spread

TRAINING, GALLERY, TESTED = 'training', 'gallery', 'test'


def run(args: argparse.Namespace) -> int:
    config = load_config(args)
    init_default_scope(config.get('default_scope', 'kdtoolbox'))
    seed_datasets(config)
    tell_roles(config)
    datasets = list(_datasets(config))
    videos = _videos(datasets)
    classes = next((list(one.metainfo.get('classes') or ()) for _, one in datasets if hasattr(one, 'metainfo')), [])
    parts = [_part(name, found, datasets, num_opened=args.videos) for name, found in videos.items() if found]
    overlap = (TESTED, TRAINING) if videos[TESTED] and videos[TRAINING] else None
    out = write_data_page(
        parts,
        args.out,
        title=f'Data of {args.config}',
        classes=classes,
        findings=_findings(config, datasets, videos, classes),
        overlap=overlap,
    )
    print(f'wrote {out} ({out.stat().st_size / 2**20:.1f} MiB): open it in a browser')
    return 0


def _datasets(config: Config) -> Iterator[tuple[str, Dataset]]:
    """The data sets of training and of validation or else test."""
    tested = 'val_dataloader' if config.get('val_dataloader') else 'test_dataloader'
    for name, key in ((TRAINING, 'train_dataloader'), (TESTED, tested)):
        if config.get(key):
            yield name, DATASETS.build(config[key].dataset.to_dict())


def _videos(datasets: Sequence[tuple[str, Dataset]]) -> dict[str, list[Video]]:
    found: dict[str, list[Video]] = {TRAINING: [], GALLERY: [], TESTED: []}
    for name, dataset in datasets:
        for video in videos_of(dataset):
            found[GALLERY if name == TESTED and not video.is_query else name].append(video)
    if {video.file for video in found[GALLERY]} == {video.file for video in found[TRAINING]}:
        found[GALLERY] = []  # as usual: the training videos are searched
    return found


def _part(name: str, videos: Sequence[Video], datasets: Sequence[tuple[str, Dataset]], *, num_opened: int) -> DataPart:
    files = list(dict.fromkeys(video.file for video in videos))
    facts = facts_of_videos([files[place] for place in spread(len(files), num_opened)])
    wanted = [one for part, dataset in datasets if part == name for one in parts_of(dataset)]
    missing = [
        video
        for one in wanted
        if getattr(one, 'role', 'query') != 'gallery' or name != TESTED
        for video in getattr(one, 'missing', ())
    ]
    return DataPart(name, np.array([video.label for video in videos], np.int64), facts, missing)


def _findings(
    config: Config, datasets: Sequence[tuple[str, Dataset]], videos: dict[str, list[Video]], classes: Sequence[str]
) -> list[str]:
    """What the checks before a training say of the data."""
    tested = [*videos[GALLERY], *videos[TESTED]]
    uses_labels = bool(config.model.get('use_labels', True))
    found = [
        *one_root_for_two_subsets([dataset for _, dataset in datasets]),
        *shared_videos(videos[TRAINING], tested),
        *missing_classes(classes, videos[TRAINING], tested, uses_labels=uses_labels),
    ]
    return [finding.text for finding in found]
