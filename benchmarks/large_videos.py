"""How much memory and time does a test sample of a large video take? 10 clips of 16 frames, as the configs test.

    python benchmarks/large_videos.py [VIDEO ...]

Without videos, one of 1080p and one of 4K are made. The memory is the peak above that of the process before; time
is processor time of one thread, beside that of decoding the same frames alone.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

SIZES = {'1080p': (1920, 1080), '4K': (3840, 2160)}
NUM_FRAMES = 180


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('videos', nargs='*', type=Path)
    parser.add_argument('--measure', action='store_true', help=argparse.SUPPRESS)  # in a process of its own
    args = parser.parse_args()
    if args.measure:
        measure(args.videos[0])
        return
    with tempfile.TemporaryDirectory() as folder:
        for video in args.videos or [made(Path(folder) / f'{name}.mp4', *size) for name, size in SIZES.items()]:
            subprocess.run([sys.executable, __file__, '--measure', str(video)], check=True)


def made(file: Path, width: int, height: int) -> Path:
    """A picture of squares that moves to the right, in H.264 with a key frame a second."""
    squares = np.random.default_rng(0).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    picture = squares.repeat(8, 0).repeat(8, 1)
    with av.open(str(file), 'w') as video:
        stream = video.add_stream('libx264', rate=25, options={'preset': 'veryfast', 'g': '25'})
        stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
        for number in range(NUM_FRAMES):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(picture, 4 * number, 1), 'rgb24')))
        video.mux(stream.encode())
    return file


def measure(video: Path) -> None:
    """Print the memory and the time of one sample."""
    from mmengine.dataset import Compose
    from mmengine.registry import init_default_scope

    from kdtoolbox.config_files.clip_loaders import evenly_spaced
    from kdtoolbox.datasets.transforms.sampling import evenly_spaced_clips
    from kdtoolbox.registry import TRANSFORMS
    from kdtoolbox.video import VideoReader
    from kdtoolbox.video.decoding import decode_by_time

    init_default_scope('kdtoolbox')
    pipeline = Compose([TRANSFORMS.build(dict(transform)) for transform in evenly_spaced(num_clips=10)])

    def sample(file: Path) -> None:
        pipeline(dict(filename=str(file), label=0, modality='RGB', sample_id='x', role='', start_index=0))

    with tempfile.TemporaryDirectory() as folder:
        sample(made(Path(folder) / 'small.mp4', 64, 48))  # so that everything is loaded
    Path('/proc/self/clear_refs').write_text('5')  # the peak starts from here
    idle, start = kilobytes('VmRSS'), time.process_time()
    sample(video)
    seconds, peak = time.process_time() - start, kilobytes('VmHWM') - idle
    start = time.process_time()
    reader = VideoReader(video)
    wanted = np.unique(evenly_spaced_clips(len(reader), clip_len=16, num_clips=10)).tolist()
    num_frames = sum(1 for _ in decode_by_time(reader._video, reader.index, wanted))
    alone = time.process_time() - start
    print(
        f'{video.name}: {peak / 1024:.0f} MB above the idle process; {seconds:.2f} s, {seconds / alone:.2f} times '
        f'decoding its {num_frames} frames alone ({alone:.2f} s)'
    )


def kilobytes(name: str) -> int:
    return int(re.search(rf'{name}:\s+(\d+)', Path('/proc/self/status').read_text())[1])


if __name__ == '__main__':
    main()
