"""An mmaction2 recognizer, 2D or 3D, as a teacher."""

from collections.abc import Mapping

from mmaction.models import Recognizer2D
from torch import Tensor

from kdtoolbox.hidden_tokens import hiding, transformer_of
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import FEATURES, LOGITS, pool_to_vector
from kdtoolbox.teachers.frame_by_frame import clip_layout
from kdtoolbox.teachers.frozen import FrozenTeacher, recognizer_normalisation
from kdtoolbox.teachers.token_layout import check_grid, in_place, layout_of_recognizer
from kdtoolbox.teachers.weights import load_teacher_weights
from kdtoolbox.views import View


@MODELS.register_module()
class RecognizerTeacher(FrozenTeacher):
    """A frozen recognizer: a 2D recognizer (TSN, TSM) gets the frames as segments, a 3D recognizer as one clip.

    Its normalisation is that of its own ``data_preprocessor``. A tap of a block of a transformer gives its tokens as
    (N, C, T, L): of a 3D recognizer T time steps of L places each, without the class token; of a 2D one each frame's L
    tokens, with it.

    Args:
        recognizer: config of any mmaction2 recognizer with a classification head.
        weights: file or URL of its checkpoint.
        view: size in pixels and ``frame_stride``. A 2D recognizer gets T / frame_stride frames; for TSM this must be
            its ``num_segments``.
        compute_dtype: ``'float32'``, ``'bfloat16'`` or ``'float16'``.
    """

    def __init__(
        self,
        recognizer: Mapping,
        *,
        weights: str | None = None,
        view: Mapping | None = None,
        compute_dtype: str = 'float32',
    ) -> None:
        network = MODELS.build(dict(recognizer))
        classes = load_teacher_weights(network, weights, config=recognizer)
        own_view = View(**{'size': 224, **recognizer_normalisation(network), **(view or {})})
        super().__init__(network, classifier='cls_head', view=own_view, compute_dtype=compute_dtype)
        self.trained_classes = classes
        self.is_2d = isinstance(network, Recognizer2D)
        self.layout = None if self.is_2d else layout_of_recognizer(network)

    def check_hides(self) -> None:
        if self.layout is None or self.layout.num_prefix_tokens:
            super().check_hides()
        transformer_of(self.network)

    def run_hidden(self, frames: Tensor, hidden: Tensor) -> dict[str, Tensor]:
        assert self.layout is not None, 'checked by check_hides'
        grid = self.layout.grid((frames.shape[1], *frames.shape[3:]))
        check_grid(hidden, grid, teacher=type(self.network.backbone).__name__)
        with hiding(self.network, hidden):
            answers = self.run(frames)
        return {path: self.layout.to_steps(in_place(answer, hidden), grid) for path, answer in answers.items()}

    def run(self, frames: Tensor) -> dict[str, Tensor]:
        num_clips, num_frames = frames.shape[:2]
        num_segments = getattr(self.network.backbone, 'num_segments', num_frames)
        if self.is_2d and num_segments != num_frames:
            raise ValueError(
                f'the teacher {type(self.network.backbone).__name__} shifts features between {num_segments} '
                f'segments, but sees {num_frames} frames: set num_segments={num_frames}, or another '
                'view.frame_stride'
            )
        inputs = (frames if self.is_2d else frames.transpose(1, 2).unsqueeze(1)).contiguous()  # recognizers use .view
        with self.taps.listening() as answers:
            logits = self.network(inputs, mode='tensor', stage='head')
        features = pool_to_vector(answers.pop(FEATURES), num_clips)
        if self.is_2d:
            answers = {path: self._to_clip(answer, num_clips) for path, answer in answers.items()}
        elif self.layout is not None:
            grid = self.layout.grid((num_frames, *frames.shape[3:]))
            answers = {path: self.layout.to_steps(answer, grid) for path, answer in answers.items()}
        return {LOGITS: logits, FEATURES: features, **answers}

    @staticmethod
    def _to_clip(answer: Tensor, num_clips: int) -> Tensor:
        """(N * T', C, H, W) -> (N, C, T', H, W), tokens (N * T', L, C) -> (N, C, T', L)."""
        return clip_layout(answer.unflatten(0, (num_clips, -1))) if answer.dim() in (3, 4) else answer
