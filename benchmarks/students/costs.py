"""What the students of the study cost: operations, parameters and CPU time of a clip, with the stem."""

import time

import torch
from row import Row
from rows import experiments
from student import IMAGE_MODEL, backbone_of
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from training import NUM_FRAMES, TEACHER_STRIDE
from views_cache import STUDENT_PIXELS

from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.image_teacher import build_image_model

TEACHER_PIXELS, NUM_TIMED = 160, 20  # pixels: of benchmarks/real_video_config.py


def costs_of_students() -> dict[str, dict[str, float]]:
    """Row -> operations (multiplications with an addition), parameters and milliseconds of CPU of one clip."""
    return {title: cost_of(row) for title, row in experiments()['student'].rows.items()}


@torch.no_grad()
def cost_of(row: Row) -> dict[str, float]:
    """The least CPU time of a few runs in one thread: another program on the machine can only add to it."""
    network, clip = _network_and_clip(row)
    network.eval()
    with FlopCounterMode(display=False) as counter:
        network(clip)
    times = []
    for _ in range(NUM_TIMED):
        start = time.process_time()
        network(clip)
        times.append(time.process_time() - start)
    return {
        'operations': counter.get_total_flops() // 2,
        'parameters': sum(parameter.numel() for parameter in network.parameters()),
        'milliseconds': round(1000 * min(times), 1),
    }


def _network_and_clip(row: Row) -> tuple[nn.Module, Tensor]:
    if row.is_teacher or row.top == '2d':  # frame by frame
        frames, pixels = (
            (NUM_FRAMES // TEACHER_STRIDE, TEACHER_PIXELS) if row.is_teacher else (NUM_FRAMES, STUDENT_PIXELS)
        )
        return build_image_model(IMAGE_MODEL).features, torch.rand(frames, 3, pixels, pixels)
    return MODELS.build(backbone_of(row)), torch.rand(1, 3, NUM_FRAMES, STUDENT_PIXELS, STUDENT_PIXELS)
