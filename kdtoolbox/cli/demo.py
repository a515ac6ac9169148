"""The main job in a few minutes: kdtoolbox distill on videos made on the spot.

Makes videos of moving digits, trains an image network on still images of them, and has kdtoolbox distill teach a video
network: all videos, three labels a class, and beside it the same student from the labels alone.
"""

import argparse
import shlex
import time
from dataclasses import asdict
from pathlib import Path

import torch
import torchvision
from mmengine.device import get_device
from mmengine.runner import set_random_seed

from kdtoolbox.cli import distill
from kdtoolbox.cli.arguments.demo import EPOCHS, LABELS_PER_CLASS
from kdtoolbox.cli.arguments.distill import add_arguments, check_first
from kdtoolbox.cli.parser import CommandParser
from kdtoolbox.demo.digit_videos import (
    CLASSES,
    FRAME_SIZE,
    DigitVideos,
    settings_of,
    write_digit_videos,
    write_few_labels,
)
from kdtoolbox.demo.stills_training import train_on_stills
from kdtoolbox.recipes.choosing import CONFIG
from kdtoolbox.runner.demo_comparison import run_demo, table, write_demo_report
from kdtoolbox.safe_files import save_aside
from kdtoolbox.terminal import say
from kdtoolbox.views import IMAGENET_MEAN, IMAGENET_STD, View

TEACHER, PIXELS, FRAMES = 'resnet18', 48, 8
TEACHER_STEPS = 120
LEAST_CROP = 42  # pixels: the recipe shows parts of a frame too


def run(args: argparse.Namespace) -> int:
    # Networks this small gain nothing from more threads, and lose much on a machine that others use too.
    torch.set_num_threads(min(2, torch.get_num_threads()))
    work_dir, videos = Path(args.work_dir), DigitVideos(seed=args.seed)
    if args.compare:
        results = run_demo(work_dir, videos=videos)
        say(f'\n{table(results["rows"])}')
        say(f'\nwhat the distilled student learned, with clips to look at: {write_demo_report(work_dir)}')
    else:
        distill_digits(work_dir, videos=videos)
    return 0


def distill_digits(
    work_dir: Path, *, videos: DigitVideos, teacher_steps: int = TEACHER_STEPS, epochs: int = EPOCHS
) -> Path:
    """Make the videos and the teacher, and run ``kdtoolbox distill`` on them; a second time, it goes on.

    Returns:
        The folder of the student.

    Raises:
        ValueError: ``work_dir`` holds a student of videos with other settings.
    """
    start = time.perf_counter()
    data, weights, out = work_dir / 'digits', work_dir / f'{TEACHER}_of_digits.pth', work_dir / 'student'
    is_begun = (out / CONFIG).is_file()
    if is_begun and settings_of(data) != asdict(videos):
        raise ValueError(f'{out} is a student of videos with other settings than {videos}: name another --work-dir')
    num_training, num_test = (videos.count(subset) * len(CLASSES) for subset in ('training', 'test'))
    say(f'[1/3] {num_training} training and {num_test} test videos of moving digits')
    folder, _ = write_digit_videos(data, videos)
    labels = write_few_labels(data, videos, labels_per_class=LABELS_PER_CLASS)
    say(f'[2/3] the teacher: torchvision.{TEACHER} learns to name still images of the training digits')
    if not weights.is_file():
        train_teacher(weights, steps=teacher_steps, seed=videos.seed)
    words = [str(folder), '--out', str(out), '--labels', str(labels), '--baseline']
    words += ['--teacher', f'torchvision.{TEACHER}', '--weights', str(weights), '--teacher-size', str(PIXELS)]
    words += ['--frames', str(FRAMES), '--size', str(PIXELS), '--no-flip', '--epochs', str(epochs)]
    say(f'[3/3] kdtoolbox distill {shlex.join(words)}\n')
    parser = CommandParser(prog='kdtoolbox distill')
    add_arguments(parser)
    parsed = parser.parse_args([*words, *(['--resume'] if is_begun else [])])
    check_first(parsed)
    distill.run(parsed)
    seconds = time.perf_counter() - start
    say(f'\nin all {seconds:.0f} s. The same with your own videos: kdtoolbox distill FOLDER --out DIR')
    return out


def train_teacher(out: Path, *, steps: int, seed: int) -> None:
    """Train the image network and write its weights to ``out``."""
    set_random_seed(seed)
    network = torchvision.models.get_model(TEACHER, weights=None, num_classes=len(CLASSES)).to(get_device())
    view = View(size=PIXELS, mean=IMAGENET_MEAN, std=IMAGENET_STD)

    def logits_of(images: torch.Tensor) -> torch.Tensor:
        frames = view.render(images.permute(0, 3, 1, 2).unsqueeze(2))  # (N, 3, 1, H, W)
        return network(frames[:, :, 0])

    train_on_stills(network, logits_of, steps=steps, seed=seed, crop_pixels=(LEAST_CROP, FRAME_SIZE))
    save_aside(network.state_dict(), out)
