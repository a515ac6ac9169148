"""Building the network of an exported student, whose config and weights may be anybody's."""

import math
from collections.abc import Mapping

from mmengine.registry import DefaultScope
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from kdtoolbox.distillers import Distiller
from kdtoolbox.engine.checkpoints import check_same_tensors
from kdtoolbox.registry import MODELS

_SPARE_ELEMENTS = 2**27  # beside the weights: what is computed while layers are built


def build_network(model: Mapping, state: Mapping[str, Tensor], *, view: Mapping, source: object) -> Distiller:
    """A distiller of the student alone, with its weights, in eval mode.

    A config that asks for far more memory than the weights have is refused before it is taken.

    Args:
        model: config of the recognizer, of registered names.
        state: its tensors by their names.
        view: arguments of the student's view.
        source: the file of the weights, for messages.

    Raises:
        ValueError: the network cannot be built, has other tensors, or its weights are not finite.
    """
    check_finite(state, source=source)
    limit = 4 * sum(tensor.numel() for tensor in state.values()) + _SPARE_ELEMENTS
    try:
        with DefaultScope.overwrite_default_scope('kdtoolbox'), _BoundedMemory(limit):
            built = MODELS.build(dict(type='Distiller', student=dict(model), student_view=dict(view)))
    except Exception as error:  # of whatever class it names, for whatever is wrong with its settings
        words = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ValueError(f'{source}: its network cannot be built from its config ({words})') from error
    student = built.student
    check_same_tensors(state, student.state_dict(), what=str(source), model=type(student).__name__)
    student.load_state_dict(state, strict=True)
    return built.eval()


def check_finite(state: Mapping[str, Tensor], *, source: object) -> None:
    """Raise ValueError if a tensor of the student is NaN or infinite somewhere."""
    bad = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if bad:
        raise ValueError(
            f'{source}: {len(bad)} of its {len(state)} tensors are not finite, such as {bad[0]}: the student has '
            'diverged. Take an earlier checkpoint'
        )


class _BoundedMemory(TorchDispatchMode):
    """Refuses to make tensors of more than so many elements in all."""

    def __init__(self, max_elements: int) -> None:
        super().__init__()
        self.left = max_elements

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        size = args[0] if args and isinstance(args[0], (list, tuple)) else ()
        if size and all(isinstance(length, int) for length in size):
            self.left -= math.prod(size)
            if self.left < 0:
                raise ValueError(f'a tensor of {" x ".join(map(str, size))} is far more than its weights hold')
        return func(*args, **(kwargs or {}))
