"""What does re-encoding bring? A random clip of 16 frames, before and after ``kdtoolbox prepare reencode``.

The videos are generated: H.264 of 320 x 240 pixels, 180 frames, a key frame every 250, as download sites give them.
Opening and decoding take turns on the same clips, on one thread, in processor time.

    python benchmarks/reencode.py [--rounds 20]
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.loading import clip_ms  # noqa: E402
from benchmarks.video_readers import versions  # noqa: E402
from kdtoolbox.cli.main import main as kdtoolbox  # noqa: E402
from kdtoolbox.preparation.ffmpeg import find_ffmpeg  # noqa: E402
from kdtoolbox.video import VideoReader  # noqa: E402

RESULTS = ROOT / 'benchmarks/results/reencode.json'
NUM_VIDEOS, NUM_FRAMES = 3, 180
INTERVALS = (8, 16, 32)


def write_videos(folder: Path) -> None:
    """A test picture that moves, with noise, as cameras give it."""
    folder.mkdir()
    for number in range(NUM_VIDEOS):
        picture = f'testsrc2=size=320x240:rate=25:duration={NUM_FRAMES / 25},noise=alls=12:allf=t:all_seed={number}'
        encoder = ('-c:v', 'libx264', '-g', '250', '-keyint_min', '250', '-sc_threshold', '0', '-pix_fmt', 'yuv420p')
        command = [find_ffmpeg(), '-v', 'error', '-f', 'lavfi', '-i', picture, *encoder, str(folder / f'{number}.mp4')]
        subprocess.run(command, check=True)


def measure(folders: dict[str, Path], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of processor time for a clip, by folder; the same clips in all."""
    draw = random.Random(0)
    took: dict[str, list[float]] = {name: [] for name in folders}
    for number in range(rounds + 1):
        for video in sorted(path.name for path in next(iter(folders.values())).glob('*.mp4')):
            share = draw.random()
            for name in draw.sample(list(folders), len(folders)):
                milliseconds = clip_ms(partial(VideoReader, folders[name] / video), share)
                if number:  # the first round loads libraries and files
                    took[name].append(milliseconds)
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = {'a key frame every 250': Path(scratch, 'before')}
        write_videos(folders['a key frame every 250'])
        for interval in INTERVALS:
            folder = Path(scratch, f'every_{interval}')
            options = ['--keyframe-interval', str(interval)]
            assert kdtoolbox(['prepare', 'reencode', str(Path(scratch, 'before')), str(folder), *options]) == 0
            folders[f'every {interval}'] = folder
        took = measure(folders, args.rounds)
        sizes = {name: sum(file.stat().st_size for file in folder.glob('*.mp4')) for name, folder in folders.items()}
    before = next(iter(took))
    rows = {
        name: {
            'ms': round(statistics.mean(values), 1),
            'times faster': round(statistics.mean(took[before]) / statistics.mean(values), 2),
            'size': round(sizes[name] / sizes[before], 2),
        }
        for name, values in took.items()
    }
    print('| 320 x 240, H.264 | ms a clip of 16 frames, mean | times faster | size |\n|---|---|---|---|')
    for name, row in rows.items():
        print(f'| {name} | {row["ms"]} | {row["times faster"]} | {row["size"]} |')
    RESULTS.write_text(json.dumps({'versions': versions(), 'rounds': args.rounds, 'rows': rows}, indent=1) + '\n')


if __name__ == '__main__':
    main()
