"""The sub-commands of ``kdtoolbox prepare``; each takes parsed arguments and returns the exit status."""

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path

from kdtoolbox.preparation.annotations import SPLITS, Annotations, kinetics_annotations, write_json
from kdtoolbox.preparation.chain import DATA_SETS, FRAMES_FOLDER
from kdtoolbox.preparation.check import check_tree, read_annotations
from kdtoolbox.preparation.extraction import FrameOptions
from kdtoolbox.preparation.ffmpeg import Ffmpeg, find_ffmpeg
from kdtoolbox.preparation.folder_split import folder_annotations, training_only_classes
from kdtoolbox.preparation.frame_facts import write_fps, write_frame_counts
from kdtoolbox.preparation.frame_folders import STATE_FOLDER
from kdtoolbox.preparation.frame_indexes import write_frame_indexes
from kdtoolbox.preparation.frame_tree import Extraction
from kdtoolbox.preparation.isolated import IsolatedCalls
from kdtoolbox.preparation.layouts import VideoTree, any_videos, class_videos
from kdtoolbox.preparation.readable import unreadable_videos
from kdtoolbox.preparation.reencoding import EncodingOptions, Reencoding, compare_frames
from kdtoolbox.preparation.report import FAILED, Report
from kdtoolbox.preparation.video_check import check_videos
from kdtoolbox.safe_files import check_writable
from kdtoolbox.video_files import is_video


def extract(args: argparse.Namespace) -> int:
    """Videos to frames, one layout of folders to the same."""
    video_dir, jpg_dir = args.video_dir.resolve(), args.jpg_dir.resolve()
    if jpg_dir == video_dir or video_dir in jpg_dir.parents:
        raise ValueError(f'{args.jpg_dir} is inside {args.video_dir}: the next run would read these frames as videos')
    return _extract_tree(args.layout(args.video_dir), args.jpg_dir, args)


def _extract_tree(tree: VideoTree, jpg_dir: Path, args: argparse.Namespace) -> int:
    height = args.default_height if args.height is None and args.short_side is None else args.height
    options = FrameOptions(height, args.short_side, args.quality, args.fps, as_stored=args.frames == 'as-stored')
    extraction = Extraction(tree, jpg_dir, options)
    if args.dry_run:
        print('\n'.join(extraction.plan()))
        return 0
    with _closing_report(jpg_dir, 'extraction') as report:
        extraction.run(_ffmpeg(args), report, num_workers=args.jobs, scheduler=args.scheduler)
    return report.exit_status


def reencode(args: argparse.Namespace) -> int:
    """Videos to H.264 with close key frames, in the same layout of folders."""
    video_dir, out_dir = args.video_dir.resolve(), args.out_dir.resolve()
    if out_dir == video_dir or video_dir in out_dir.parents:
        raise ValueError(
            f'{args.out_dir} is inside {args.video_dir}: what is written there would be taken for videos to encode'
        )
    options = EncodingOptions(args.short_side, args.keyframe_interval, args.quality)
    readers = IsolatedCalls(compare_frames, time_limit_seconds=args.time_limit)
    reencoding = Reencoding(any_videos(args.video_dir), args.out_dir, options, readers=readers)
    if args.dry_run:
        print('\n'.join(reencoding.plan()))
        return 0
    try:
        with _closing_report(args.out_dir, 'encoding') as report:
            reencoding.run(_ffmpeg(args), report, num_workers=args.jobs, scheduler=args.scheduler)
    finally:
        readers.stop()
    return report.exit_status


def fps(args: argparse.Namespace) -> int:
    """A file ``fps`` into each frame folder."""
    tree = any_videos(args.video_dir)
    with _closing_report(args.jpg_dir, 'fps') as report:
        write_fps(tree, args.jpg_dir, report, ffmpeg=_ffmpeg(args), num_workers=args.jobs)
    return report.exit_status


def n_frames(args: argparse.Namespace) -> int:
    """A file ``n_frames`` into each frame folder."""
    with _closing_report(args.jpg_dir, 'n_frames') as report:
        write_frame_counts(args.jpg_dir, report, num_workers=args.jobs)
    return report.exit_status


def index(args: argparse.Namespace) -> int:
    """The index of each video's frames, beside it."""
    if not args.video_dir.is_dir():
        raise ValueError(f'{args.video_dir}: there is no such folder of videos')
    folder = args.video_dir / STATE_FOLDER
    folder.mkdir(exist_ok=True)
    with _closing_report(folder, 'index') as report:
        write_frame_indexes(args.video_dir, report, num_workers=args.jobs)
    return report.exit_status


def kinetics_json(args: argparse.Namespace) -> int:
    """The three CSV files of Kinetics to one JSON."""
    csv_files = {'training': args.train_csv, 'validation': args.val_csv, 'testing': args.test_csv}
    write_json(args.out_json, kinetics_annotations(csv_files))
    print(f'wrote {args.out_json}')
    return 0


def split_json(args: argparse.Namespace) -> int:
    """The official splits of UCF-101 or HMDB-51 to a JSON each, beside them."""
    # All are read before the first is written: no mixture of old and new files where one does not read.
    splits = {split: args.read(args.annotation_dir, split) for split in SPLITS}
    for split, annotations in splits.items():
        file = args.annotation_dir / f'{args.stem}{split}.json'
        write_json(file, annotations)
        print(f'wrote {file}')
    return 0


