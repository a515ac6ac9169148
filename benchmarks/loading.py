"""What does a random clip cost, by each reader?

Opening a file and decoding 16 neighbouring frames at a random place, on one thread, in processor time; for every file
the readers take turns on the same clip, so that a machine whose speed drifts slows all of them. ``later epochs`` is
ours where the data set has counted the frames of files that do not tell (AVI), ``index kept`` after ``kdtoolbox prepare
index``. Whether the frames are the right ones is for right_frames.py to say.

    python benchmarks/loading.py FOLDER [FOLDER ...] [--rounds 8]
"""

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

for variable in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ[variable] = '1'

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.video_readers import OURS, READERS, available_readers, versions, videos_of  # noqa: E402
from kdtoolbox.video import VideoReader  # noqa: E402
from kdtoolbox.video.frame_index import save_index  # noqa: E402
from kdtoolbox.video.indexing import verified_index  # noqa: E402

CLIP_LEN = 16
COUNTED, INDEX_KEPT = 'kdtoolbox, later epochs', 'kdtoolbox, index kept'
RESULTS = ROOT / 'benchmarks/results/loading.json'


def clip_ms(open_video: Callable[[], object], share: float) -> float:
    """Milliseconds of processor time for the clip at a share of the video's length."""
    start = time.process_time()
    reader = open_video()
    first = int(share * max(len(reader) - CLIP_LEN + 1, 1))
    reader.frames([min(first + step, len(reader) - 1) for step in range(CLIP_LEN)])
    return 1000 * (time.process_time() - start)


def measure(videos: list[Path], rounds: int) -> dict[str, list[float]]:
    """Milliseconds by reader, one number for each video and round."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as scratch:
        indexed = {video: Path(scratch, f'{number}{video.suffix}') for number, video in enumerate(videos)}
        for video, copy in indexed.items():
            shutil.copyfile(video, copy)
            save_index(verified_index(str(copy))[0], copy)
        counts = {video: len(VideoReader(video)) for video in videos}
        ways: dict[str, Callable[[Path], object]] = {
            OURS: VideoReader,
            COUNTED: lambda video: VideoReader(video, known_num_frames=counts[video]),
            INDEX_KEPT: lambda video: VideoReader(indexed[video]),
        }
        ways |= {name: partial(_open, name) for name in available_readers() if name != OURS}
        took: dict[str, list[float]] = {row: [] for row in ways}
        for video in videos:  # the first use of a library loads it
            for way in ways.values():
                clip_ms(partial(way, video), 0)
        for _ in range(rounds):
            for video in videos:
                share = draw.random()
                for row in draw.sample(list(ways), len(ways)):
                    took[row].append(clip_ms(partial(ways[row], video), share))
    return took


def _open(name: str, video: Path) -> object:
    return READERS[name](str(video))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folders', type=Path, nargs='+')
    parser.add_argument('--rounds', type=int, default=8)
    args = parser.parse_args()
    results = {'versions': versions(), 'rounds': args.rounds, 'folders': {}}
    for name, videos in videos_of(args.folders).items():
        took = measure(videos, args.rounds)
        reference = statistics.mean(took['decord'])
        results['folders'][name] = {
            'videos': len(videos),
            'ms': {
                row: {
                    'mean': round(statistics.mean(values), 1),
                    'median': round(statistics.median(values), 1),
                    'mean / decord': round(statistics.mean(values) / reference, 2),
                }
                for row, values in took.items()
            },
        }
    print('| ms a clip of 16 frames, mean (ratio to decord) |', ' | '.join(results['folders']), '|')
    print('|---|' + '---|' * len(results['folders']))
    for row in next(iter(results['folders'].values()))['ms']:
        cells = [
            f'{folder["ms"][row]["mean"]} ({folder["ms"][row]["mean / decord"]})'
            for folder in results['folders'].values()
        ]
        print(f'| {row} | {" | ".join(cells)} |')
    RESULTS.write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
