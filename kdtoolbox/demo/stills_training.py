"""Training an image network on still images of the demo's digits."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.device import get_device
from torch import Tensor, nn

from kdtoolbox.demo.digit_videos import FRAME_SIZE, split_digits, stills
from kdtoolbox.terminal import Progress

BATCH_SIZE = 64


def train_on_stills(
    network: nn.Module,
    logits_of: Callable[[Tensor], Tensor],
    *,
    steps: int,
    seed: int,
    crop_pixels: tuple[int, int],
) -> None:
    """Train ``network``, in place, to name the training digits.

    Every image is rendered again each time, with another background, position and size.

    Args:
        network: on the device of :func:`mmengine.device.get_device`.
        logits_of: from images (N, H, W, 3), uint8 RGB, to the network's logits (N, K).
        steps: of 64 images.
        seed: of the division of the digits, and of the images.
        crop_pixels: least and greatest height and width of the part of the images that a step shows.
    """
    images, labels = split_digits(seed)['training']
    random = np.random.default_rng(seed)
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    least, greatest = crop_pixels
    bar = Progress(steps, what='steps')
    for _ in range(steps):
        chosen = random.choice(len(images), BATCH_SIZE)
        side = least if least == greatest else int(random.integers(least, greatest + 1))
        top, left = random.integers(0, FRAME_SIZE - side + 1, 2)
        inputs = torch.from_numpy(stills(images[chosen], random)).to(get_device())
        logits = logits_of(inputs[:, top : top + side, left : left + side])
        loss = F.cross_entropy(logits, torch.from_numpy(labels[chosen]).to(get_device()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.update()
    bar.close()
