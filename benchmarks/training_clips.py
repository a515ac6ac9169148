"""What does a training clip cost, from the file to the packed sample?

The shipped training pipeline (16 frames from anywhere, a square crop of five scales, 224², flip) beside the same one
with mmaction2's own opening and decoding, by videos and by JPEG frames of them (240 pixels high, ffmpeg's default
quality, as ``kdtoolbox prepare`` writes them). On one thread, in processor time; the ways take turns on the same clip
with the same random numbers, so that a machine whose speed drifts slows all of them. The first round, in which files
are counted and libraries loaded, is left out.

"decoder alone" is opening a file and decoding the 16 frames, by the same reader. "resize on the device" is a pipeline
that ends with the crop and ``clip_size=224`` of the distiller. "half size" is ``DecodeClip(jpeg_short_side=112)``, for
students of 112² or less without a teacher that needs more.

    python benchmarks/training_clips.py FOLDER [--videos 60] [--rounds 4]
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

for variable in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS'):
    os.environ[variable] = '1'

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402

from benchmarks.video_readers import versions, videos_of  # noqa: E402
from kdtoolbox.config_files.clip_loaders import train_pipeline  # noqa: E402
from kdtoolbox.preparation.ffmpeg import Ffmpeg, find_ffmpeg  # noqa: E402
from kdtoolbox.registry import TRANSFORMS  # noqa: E402
from kdtoolbox.safe_files import write_aside  # noqa: E402
from kdtoolbox.video.torchcodec_reader import torchcodec_imports  # noqa: E402

RESULTS = ROOT / 'benchmarks/results/training_clips.json'
STOCK, STOCK_FRAMES = "mmaction2's pipeline", "mmaction2's pipeline, JPEG frames"
OURS, ALONE = 'kdtoolbox', 'kdtoolbox, decoder alone'
ON_DEVICE = 'kdtoolbox, resize on the device'
FRAMES, HALF = (
    'kdtoolbox, JPEG frames, resize on the device',
    'kdtoolbox, JPEG frames at half size, resize on the device',
)


def pipelines() -> dict[str, list[dict]]:
    """Name -> transforms of a way."""
    ours = train_pipeline()
    opening, sampling, decoding, *rest = ours
    on_device = [transform for transform in rest if transform['type'] != 'Resize']
    stock = [dict(type='mmaction.DecordInit', num_threads=1), sampling, dict(type='mmaction.DecordDecode'), *rest]
    ways = {
        STOCK: stock,
        OURS: ours,
        ON_DEVICE: [opening, sampling, decoding, *on_device],
        ALONE: [opening, sampling, decoding],
        STOCK_FRAMES: [sampling, dict(type='mmaction.RawFrameDecode'), *rest],
        FRAMES: [opening, sampling, decoding, *on_device],
        HALF: [opening, sampling, dict(decoding, jpeg_short_side=112), *on_device],
    }
    if torchcodec_imports():
        ways['torchcodec alone, its own frame numbers'] = [dict(type='TorchCodecAlone')]
    return ways


class TorchCodecAlone:
    """Opening and 16 neighbouring frames of a random place, approximate mode: the fastest it has."""

    def __call__(self, results: dict) -> dict:
        from torchcodec.decoders import VideoDecoder

        decoder = VideoDecoder(
            results['filename'], seek_mode='approximate', num_ffmpeg_threads=1, dimension_order='NHWC'
        )
        last = len(decoder) - 1
        first = np.random.randint(max(last - 14, 1))
        decoder.get_frames_at([min(first + step, last) for step in range(16)])
        return results


def built(transforms: Sequence[dict]) -> list[Callable]:
    """What the configs describe."""
    kinds = {'TorchCodecAlone': TorchCodecAlone}
    return [
        kinds[config['type']]() if config['type'] in kinds else TRANSFORMS.build(dict(config)) for config in transforms
    ]


def sample_of(video: Path, folder: Path, counts: np.ndarray, *, is_frames: bool) -> dict:
    """What a data set gives the pipeline."""
    common = dict(label=0, sample_id=video.name, role='query', modality='RGB')
    if not is_frames:
        return dict(common, filename=str(video), start_index=0, frame_counts=counts, video_number=0)
    num_frames = len(list(folder.iterdir()))
    name = 'image_{:05}.jpg'
    return dict(common, frame_dir=str(folder), total_frames=num_frames, filename_tmpl=name, start_index=1, avg_fps=25)


def measure(videos: Sequence[Path], rounds: int, frames: Path) -> dict[str, list[float]]:
    """Milliseconds by way, one number for each video and round."""
    ways = {name: built(transforms) for name, transforms in pipelines().items()}
    counts = {video: np.zeros(1, int) for video in videos}
    took: dict[str, list[float]] = {name: [] for name in ways}
    draw = random.Random(0)
    for round_number in range(rounds + 1):
        for number, video in enumerate(videos):
            for name in draw.sample(list(ways), len(ways)):
                results = sample_of(video, frames / str(number), counts[video], is_frames='JPEG' in name)
                if name == STOCK:
                    del results['frame_counts']
                np.random.seed(1000 * round_number + number)
                start = time.process_time()
                for transform in ways[name]:
                    results = transform(results)
                if round_number:
                    took[name].append(1000 * (time.process_time() - start))
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--videos', type=int, default=60)
    parser.add_argument('--rounds', type=int, default=4)
    parser.add_argument('--out', type=Path, default=RESULTS, help='JSON of the numbers')
    args = parser.parse_args()
    init_default_scope('kdtoolbox')
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    (found,) = videos_of([args.folder]).values()
    videos = random.Random(0).sample(found, min(args.videos, len(found)))
    ffmpeg = Ffmpeg(find_ffmpeg(), time_limit_seconds=600)
    with tempfile.TemporaryDirectory() as scratch:
        for number, video in enumerate(videos):
            folder = Path(scratch, str(number))
            folder.mkdir()
            ffmpeg.run(video, ['-vf', 'scale=-1:240', 'image_%05d.jpg'], folder=folder)
        took = measure(videos, args.rounds, Path(scratch))
    stock = took[STOCK]
    rows = {
        name: {
            'mean': round(statistics.mean(values), 1),
            'median': round(statistics.median(values), 1),
            'times faster': round(statistics.mean(stock) / statistics.mean(values), 2),
        }
        for name, values in took.items()
    }
    print('| a training clip | ms, mean | ms, median | times faster |\n|---|---|---|---|')
    for name, row in rows.items():
        print(f'| {name} | {row["mean"]} | {row["median"]} | {row["times faster"]} |')
    share = rows[ALONE]['mean'] / rows[ON_DEVICE]['mean']
    print(f'{ON_DEVICE}: {share:.2f} of the speed of the decoder alone')
    found_versions = {**versions(), 'opencv': cv2.__version__, 'torch': torch.__version__}
    content = {'versions': found_versions, 'videos': len(videos), 'rounds': args.rounds, 'rows': rows}
    write_aside(args.out, json.dumps({**content, 'share of the decoder': round(share, 2)}, indent=1) + '\n')


if __name__ == '__main__':
    main()
