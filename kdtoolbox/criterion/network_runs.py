"""Classifiers and time steps of student and teachers, for losses and connectors that use them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch.nn.functional as F
from torch import Tensor, nn

from kdtoolbox.views import step_times, view_of


@dataclass(frozen=True)
class NetworkRun:
    """One network in the current forward pass.

    Args:
        name: of the network, for messages.
        num_frames: number of its input frames.
        frame_stride: of its view.
        classifier: gives the module that turns its features into logits.
    """

    name: str
    num_frames: int
    frame_stride: int
    classifier: Callable[[], nn.Module]

    def times(self, tapped: Tensor | tuple[Tensor, ...]) -> Tensor:
        """The time of each step of a tapped tensor, in frames of the decoded clip: (T,) float32, on the CPU.

        Args:
            tapped: (N, C, T) or (N, C, T, H, W); several must agree in T.

        Raises:
            ValueError: it has no time steps.

        >>> import torch
        >>> NetworkRun('teacher', 4, 2, classifier=None).times(torch.zeros(1, 8, 2))  # of frames 0, 2, 4, 6
        tensor([1., 5.])
        """
        tensors = tapped if isinstance(tapped, tuple) else (tapped,)
        steps = {tensor.shape[2] for tensor in tensors if tensor.dim() in (3, 4, 5)}
        if len(steps) != 1 or any(tensor.dim() not in (3, 4, 5) for tensor in tensors):
            raise ValueError(
                f'a connector asks when the steps of the {self.name} are, but its output '
                f'{[tuple(tensor.shape) for tensor in tensors]} has no single time axis: expected '
                '(N, C, T) or (N, C, T, H, W). Tap a map, or drop the connector'
            )
        return step_times(steps.pop(), num_frames=self.num_frames * self.frame_stride, frame_stride=self.frame_stride)


@dataclass(frozen=True)
class NetworkRuns:
    """The student and, by name, the teachers that were run."""

    student: NetworkRun
    teachers: Mapping[str, NetworkRun] = field(default_factory=dict)

    def teacher_of(self, paths: Iterable[str]) -> NetworkRun:
        """The teacher that all of ``paths`` belong to.

        Raises:
            ValueError: there is none, or there are several.
        """
        names = {'' if '' in self.teachers else path.partition('.')[0] for path in paths}
        if len(names) != 1:
            raise ValueError(
                f'the loss or a connector needs the teacher, but the term taps '
                f'{f"several, {sorted(names)}" if names else "none"}: make it a term of one teacher'
            )
        return self.teachers[names.pop()]


def student_run(student: nn.Module, inputs: Tensor, frame_stride: int) -> NetworkRun:
    """The student with its ``inputs``: (N, clips, 3, T, H, W), or (N, T, 3, H, W) for a 2D student."""
    return NetworkRun(
        'student',
        inputs.shape[3 if inputs.dim() == 6 else 1],
        frame_stride,
        lambda: linear_in(student.get_submodule('cls_head'), 'student'),
    )


def teacher_run(name: str, teacher: nn.Module, frames: Tensor) -> NetworkRun:
    """A teacher with its ``frames``: (N, T', 3, h, w)."""
    return NetworkRun(
        f'teacher {name}'.strip(), frames.shape[1], view_of(teacher).frame_stride, lambda: teacher_classifier(teacher)
    )


def teacher_classifier(teacher: nn.Module) -> nn.Module:
    """The classifier of a teacher, from features to logits: its probe, or the module at its ``classifier``.

    Raises:
        ValueError: the teacher has none.
    """
    probe = getattr(teacher, 'probe', None)
    if probe is not None:
        return probe
    network, path = getattr(teacher, 'network', None), getattr(teacher, 'classifier', None)
    if network is None or path is None:
        raise ValueError(
            f"a loss asks for the teacher's classifier, but {type(teacher).__name__} has no network with "
            'a classifier in it: take a teacher with a probe or a head'
        )
    module = network.get_submodule(path)
    return LinearOfConvolution(module) if isinstance(module, CONVOLUTIONS) else linear_in(module, 'teacher')


CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d


class LinearOfConvolution(nn.Module):
    """A 1x1 convolution used as a linear layer on pooled features: (M, C) -> (M, K).

    Args:
        convolution: C to K channels; its weights are shared, not copied.

    Raises:
        ValueError: its kernel is larger than 1, or it has groups.

    >>> import torch
    >>> LinearOfConvolution(nn.Conv2d(8, 5, kernel_size=1))(torch.zeros(2, 8)).shape
    torch.Size([2, 5])
    """

    def __init__(self, convolution: Convolution) -> None:
        super().__init__()
        if set(convolution.kernel_size) != {1} or convolution.groups != 1:
            raise ValueError(
                f"a loss asks for the teacher's classifier, but {convolution} is not one of pooled "
                'features: expected a linear layer or a convolution of kernel size 1. Take a teacher with a probe'
            )
        self.convolution = convolution
        self.in_features, self.out_features = convolution.in_channels, convolution.out_channels

    def forward(self, features: Tensor) -> Tensor:
        return F.linear(features, self.convolution.weight.flatten(1), self.convolution.bias)


def linear_in(head: nn.Module, owner: str) -> nn.Linear:
    """The last linear layer of a head, which is the one that gives the logits.

    Raises:
        ValueError: there is none.
    """
    layers = [module for module in head.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ValueError(
            f"a loss asks for the {owner}'s classifier, but its {type(head).__name__} has no nn.Linear: "
            'take a head with one, such as I3DHead'
        )
    return layers[-1]
