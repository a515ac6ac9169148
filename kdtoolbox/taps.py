"""Taps: forward hooks that record the outputs of modules inside a network."""

import difflib
from collections.abc import Iterable
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn

LOGITS = 'logits'
FEATURES = 'features'
FRAME_LOGITS = 'frame_logits'
FRAME_FEATURES = 'frame_features'


class Taps:
    """Record the outputs of named modules of ``network`` during a forward pass.

    A path is a module path such as ``'backbone.layer4'``: its output is recorded. Two names are
    always there: ``'logits'``, what the classifier returns, and ``'features'``, what it receives.

    The hooks are on the network only inside :meth:`listening`. Otherwise the network runs exactly as without taps, and
    its copies (EMA) have no hooks.

    Args:
        network: the network to record from.
        paths: what to record.
        classifier: path of the module behind ``'logits'`` and ``'features'``; None where those are not recorded.
        owner: what the network is called in error messages.

    Raises:
        ValueError: a path is not a module of the network; the message lists the nearest valid ones.
    """

    def __init__(self, network: nn.Module, paths: Iterable[str], *, classifier: str | None, owner: str) -> None:
        self.paths = tuple(dict.fromkeys(paths))
        self.owner = owner
        self.classifier = classifier
        self._network = network
        for path in self.paths:
            self._module(path)

    @contextmanager
    def listening(self, paths: Iterable[str] | None = None):
        """Run the network once inside the block; after it, the yielded dict holds path -> tensor.

        Args:
            paths: some of those the taps were made for; all of them if not given.

        Raises:
            ValueError: a module did not run exactly once, its output is no tensor or was modified in place, or it gets
                no gradient because it is inside of a checkpointed block.
        """
        calls: dict[str, list[tuple[Tensor, int]]] = {path: [] for path in (self.paths if paths is None else paths)}
        learns = torch.is_grad_enabled()
        handles = [self._hook(path, self._module(path), seen, learns=learns) for path, seen in calls.items()]
        outputs: dict[str, Tensor] = {}
        try:
            yield outputs
        finally:
            for handle in handles:
                handle.remove()
        for path, seen in calls.items():
            outputs[path] = self._only(path, seen)

    def _module(self, path: str) -> nn.Module:
        """Looked up each time: mmengine puts synchronised batch norms in the place of the others when a run starts."""
        return _find(self._network, self.classifier if path in (LOGITS, FEATURES) else path, path, self.owner)

    def _hook(self, path: str, module: nn.Module, seen: list, *, learns: bool):
        def record(value) -> None:
            if learns and not torch.is_grad_enabled():
                raise ValueError(
                    f'{self.owner} tap {path!r} runs inside of a block that is checkpointed to save memory '
                    '(with_cp=True): no gradient would reach it from what is tapped. Tap the block as a whole, '
                    'or set with_cp=False'
                )
            tensors = _tensors_in(value)
            if len(tensors) == 1:
                value = tensors[0]
            elif path == FEATURES and tensors:
                value = tuple(tensors)  # of several pathways or kinds of tokens
                seen.append((value, None))
                return
            if not isinstance(value, Tensor):
                raise ValueError(
                    f'{self.owner} tap {path!r}: expected a module that gives one tensor, got '
                    f'{type(value).__name__}. Name a module inside it instead.'
                )
            seen.append((value, value._version))

        if path == FEATURES:
            return module.register_forward_pre_hook(lambda _, args: record(args[0]))
        return module.register_forward_hook(lambda _, args, output: record(output))

    def _only(self, path: str, seen: list[tuple[Tensor, int]]) -> Tensor:
        if len(seen) != 1 and path in (LOGITS, FEATURES):
            raise ValueError(
                f'the classifier {self.classifier!r} of the {self.owner} ran {len(seen)} times in one forward pass, '
                'expected once: name the layer that turns features into logits, classifier=<module path>'
            )
        if len(seen) != 1:
            raise ValueError(
                f'{self.owner} tap {path!r} ran {len(seen)} times in one forward pass, expected '
                'once. A module that is used several times, or not at all, cannot be tapped: name '
                'the block around it or another one.'
            )
        value, version = seen[0]
        if version is not None and value._version != version:
            raise ValueError(
                f'{self.owner} tap {path!r}: what it gave was then changed in place by the layer '
                'behind it (an in-place ReLU?). Tap that layer, or build it with inplace=False.'
            )
        return value


def _find(network: nn.Module, path: str | None, asked: str, owner: str) -> nn.Module:
    with suppress(AttributeError, TypeError):
        if path:
            return network.get_submodule(path)
    modules = dict(network.named_modules())
    valid = [name for name in modules if name]
    nearest = difflib.get_close_matches(path or '', valid, n=5, cutoff=0.4)
    shallow = [name for name in valid if name.count('.') <= 1]
    raise ValueError(
        f'{owner} tap {asked!r}: {type(network).__name__} has no module {path!r}. '
        f'Nearest: {", ".join(nearest) or "none"}. Always there: {LOGITS}, {FEATURES}. '
        f'Modules down to two levels: {", ".join(shallow)}.'
    )


def _tensors_in(value) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [tensor for item in value for tensor in _tensors_in(item)] if isinstance(value, (tuple, list)) else []


def pool_to_vector(features: Tensor | tuple[Tensor, ...], num_samples: int) -> Tensor:
    """Mean over time, space and any clips or frames folded into the batch.

    Args:
        features: (N * M, C) or (N * M, C, ...) with M clips or frames of each of the N samples; several tensors, such
            as the pathways of SlowFast, are pooled separately and concatenated.
        num_samples: N.

    Returns:
        (N, C) in the dtype of ``features``.

    >>> pool_to_vector(torch.arange(8.).view(4, 2, 1, 1), 2)
    tensor([[1., 2.],
            [5., 6.]])
    """
    if isinstance(features, tuple):
        return torch.cat([pool_to_vector(part, num_samples) for part in features], dim=1)
    if features.shape[0] % num_samples:
        raise ValueError(f'features of {tuple(features.shape)} cannot be shared out over {num_samples} samples')
    pooled = features.flatten(2).mean(2) if features.dim() > 2 else features
    return pooled.view(num_samples, -1, pooled.shape[1]).mean(1)
