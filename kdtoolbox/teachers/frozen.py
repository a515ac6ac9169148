"""Base class of all teachers: frozen, with its own view, run for its outputs only."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from kdtoolbox.taps import FEATURES, LOGITS, Taps
from kdtoolbox.teachers.class_attention import CLASS_ATTENTION, ClassAttention
from kdtoolbox.views import View

COMPUTE_DTYPES = {'float32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


class FrozenTeacher(nn.Module):
    """A frozen network: no gradient, and always in eval mode, also after ``train()``.

    Freezing the parameters alone is not enough: dropout would be active, and batch norm would update its running
    statistics.

    Your own teacher overrides :meth:`run`, or :meth:`forward` for full control.

    Args:
        network: the frozen network.
        classifier: path of the module from features to logits; None for a network without one, whose teacher overrides
            :meth:`listen`.
        view: size, frame stride and normalisation of its input.
        compute_dtype: ``'float32'``, or ``'bfloat16'`` / ``'float16'`` to run under autocast.
    """

    outputs_without_path: tuple[str, ...] = (LOGITS, FEATURES)
    trained_classes: list[str] | None = None  # of the data set that the weights were trained on, where they tell it

    def __init__(
        self, network: nn.Module, *, classifier: str | None, view: View, compute_dtype: str = 'float32'
    ) -> None:
        super().__init__()
        if compute_dtype not in COMPUTE_DTYPES:
            raise ValueError(f'compute_dtype {compute_dtype!r}: expected one of {", ".join(COMPUTE_DTYPES)}')
        self.network = network.requires_grad_(False)
        self.classifier = classifier
        self.view = view
        self.compute_dtype = COMPUTE_DTYPES[compute_dtype]
        self.listen(())
        self.eval()

    def train(self, mode: bool = True) -> 'FrozenTeacher':
        """Stay in evaluation mode for any ``mode``."""
        return super().train(False)

    def listen(self, paths: Iterable[str]) -> None:
        """Set the taps that :meth:`forward` records besides ``logits`` and ``features``: module paths of the network.

        Raises:
            ValueError: a path is not a module of the network.
        """
        self.listened = frozenset(paths := tuple(paths))
        inner = [path for path in paths if path not in self.outputs_without_path]
        self.taps = Taps(self.network, [FEATURES, *inner], classifier=self.classifier, owner='teacher')
        self._attend()

    def recording_attention(self) -> AbstractContextManager[dict[str, Tensor]]:
        """Run the network once inside; the dict then holds the class token's attention, if it is listened to."""
        return nullcontext({}) if self.class_attention is None else self.class_attention.recording()

    def _attend(self) -> None:
        asked = CLASS_ATTENTION in self.listened and CLASS_ATTENTION in self.outputs_without_path
        self.class_attention = ClassAttention(self.network) if asked else None

    @torch.no_grad()
    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        """Compute the outputs for a batch of clips.

        Args:
            frames: (N, T', 3, H, W), in this teacher's view.

        Returns:
            float32 tensors: ``'logits'`` (N, K), ``'features'`` (N, C), and for each tap a map (N, C, T', H, W), or
            another output of its module.
        """
        with self.computing(frames.device):
            answers = self.run(frames)
        return {path: answer.float() for path, answer in answers.items()}

    @torch.no_grad()
    def outputs_of_visible(self, frames: Tensor, hidden: Tensor) -> dict[str, Tensor]:
        """As :meth:`forward`, computing the visible tokens only; in the taps the others are 0.

        Args:
            frames: (N, T', 3, H, W).
            hidden: (N, L), True for tokens that it does not compute; see :meth:`check_hides`.
        """
        with self.computing(frames.device):
            answers = self.run_hidden(frames, hidden)
        return {path: answer.float() for path, answer in answers.items()}

    def computing(self, device: torch.device) -> AbstractContextManager:
        """Autocast to the teacher's ``compute_dtype``, if it is not float32."""
        return torch.autocast(
            device.type, dtype=self.compute_dtype or torch.bfloat16, enabled=self.compute_dtype is not None
        )

    def check_hides(self) -> None:
        """Check that the teacher can compute some of its tokens only.

        Raises:
            ValueError: it cannot.
        """
        raise ValueError(
            f'teacher_keep: a {type(self).__name__} computes all it sees: expected a RecognizerTeacher of a '
            'VisionTransformer or a VideoTeacher of VideoMAE. Drop teacher_keep'
        )

    def run_hidden(self, frames: Tensor, hidden: Tensor) -> dict[str, Tensor]:
        """As :meth:`run`, of the tokens that are not hidden."""
        raise NotImplementedError(f'{type(self).__name__} must override run_hidden()')

    def run(self, frames: Tensor) -> dict[str, Tensor]:
        """Compute the outputs; :meth:`forward` adds ``no_grad``, autocast and the conversion to float32."""
        raise NotImplementedError(f'{type(self).__name__} must override run()')


def recognizer_normalisation(recognizer: nn.Module) -> dict:
    """The normalisation of a recognizer's data preprocessor, as arguments of a :class:`View`."""
    preprocessor = recognizer.data_preprocessor
    view: dict = {'swap_channels': True} if getattr(preprocessor, 'to_rgb', False) else {}
    if getattr(preprocessor, 'mean', None) is not None:
        view |= {name: tuple(getattr(preprocessor, name).flatten().tolist()) for name in ('mean', 'std')}
    return view
