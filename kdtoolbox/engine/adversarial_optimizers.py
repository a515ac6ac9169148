"""Two optimizers for adversarial distillation: of the student and of the discriminator."""

from collections.abc import Mapping

from mmengine.model import is_model_wrapper
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapperDict
from torch import nn

from kdtoolbox.registry import OPTIM_WRAPPER_CONSTRUCTORS

PLAYERS = ('student', 'discriminator')


class PlayersOptimWrapper(OptimWrapperDict):
    """The optimizers of student and discriminator; each accumulates gradients over iterations by itself."""

    def initialize_count_status(self, model: nn.Module, cur_iter: int, max_iters: int) -> None:
        """Pass the length of the training to both, so that accumulated gradients of its last iterations are used."""
        for wrapper in self.optim_wrappers.values():
            wrapper.initialize_count_status(model, cur_iter, max_iters)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class AdversarialOptimWrapperConstructor:
    """Builds ``optim_wrapper=dict(constructor=..., student=dict(...), discriminator=dict(...))``.

    The student's optimizer also has the parameters of the criterion (connectors). Each of the two is a config for
    mmengine's default constructor, including ``paramwise_cfg``.

    Args:
        optim_wrapper_cfg: ``student`` and ``discriminator``, each a config of an OptimWrapper.
        paramwise_cfg: not used here: give it inside one of the two.

    Raises:
        ValueError: it has other parts than these two.
    """

    def __init__(self, optim_wrapper_cfg: Mapping, paramwise_cfg: Mapping | None = None) -> None:
        if set(optim_wrapper_cfg) != set(PLAYERS) or paramwise_cfg:
            raise ValueError(
                f'optim_wrapper with two players has {sorted(optim_wrapper_cfg)}'
                f'{" and a paramwise_cfg" if paramwise_cfg else ""}, expected constructor, student and '
                'discriminator, and paramwise_cfg inside one of them'
            )
        self.configs = {name: dict(optim_wrapper_cfg[name]) for name in PLAYERS}

    def __call__(self, model: nn.Module) -> PlayersOptimWrapper:
        """Args:
        model: with a child ``discriminator``, maybe wrapped for several processes.
        """
        model = model.get_submodule('module') if is_model_wrapper(model) else model
        discriminator = getattr(model, 'discriminator', None)
        if not isinstance(discriminator, nn.Module):
            raise ValueError(f'{type(model).__name__} has no discriminator: use an ordinary optim_wrapper for it')
        runs = {
            # Each by the names that the model has for its parts, which paramwise_cfg goes by.
            'discriminator': nn.ModuleDict({'discriminator': discriminator}),
            'student': nn.ModuleDict(
                {name: child for name, child in model.named_children() if name != 'discriminator'}
            ),
        }
        return PlayersOptimWrapper(**{name: _build(config, runs[name]) for name, config in self.configs.items()})


def _build(config: dict, module: nn.Module):
    paramwise = config.pop('paramwise_cfg', None)
    return DefaultOptimWrapperConstructor(config, paramwise)(module)
