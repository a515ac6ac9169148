"""How fast are frames written, and read back?

Writing: a loop over ``ffmpeg -i VIDEO -vf scale=-1:240 image_%05d.jpg``, the same loop with one thread in each
ffmpeg, and the preparation tool with as many jobs as there are cores, on the same videos, in turns, in one run. For
each the seconds of the clock and of the processors: ffmpeg has threads of its own, so that the plain loop keeps more
than one core busy, and no tool can be faster than it by the number of cores. Before each round a plain loop of
Python, in one process and in as many as there are cores, says how many cores the machine really gives at that time,
as others may be using it.

Reading: a random 16-frame clip from the frames (``RawFrameDecode``) beside the same from the video (decord), one
thread.

    python -m benchmarks.extraction VIDEO_DIR        # VIDEO_DIR/<class>/<video>
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mmaction.datasets.transforms import DecordDecode, DecordInit, RawFrameDecode, SampleFrames

from benchmarks.video_readers import versions
from kdtoolbox.preparation.extraction import FrameOptions
from kdtoolbox.preparation.ffmpeg import Ffmpeg, find_ffmpeg
from kdtoolbox.preparation.frame_folders import count_frames
from kdtoolbox.preparation.frame_tree import Extraction
from kdtoolbox.preparation.layouts import VideoTree, class_videos
from kdtoolbox.preparation.parallel import num_cores
from kdtoolbox.preparation.report import Report
from kdtoolbox.safe_files import write_aside

RESULTS = Path(__file__).parent / 'results/extraction.json'
ONE_THREAD = ('-threads', '1', '-filter_threads', '1')


def ffmpeg_loop(tree: VideoTree, jpg_dir: Path, executable: str, *threads: str) -> None:
    for job in tree.jobs:
        folder = jpg_dir / job.target
        folder.mkdir(parents=True)
        subprocess.run(
            [executable, *threads, '-i', job.video.resolve(), '-vf', 'scale=-1:240', *threads[:2], 'image_%05d.jpg'],
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


def clock_and_processor(way: Callable[[Path], None], folder: Path) -> tuple[float, float]:
    """Seconds of the clock, and of this process and those that it started and that have ended."""

    def processor() -> float:
        times = os.times()
        return times.user + times.system + times.children_user + times.children_system

    start = processor()
    clock = seconds(lambda: way(folder))
    return clock, processor() - start


def version_of(executable: str) -> str:
    """ffmpeg's own."""
    return subprocess.run([executable, '-version'], capture_output=True, text=True, check=True).stdout.split()[2]


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
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args()
    tree, executable = class_videos(args.video_dir), find_ffmpeg()
    ways = {
        'loop over ffmpeg': lambda folder: ffmpeg_loop(tree, folder, executable),
        'loop over ffmpeg, one thread': lambda folder: ffmpeg_loop(tree, folder, executable, *ONE_THREAD),
        'kdtoolbox prepare frames': lambda folder: preparation_tool(tree, folder, executable, num_workers=args.jobs),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    given = []
    for number in range(args.rounds):
        given.append(cores_given())
        with tempfile.TemporaryDirectory() as scratch:
            for index, (name, way) in enumerate(ways.items()):
                found[name].append(clock_and_processor(way, Path(scratch, str(index))))
            print(number + 1, {name: [round(value, 2) for value in times[-1]] for name, times in found.items()})
            if number == args.rounds - 1:
                clips = read_clips(tree, Path(scratch, str(index)))
    first = found['loop over ffmpeg']
    rows = {
        name: {
            'seconds': round(statistics.median(clock for clock, _ in times), 2),
            'seconds of processors': round(statistics.median(processor for _, processor in times), 2),
            'cores busy': round(statistics.median(processor / clock for clock, processor in times), 2),
            'times faster': round(statistics.median(one / other for (one, _), (other, _) in zip(first, times)), 2),
        }
        for name, times in found.items()
    }
    size = {'videos': len(tree.jobs), 'cores': num_cores(), 'jobs': args.jobs}
    content = {
        'versions': {'ffmpeg': version_of(executable), **versions()},
        'size': size,
        'rounds': args.rounds,
        'cores given': round(statistics.median(given), 2),
        'ms of a clip': {source: round(value, 1) for source, value in clips.items()},
        'rows': rows,
    }
    for name, row in rows.items():
        print(name, row)
    print(f'cores given {content["cores given"]}; ms of a clip of 16 frames: {content["ms of a clip"]}')
    write_aside(args.out, json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
    main()
