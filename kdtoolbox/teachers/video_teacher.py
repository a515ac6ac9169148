"""A video transformer of transformers (VideoMAE, V-JEPA 2, TimeSformer, ViViT) as a teacher of tokens and logits."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kdtoolbox.registry import MODELS
from kdtoolbox.taps import FEATURES, LOGITS, Taps, pool_to_vector
from kdtoolbox.teachers.frozen import FrozenTeacher
from kdtoolbox.teachers.token_layout import check_grid, in_place
from kdtoolbox.teachers.video_models import LIBRARY, VideoModelTokens, load_video_model
from kdtoolbox.views import View


@MODELS.register_module()
class VideoTeacher(FrozenTeacher):
    """A frozen video model of transformers, whose tokens are taps.

    A tap of a block gives its tokens as (N, C, T, L) without the class token, T time steps of L = H W places each:
    ``TokensToMap(num_prefix_tokens=0)`` makes a map of them. ``'features'`` (N, C) are what its classifier gets; of a
    model without one the class token or, if it has none, the mean of its last tokens. ``'logits'`` (N, K) are there if
    the checkpoint has a classifier. For a recognizer of mmaction2 take :class:`RecognizerTeacher`.

    It has its own number of frames of the one decoded clip: T / ``view.frame_stride``. Of 32 frames a student with
    stride 4 sees 8, a VideoMAE with stride 2 its 16.

    Args:
        model: ``'transformers.MCG-NJU/videomae-base'``, ``'transformers./path/to/folder'``, or a module: of VideoMAE,
            V-JEPA 2, TimeSformer or ViViT.
        view: size in pixels, ``frame_stride``, mean and std; default: those of the model's own video processor.
        compute_dtype: ``'float32'``, ``'bfloat16'`` or ``'float16'``.

    Raises:
        ValueError: the model is none of these, or cannot be loaded.
    """

    def __init__(self, model: str | nn.Module, *, view: Mapping | None = None, compute_dtype: str = 'float32') -> None:
        if isinstance(model, nn.Module):
            network, own_view = model, {'size': getattr(getattr(model, 'config', None), 'image_size', 224)}
        else:
            library, _, name = str(model).partition('.')
            if library != LIBRARY or not name:
                raise ValueError(f'video teacher model {model!r}: expected {LIBRARY}.<name or folder>')
            network, own_view = load_video_model(name, view or {})
        config: Any = getattr(network, 'config', None)
        if not hasattr(config, 'patch_size') or not hasattr(config, 'model_type'):
            raise ValueError(
                f'video teacher model {type(network).__name__}: expected a video transformer of transformers '
                '(VideoMAE, V-JEPA 2, TimeSformer, ViViT)'
            )
        self.tokens = VideoModelTokens(config)
        classifier = 'classifier' if isinstance(getattr(network, 'classifier', None), nn.Module) else None
        super().__init__(
            network, classifier=classifier, view=View(**{**own_view, **(view or {})}), compute_dtype=compute_dtype
        )
        asked = inspect.signature(network.forward).parameters
        self.pixels = 'pixel_values_videos' if 'pixel_values_videos' in asked else 'pixel_values'
        self.options: dict = (
            {'skip_predictor': True} if 'skip_predictor' in asked else {}
        )  # V-JEPA 2: the encoder alone

    def listen(self, paths: Iterable[str]) -> None:
        """Set the taps that are recorded besides the default outputs.

        Raises:
            ValueError: a path is not a module of the network, or is of logits and it has no classifier.
        """
        self.listened = frozenset(paths := tuple(paths))
        if self.classifier is None and LOGITS in self.listened:
            raise ValueError(
                f'the video teacher {type(self.network).__name__} has no classifier and so no logits: take a '
                f"checkpoint that was fine-tuned, or tap '{FEATURES}' or a block"
            )
        inner = [path for path in paths if path not in self.outputs_without_path]
        always = [] if self.classifier is None else [FEATURES]
        self.taps = Taps(self.network, [*always, *inner], classifier=self.classifier, owner='teacher')

    def check_hides(self) -> None:
        if 'bool_masked_pos' not in inspect.signature(self.network.forward).parameters:
            raise ValueError(
                f'teacher_keep: {type(self.network).__name__} of transformers computes all tokens: expected a VideoMAE '
                'without classifier. Drop teacher_keep'
            )

    def run_hidden(self, frames: Tensor, hidden: Tensor) -> dict[str, Tensor]:
        return self._run(frames, hidden)

    def run(self, frames: Tensor) -> dict[str, Tensor]:
        return self._run(frames, None)

    def _run(self, frames: Tensor, hidden: Tensor | None) -> dict[str, Tensor]:
        num_clips, num_frames, _, *size = frames.shape
        grid = self.tokens.grid((num_frames, *size))
        options = dict(self.options)
        if hidden is not None:
            check_grid(hidden, grid, teacher=type(self.network).__name__)
            options['bool_masked_pos'] = hidden
        with self.taps.listening() as tapped:
            answer = self.network(**{self.pixels: frames}, **options)
        if hidden is not None:
            tapped = {path: in_place(output, hidden) for path, output in tapped.items()}
        if self.classifier is None:
            features = self._pooled(answer.last_hidden_state)
            logits = {}
        else:
            features, logits = pool_to_vector(tapped.pop(FEATURES), num_clips), {LOGITS: answer.logits}
        tokens = {path: self.tokens.layout.to_steps(output, grid) for path, output in tapped.items()}
        return {FEATURES: features, **logits, **tokens}

    def _pooled(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0] if self.tokens.layout.num_prefix_tokens else torch.mean(tokens, 1)
