"""How fast are frames written, and read back?

Writing: a serial loop over ``ffmpeg -i VIDEO -vf scale=-1:240 image_%05d.jpg`` against the preparation tool, on
the same videos, in turns, in one run. Before each round a plain loop, in one process and in as many as there are
cores, says how many cores the machine really gives at that time, as others may be using it. Reading: a random
16-frame clip from the frames (``RawFrameDecode``) beside the same from the video (decord), one thread.

    python benchmarks/extraction.py VIDEO_DIR        # VIDEO_DIR/<class>/<video>
"""

import argparse
import importlib.metadata
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mmaction.datasets.transforms import DecordDecode, DecordInit, RawFrameDecode, SampleFrames

from kdtoolbox.preparation.extraction import FrameOptions
from kdtoolbox.preparation.ffmpeg import Ffmpeg, find_ffmpeg
from kdtoolbox.preparation.frame_folders import count_frames
from kdtoolbox.preparation.frame_tree import Extraction
from kdtoolbox.preparation.layouts import VideoTree, class_videos
from kdtoolbox.preparation.parallel import num_cores
from kdtoolbox.preparation.report import Report

GOAL = 0.95  # of the number of cores


def serial_loop(tree: VideoTree, jpg_dir: Path, executable: str) -> None:
    for job in tree.jobs:
        folder = jpg_dir / job.target
        folder.mkdir(parents=True)
        subprocess.run(
            [executable, '-i', job.video.resolve(), '-vf', 'scale=-1:240', 'image_%05d.jpg'],
            cwd=folder,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def preparation_tool(tree: VideoTree, jpg_dir: Path, executable: str, *, num_workers: int) -> None:
    report = Report()
    Extraction(tree, jpg_dir, FrameOptions(height=240)).run(
        Ffmpeg(executable, time_limit_seconds=600), report, num_workers=num_workers
    )
    if report.exit_status:
        raise ValueError(f'{report.summary()}: {report.lines[0]}')


def cores_given() -> float:
    """How many times the work of one process all cores do together just now; the number of cores on an idle machine."""
    command = [sys.executable, '-c', 'total = 0\nfor number in range(10_000_000): total += number']

    def run(num_processes: int) -> None:
        for process in [subprocess.Popen(command) for _ in range(num_processes)]:
            process.wait()

    return num_cores() * seconds(lambda: run(1)) / seconds(lambda: run(num_cores()))


def seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def read_clips(tree: VideoTree, jpg_dir: Path) -> dict[str, float]:
    """Median milliseconds for a clip of 16 frames, by source."""
    sample, from_frames = SampleFrames(clip_len=16), RawFrameDecode()
    opening, from_video = DecordInit(), DecordDecode()
    times = {'frames': [], 'video': []}
    for job in random.Random(0).sample(tree.jobs, min(len(tree.jobs), 60)):
        folder = jpg_dir / job.target
        frames = dict(
            frame_dir=str(folder),
            total_frames=count_frames(folder),
            filename_tmpl='image_{:05}.jpg',
            modality='RGB',
            start_index=1,
        )
        video = dict(filename=str(job.video), modality='RGB', start_index=0)
        times['frames'].append(seconds(lambda: from_frames(sample(frames))))  # noqa: B023, called at once
        times['video'].append(seconds(lambda: from_video(sample(opening(video)))))  # noqa: B023
    return {source: 1000 * statistics.median(values) for source, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('video_dir', type=Path)
    parser.add_argument('--jobs', type=int, default=num_cores())
    parser.add_argument('--rounds', type=int, default=3)
    args = parser.parse_args()
    tree, executable = class_videos(args.video_dir), find_ffmpeg()
    version = subprocess.run([executable, '-version'], capture_output=True, text=True, check=True).stdout.split()[2]
    print(
        f'{len(tree.jobs)} videos, {num_cores()} cores, {args.jobs} jobs; ffmpeg {version}, Python '
        f'{platform.python_version()}, decord {importlib.metadata.version("decord")}'
    )
    ratios, given = [], []
    for number in range(args.rounds):
        given.append(cores_given())
        with tempfile.TemporaryDirectory() as folder:
            serial = seconds(lambda: serial_loop(tree, Path(folder, 'serial'), executable))
            ours = seconds(
                lambda: preparation_tool(
                    tree,
                    Path(folder, 'ours'),
                    executable,
                    num_workers=args.jobs,
                )
            )
            ratios.append(serial / ours)
            print(
                f'round {number + 1}: serial loop {serial:.2f} s, tool {ours:.2f} s, ratio {ratios[-1]:.2f}, '
                f'cores given {given[-1]:.2f}'
            )
            if number == args.rounds - 1:
                clips = read_clips(tree, Path(folder, 'ours'))
    ratio = statistics.median(ratios)
    print(
        f'median ratio {ratio:.2f}: {ratio / num_cores():.2f} x cores (goal {GOAL}), '
        f'{ratio / statistics.median(given):.2f} x the cores given'
    )
    print(f'a clip of 16 frames: {clips["frames"]:.1f} ms from frames, {clips["video"]:.1f} ms from the video (decord)')


if __name__ == '__main__':
    main()