def data_set(args: argparse.Namespace) -> int:
    """The whole chain for one data set, from the download to what to put in a config."""
    data_set = DATA_SETS[args.preparation](args.root)
    jpg_dir = args.root / FRAMES_FOLDER
    print(f'{len(data_set.videos.jobs)} of {len(data_set.annotations["database"])} annotated videos found')
    if not data_set.videos.jobs:
        raise ValueError(f'{args.root} holds none of the annotated videos, up to four folders deep: unpack them there')
    if not args.dry_run:
        data_set.write_json_files()
    statuses = [_extract_tree(data_set.videos, jpg_dir, args)]
    if args.dry_run:
        return statuses[0]
    with _closing_report(jpg_dir, 'fps') as report:
        write_fps(data_set.videos, jpg_dir, report, ffmpeg=_ffmpeg(args), num_workers=args.jobs)
    statuses += [report.exit_status, n_frames(argparse.Namespace(jpg_dir=jpg_dir, jobs=args.jobs))]
    statuses.append(_check_and_tell(jpg_dir, data_set.annotations, args))
    print(f'\nwrote {", ".join(map(str, data_set.json_files))}\nIn a config:\n\n{data_set.config(jpg_dir)}')
    return max(statuses)


def check(args: argparse.Namespace) -> int:
    """Verify a tree of frames, or a folder of videos, and say what is wrong with it."""
    if (args.jpg_dir is None) == (args.videos is None):
        raise ValueError('name a tree of frames to check, or a folder of videos with --videos, one of them')
    if args.videos is not None:
        if args.json or args.every_frame:
            raise ValueError('--json and --every-frame are for trees of frames')
        check_writable(args.report)
        args.report.parent.mkdir(parents=True, exist_ok=True)
        # Not among the videos: data sets are often read-only, and a check has no business to write there.
        with _report_to(args.report) as report:
            print(
                '\n'.join(check_videos(args.videos, report, num_workers=args.jobs, time_limit_seconds=args.time_limit))
            )
        return report.exit_status
    return _check_and_tell(args.jpg_dir, args.json and read_annotations(args.json), args)


def _check_and_tell(jpg_dir: Path, annotations: Annotations | None, args: argparse.Namespace) -> int:
    with _closing_report(jpg_dir, 'check') as report:
        remarks = check_tree(
            jpg_dir,
            report,
            annotations=annotations,
            every_frame=getattr(args, 'every_frame', False),
            num_workers=args.jobs,
        )
        wrong = [f'{subject}: {reason}' for status, subject, reason in report.lines if status == FAILED]
        print('\n'.join([*wrong[:10], *([f'… and {len(wrong) - 10} more'] if len(wrong) > 10 else []), *remarks]))
    return report.exit_status


def folder(args: argparse.Namespace) -> int:
    """A seeded, stratified split of anybody's class folders, as JSON."""
    tree = class_videos(args.root)
    if tree.refused:
        video, reason = next(iter(tree.refused.items()))
        raise ValueError(f'{video}: {reason} ({len(tree.refused)} such videos)')
    out = args.out or args.root / 'split.json'
    check_writable(out)
    unreadable = unreadable_videos([job.video for job in tree.jobs], num_workers=args.jobs) if args.open else {}
    jobs = [job for job in tree.jobs if job.video not in unreadable]
    if not jobs:
        raise ValueError(
            f'none of the {len(tree.jobs)} videos of {args.root} can be read; the first: '
            f'{unreadable[tree.jobs[0].video]}'
        )
    annotations = folder_annotations(
        [job.target for job in jobs],
        validation_share=args.validation_share,
        seed=args.seed,
        group_separator=args.group_separator,
    )
    write_json(out, annotations)
    num_validation = sum(entry['subset'] == 'validation' for entry in annotations['database'].values())
    print(
        f'wrote {out}: {len(annotations["labels"])} classes, {len(jobs) - num_validation} training, '
        f'{num_validation} validation videos'
    )
    for label in training_only_classes(annotations):
        print(f'{label} has no validation video: the class has too few videos')
    left_out = [
        f'{path}: {reason}'
        for path, reason in tree.passed_over.items()
        if path.parent != args.root or is_video(path.name)
    ]  # other files beside the class folders are not reported
    left_out = [*unreadable.values(), *left_out]
    for line in [f'{len(left_out)} left out, among them', *left_out[:10]] if left_out else ():
        print(line)
    return 0


def _ffmpeg(args: argparse.Namespace) -> Ffmpeg:
    return Ffmpeg(find_ffmpeg(args.ffmpeg), time_limit_seconds=args.time_limit)


def _closing_report(folder: Path, name: str) -> contextlib.AbstractContextManager[Report]:
    return _report_to(folder / f'{name}_report.tsv')


@contextlib.contextmanager
def _report_to(file: Path) -> Iterator[Report]:
    """A report that is written and summed up however the work ends."""
    report = Report()
    try:
        yield report
    finally:
        if report.counts:
            report.close(file)
