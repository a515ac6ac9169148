"""What the students of the study cost: operations, parameters and CPU time of a clip, with the stem."""

import time
from collections.abc import Collection

import torch
from decoding import STUDENT_PIXELS
from image_students import NETWORKS as IMAGE_NETWORKS
from image_students import ImageStudent
from pixel_students import pixel_network
from row import Row
from rows import WITH_COSTS, experiments
from student import IMAGE_MODEL, backbone_of
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from training import NUM_FRAMES, TEACHER_STRIDE

from kdtoolbox.registry import MODELS
from kdtoolbox.teachers.image_teacher import build_image_model

TEACHER_PIXELS, NUM_TIMED = 160, 20  # pixels: of benchmarks/real_video_config.py


def costs_of_students(known: Collection[str] = ()) -> dict[str, dict[str, float]]:
    """Row -> operations (multiplications with an addition), parameters and milliseconds of CPU of one clip.

    Args:
        known: rows that are left out.
    """
    rows = {title: row for name in WITH_COSTS for title, row in experiments()[name].rows.items()}
    return {title: cost_of(row) for title, row in rows.items() if title not in known}


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
    if row.network in IMAGE_NETWORKS:
        clip = torch.rand(1, 3, NUM_FRAMES, STUDENT_PIXELS, STUDENT_PIXELS) * 255
        return ImageStudent(row, build_image_model(IMAGE_MODEL).state_dict()), clip
    if row.network:
        return pixel_network(row.network), torch.rand(1, 3, NUM_FRAMES, STUDENT_PIXELS, STUDENT_PIXELS) * 255
    if row.is_teacher or row.top == '2d':  # frame by frame
        frames, pixels = (
            (NUM_FRAMES // TEACHER_STRIDE, TEACHER_PIXELS) if row.is_teacher else (NUM_FRAMES, STUDENT_PIXELS)
        )
        return build_image_model(IMAGE_MODEL).features, torch.rand(frames, 3, pixels, pixels)
    return MODELS.build(backbone_of(row)), torch.rand(1, 3, NUM_FRAMES, STUDENT_PIXELS, STUDENT_PIXELS)
