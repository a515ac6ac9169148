"""Clips for experiment trackers: what each network sees, and the nearest videos of some queries."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from PIL import Image
from torch.nn import functional as F

from kdtoolbox.registry import HOOKS
from kdtoolbox.views.seen_clips import seen_clips

TENSORBOARD = 'TensorboardVisBackend'
HEIGHT = 64  # pixels of a thumbnail
BORDER = 3
RIGHT, WRONG, NEUTRAL = (0, 150, 80), (205, 60, 40), (128, 128, 128)
MAX_THUMBNAILS = 4000  # of 64 x 64 pixels or so: 50 MB


@HOOKS.register_module()
class TrackedClipsHook(Hook):
    """Show clips in the run's trackers; one line in a config.

    - Before training, for TensorBoard: moving pictures of some training clips as student and teachers see them,
      ``views/<network>/<number>``.
    - After each validation that gives features, for every tracker that takes images: ``retrieval_gallery``, a row for
      each query with its nearest gallery videos, green where the class is the query's, red where it is not; the worst
      queries first.

    Of several processes the first shows what it has seen.

    Args:
        num_clips: training clips that are shown.
        num_queries: rows of the gallery.
        num_neighbours: videos beside each.
        frames_per_second: of the moving pictures.

    Raises:
        ValueError: a number is below 1.
    """

    priority = 'LOW'

    def __init__(
        self, *, num_clips: int = 4, num_queries: int = 12, num_neighbours: int = 5, frames_per_second: int = 8
    ) -> None:
        if min(num_clips, num_queries, num_neighbours, frames_per_second) < 1:
            raise ValueError('TrackedClipsHook: its numbers are of clips, rows and frames, expected 1 or more')
        self.num_clips, self.num_queries, self.num_neighbours = num_clips, num_queries, num_neighbours
        self.frames_per_second = frames_per_second
        self._seen: list[dict] = []

    def before_train(self, runner: Runner) -> None:
        """Write the views, if the run has TensorBoard and the model views."""
        backends = getattr(runner.visualizer, '_vis_backends', {})
        if not is_main_process() or TENSORBOARD not in backends:
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if not hasattr(model, 'teachers'):
            return
        loader = runner.train_dataloader
        size = len(loader.dataset)
        places = [number * size // self.num_clips for number in range(min(self.num_clips, size))]
        with torch.no_grad():
            clips = seen_clips(model, loader, places, training=True)
        writer = backends[TENSORBOARD].experiment
        for number, clip in enumerate(clips):
            for network, frames in clip.seen.items():
                _add_moving_picture(writer, f'views/{network}/{number}', frames, self.frames_per_second)

    def before_val_epoch(self, runner: Runner) -> None:
        self._seen = []

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Sequence | None = None
    ) -> None:
        """Keep features, and a picture of the middle frame, of each video."""
        if not is_main_process() or len(self._seen) >= MAX_THUMBNAILS:
            return
        for clip, sample in zip(data_batch['inputs'], outputs or ()):
            if 'clip_features' not in sample:
                return
            labels = sample.gt_labels.item.flatten().tolist() if 'gt_labels' in sample else [-1]
            self._seen.append(
                {
                    'features': sample.clip_features.detach().float().cpu(),
                    'role': sample.metainfo.get('role'),
                    'label': labels[0],
                    'picture': _thumbnail(clip),
                }
            )

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Write the gallery."""
        parts = {role: [one for one in self._seen if one['role'] == role] for role in ('query', 'gallery')}
        self._seen = []
        if all(parts.values()):
            step = runner.epoch if getattr(runner.train_loop, '_by_epoch', True) else runner.iter
            runner.visualizer.add_image('retrieval_gallery', self._gallery(**parts), step=step)

    def _gallery(self, query: Sequence[Mapping], gallery: Sequence[Mapping]) -> np.ndarray:
        vectors = [F.normalize(torch.stack([one['features'] for one in part]), dim=1) for part in (query, gallery)]
        cosines = vectors[0] @ vectors[1].t()
        nearest = cosines.topk(min(self.num_neighbours, len(gallery)), dim=1).indices.tolist()
        hits = [sum(gallery[place]['label'] == one['label'] for place in row) for one, row in zip(query, nearest)]
        worst = sorted(range(len(query)), key=lambda one: hits[one])[: self.num_queries]
        rows = []
        for one in worst:
            asked = query[one]
            cells = [_framed(asked['picture'], NEUTRAL)]
            for place in nearest[one]:
                is_right = gallery[place]['label'] == asked['label']
                shade = NEUTRAL if asked['label'] < 0 else RIGHT if is_right else WRONG
                cells.append(_framed(gallery[place]['picture'], shade))
            rows.append(np.concatenate(cells, axis=1))
        width = max(row.shape[1] for row in rows)
        return np.concatenate(
            [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
        )


def _thumbnail(clip: torch.Tensor) -> np.ndarray:
    """(h, w, 3), uint8: the middle frame of (clips, 3, T, H, W), or of (T, 3, H, W), as it comes from the loader."""
    frame = clip[len(clip) // 2, :, clip.shape[2] // 2] if clip.dim() == 5 else clip[len(clip) // 2]
    picture = Image.fromarray(frame.permute(1, 2, 0).clamp(0, 255).to(torch.uint8).cpu().numpy())
    return np.asarray(picture.resize((max(1, round(picture.width * HEIGHT / picture.height)), HEIGHT)))


def _framed(picture: np.ndarray, shade: tuple[int, int, int]) -> np.ndarray:
    height, width = picture.shape[:2]
    framed = np.full((height + 2 * BORDER, width + 2 * BORDER, 3), shade, np.uint8)
    framed[BORDER:-BORDER, BORDER:-BORDER] = picture
    return framed


def _add_moving_picture(writer: Any, tag: str, frames: np.ndarray, frames_per_second: int) -> None:
    """As ``SummaryWriter.add_video`` stores videos, as a GIF, without moviepy, which it needs.

    Args:
        frames: (T, H, W, 3), uint8.
    """
    from tensorboard.compat.proto.summary_pb2 import Summary

    pictures = [Image.fromarray(frame) for frame in frames]
    content = io.BytesIO()
    pictures[0].save(
        content, 'GIF', save_all=True, append_images=pictures[1:], duration=1000 // frames_per_second, loop=0
    )
    height, width = frames.shape[1:3]
    image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=content.getvalue())
    writer._get_file_writer().add_summary(Summary(value=[Summary.Value(tag=tag, image=image)]), 0)
