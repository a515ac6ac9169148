"""An image foundation model (CLIP, DINOv2) as a teacher: embeddings of single frames, averaged over the clip."""

from collections.abc import Collection, Iterable, Mapping

import torch
from torch import Tensor, nn

from kdtoolbox.losses.embeddings.text_features import load_text_features, text_similarity
from kdtoolbox.losses.embeddings.text_logits import checked_logit_scale
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import FEATURES, FRAME_FEATURES, FRAME_LOGITS, LOGITS, Taps
from kdtoolbox.teachers.class_attention import CLASS_ATTENTION
from kdtoolbox.teachers.embedding_models import build_embedding_model
from kdtoolbox.teachers.frame_by_frame import FrameTeacher, clip_layout, frame_by_frame
from kdtoolbox.views import View


@MODELS.register_module()
class EmbeddingTeacher(FrameTeacher):
    """A frozen image network that gives embeddings; with stored text features it also gives zero-shot logits.

    It gives ``'features'`` (N, D), the mean of the frames' embeddings, and ``'frame_features'`` (N, D, T'); with texts
    also ``'logits'`` (N, K), ``logit_scale * cos(features, text)``, and ``'frame_logits'`` (N, K, T'), the same of each
    frame. Taps of the network's modules and ``'class_attention'`` work as in :class:`ImageTeacher`.

    For a classifier use :class:`ImageTeacher`, whose outputs have the same names.

    Args:
        model: ``'timm.vit_base_patch14_dinov2'`` (timm installed), ``'transformers.openai/clip-vit-base-patch32'`` or
            ``'transformers./path/to/folder'`` (transformers installed), the config dict of a registered ``nn.Module``,
            or a module; anything that turns images (B, 3, H, W) into embeddings (B, D). Options of timm's go into a
            dict: ``dict(type='timm.vit_base_patch14_dinov2', img_size=224)``.
        weights: file or URL of a state dict, see :func:`load_weights`; for timm also ``'pretrained'``, which lets timm
            fetch its own. transformers' come with the model.
        text_features: ``.npz`` of ``features`` (K, D) and ``classes`` (K,), see :func:`load_text_features`.
        logit_scale: factor of the cosines; in the training of CLIP up to 100.
        view: size in pixels, ``frame_stride``, mean and std; default: the network's own.
        chunk_size: number of frames in one forward pass.
        compute_dtype: ``'float32'``, ``'bfloat16'`` or ``'float16'``.
    """

    frame_outputs = (FRAME_FEATURES,)
    outputs_without_path = (LOGITS, FEATURES, FRAME_LOGITS, FRAME_FEATURES, CLASS_ATTENTION)

    def __init__(
        self,
        model: str | Mapping | nn.Module,
        *,
        weights: str | None = None,
        text_features: str | None = None,
        logit_scale: float = 100.0,
        view: Mapping | None = None,
        chunk_size: int = 64,
        compute_dtype: str = 'float32',
    ) -> None:
        if chunk_size < 1:
            raise ValueError(f'teacher chunk_size {chunk_size}: expected 1 or more frames')
        network, own_view = build_embedding_model(model, weights, view=view)
        super().__init__(
            network, classifier=None, view=View(**{**own_view, **(view or {})}), compute_dtype=compute_dtype
        )
        text: Tensor | None = None
        self.classes: list[str] | None = None
        if text_features is not None:
            text, self.classes = load_text_features(text_features)
        self.text: Tensor | None
        self.register_buffer('text', text)
        self.logit_scale = checked_logit_scale(logit_scale)
        self.chunk_size = chunk_size

    def listen(self, paths: Iterable[str]) -> None:
        """Set the taps that are recorded besides the default outputs.

        Raises:
            ValueError: a path is not a module of the network, or is of logits and there are no texts.
        """
        self.listened = frozenset(paths := tuple(paths))
        if self.listened & {LOGITS, FRAME_LOGITS} and self.text is None:
            raise ValueError(
                'the embedding teacher has no logits without texts: give it text_features=<file>, or '
                f"tap '{FEATURES}' or '{FRAME_FEATURES}'"
            )
        inner = [path for path in paths if path not in self.outputs_without_path]
        self.taps = Taps(self.network, inner, classifier=None, owner='teacher')
        self._attend()

    def run_frames(self, frames: Tensor) -> dict[str, Tensor]:
        return frame_by_frame(self._run_images, frames, chunk_size=self.chunk_size)

    def combine(self, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        outputs = dict(outputs)
        embeddings = outputs[FRAME_FEATURES].float()
        clip = embeddings.mean(1)
        logits = {}
        if self.text is not None:
            with torch.autocast(embeddings.device.type, enabled=False):
                outputs[FRAME_LOGITS] = self.logit_scale * text_similarity(embeddings, self.text)
                logits = {LOGITS: self.logit_scale * text_similarity(clip, self.text)}
        return {FEATURES: clip, **logits, **{path: clip_layout(output) for path, output in outputs.items()}}

    def needed_for(self, paths: Collection[str]) -> set[str]:
        return {FRAME_FEATURES, *paths} - {LOGITS, FRAME_LOGITS, FEATURES}

    def _run_images(self, images: Tensor) -> dict[str, Tensor]:
        with self.taps.listening() as tapped, self.recording_attention() as attention:
            embeddings = self.network(images)
        if not isinstance(embeddings, Tensor) or embeddings.dim() != 2:
            got = tuple(embeddings.shape) if isinstance(embeddings, Tensor) else type(embeddings).__name__
            raise ValueError(
                f'the embedding teacher {type(self.network).__name__} gave {got}, expected embeddings of '
                'shape (images, D)'
            )
        return {FRAME_FEATURES: embeddings, **tapped, **attention}
