"""Features of videos by a student, one vector each, for search and probes."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from kdtoolbox.cli.export_student import import_all
from kdtoolbox.deployment.student import Student, load_student
from kdtoolbox.deployment.video_samples import VideoPart, find_videos
from kdtoolbox.evaluation.feature_file import VideoFeatures, save_features
from kdtoolbox.safe_files import check_no_overwriting


def run(args: argparse.Namespace) -> int:
    import_all(args.imports)
    found = find_videos(args.videos)
    check_no_overwriting(args.out, [video.file for video in found])
    student = load_student(args.student, device=args.device, batch_size=args.batch_size)
    features = embed(student, found, num_workers=args.workers)
    save_features(features, args.out)
    left_out = len({part.file.resolve() for part in found}) - len(features.sample_ids)
    unread = f'; {left_out} videos could not be read' if left_out else ''
    print(f'wrote {args.out}: {len(features.sample_ids)} videos, {features.features.shape[1]} numbers each{unread}')
    return 1 if left_out else 0


def embed(student: Student, found: Sequence[VideoPart], *, num_workers: int | None = None) -> VideoFeatures:
    """Features of videos, called by their paths below the folder that all are in, which the provenance names."""
    root = common_folder([part.file for part in found])
    named = [VideoPart(part.file.resolve().relative_to(root).as_posix(), part.file, part.seconds) for part in found]
    named = list({part.name: part for part in named}.values())  # a video that was named twice counts once
    features = student.video_features(named, num_workers=num_workers)
    return VideoFeatures(
        features.features,
        features.labels,
        features.sample_ids,
        features.roles,
        features.classes,
        {**features.provenance, 'videos': str(root)},
    )


def common_folder(files: Sequence[Path]) -> Path:
    """The folder that all files are in."""
    return Path(os.path.commonpath([file.resolve().parent for file in files]))
