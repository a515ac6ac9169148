"""What every teacher has in common: it is frozen, owns its view, and is run for its outputs only."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from kdtoolbox.taps import FEATURES, LOGITS, Taps
from kdtoolbox.views import View

COMPUTE_DTYPES = {'float32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


class FrozenTeacher(nn.Module):
    """A network that never learns: no gradient, ``eval()`` whatever ``train()`` says.

    Freezing the parameters alone would not do: dropout would stay live and batch norm would go on
    updating its statistics.

    A teacher of one's own overrides :meth:`run`, or :meth:`forward` for full control.

    Args:
        network: gives the answers.
        classifier: path of the module in it that turns features into logits; None for a network without, whose teacher
            overrides :meth:`listen`.
        view: how it sees a clip.
        compute_dtype: ``'float32'``, or ``'bfloat16'`` / ``'float16'`` to run under autocast.
    """

    outputs_without_path = (LOGITS, FEATURES)

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
        """Stay in evaluation mode, whatever is asked."""
        return super().train(False)

    def listen(self, paths: Iterable[str]) -> None:
        """Choose what :meth:`forward` gives beside ``logits`` and ``features``: module paths of the network.

        Raises:
            ValueError: a path is not a module of the network.
        """
        self.listened = frozenset(paths := tuple(paths))
        inner = [path for path in paths if path not in self.outputs_without_path]
        self.taps = Taps(self.network, [FEATURES, *inner], classifier=self.classifier, owner='teacher')

    @torch.no_grad()
    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        """Answer for a batch of clips.

        Args:
            frames: (N, T', 3, H, W), in this teacher's view.

        Returns:
            float32 tensors: ``'logits'`` (N, K), ``'features'`` (N, C), and for each path listened to a map
            (N, C, T', H, W), or what its module gives.
        """
        with torch.autocast(
            frames.device.type, dtype=self.compute_dtype or torch.bfloat16, enabled=self.compute_dtype is not None
        ):
            answers = self.run(frames)
        return {path: answer.float() for path, answer in answers.items()}

    def run(self, frames: Tensor) -> dict[str, Tensor]:
        """As :meth:`forward`, without the care for gradients and dtype."""
        raise NotImplementedError(f'{type(self).__name__} must override run()')


def recognizer_normalisation(recognizer: nn.Module) -> dict:
    """What a recognizer's own data preprocessor does to pixels, as arguments of a :class:`View`."""
    preprocessor = recognizer.data_preprocessor
    view = {'swap_channels': True} if getattr(preprocessor, 'to_rgb', False) else {}
    if getattr(preprocessor, 'mean', None) is not None:
        view |= {name: tuple(getattr(preprocessor, name).flatten().tolist()) for name in ('mean', 'std')}
    return view
