"""The registries of kdtoolbox: children of mmaction2's, which are children of mmengine's.

A name is looked up here first, then in mmaction2, then in mmengine, so a config with
``default_scope = 'kdtoolbox'`` uses all three without prefixes. Losses, connectors and teachers are
``MODELS``, as everything that is an ``nn.Module`` is in OpenMMLab.

Packages that declare an entry point in the group ``kdtoolbox.plugins`` are imported when a name is looked up for the
first time, so that installing a plugin is enough to use it.
"""

import difflib
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import mmaction.registry as mmaction_registries
import mmengine.registry
from mmaction.utils import register_all_modules as import_mmaction

from kdtoolbox import PLUGIN_GROUP
from kdtoolbox.arguments import arguments_of, did_you_mean, missing_arguments
from kdtoolbox.method_card import registered_card

OURS_FIRST = 0.15
Class = TypeVar('Class', bound=type)


class Registry(mmengine.registry.Registry):
    """mmengine's registry, with plugins, and with suggestions when a name is unknown."""

    def import_from_location(self) -> None:
        if self._imported:
            return
        # mmengine imports the locations of this registry only, not those of its parents.
        import_mmaction(init_default_scope=False)
        super().import_from_location()
        load_plugins()

    def get(self, key: str | type) -> type:
        """Return the class registered as ``key``. Configs in Python may also give a class, which is returned.

        Raises:
            KeyError: the name is registered neither here nor in a parent; the message lists the
                nearest names.
        """
        if isinstance(key, type):
            return key
        try:
            found = super().get(key)
        except (RuntimeError, ImportError):  # mmengine's own signals for "no such name"
            found = None
        if found is None:
            raise KeyError(self._unknown(key))
        return found

    def build(self, cfg, *args, **kwargs):
        """Build an object from its config, see mmengine.

        Raises:
            ValueError: the class takes no such argument, of which the message lists the nearest, or needs one more.
        """
        try:
            return super().build(cfg, *args, **kwargs)
        except TypeError as error:
            unknown = re.fullmatch(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
            if unknown is None:
                if (words := missing_arguments(error)) is None:
                    raise
                raise ValueError(words) from error
            thing = self._class_called(unknown[1])
            known = [] if thing is None else arguments_of(thing)[0]
            raise ValueError(
                f'{unknown[1]} has no argument {unknown[2]!r}'
                + (
                    f': {did_you_mean(unknown[2], known)}'
                    if thing is not None
                    else f'; it was to be built for {cfg.get("type")}'
                )
            ) from error

    def _class_called(self, name: str) -> type | None:
        registry = self
        while registry is not None:
            if name in registry.module_dict:
                return registry.module_dict[name]
            registry = registry.parent
        return None

    def names(self) -> list[str]:
        """All names that can be used in a config, those of the parents included."""
        self.import_from_location()
        names: set[str] = set()
        registry = self
        while registry is not None:
            names.update(registry.module_dict)
            registry = registry.parent
        return sorted(names)

    def _unknown(self, key: str) -> str:
        # Prefer our own name if both are similar: mmaction2's data set of ActivityNet is for localisation.
        def nearness(name: str) -> float:
            return difflib.SequenceMatcher(None, key.lower(), name.lower()).ratio() + OURS_FIRST * (
                name in self.module_dict
            )

        nearest = sorted((name for name in self.names() if nearness(name) >= 0.55), key=nearness, reverse=True)[:3]
        hint = f'did you mean {" or ".join(map(repr, nearest))}?' if nearest else 'no name is near it.'
        return (
            f'there is no {self.name} called {key!r}: {hint} A class of your own is found when its '
            f'module is named in custom_imports or in an entry point of the group {PLUGIN_GROUP!r}.'
        )


_loaded_plugins: dict[EntryPoint, object] = {}


def load_plugins() -> dict[str, object]:
    """Import every installed plugin once; returns entry point name -> module.

    Where several packages have one name for theirs, all are imported, and the package is told too: 'name (package)'.

    Raises:
        ImportError: a plugin does not import; the message names the plugin and its distribution.
    """
    for point in _plugin_points(tuple(sys.path)):
        if point in _loaded_plugins:
            continue
        try:
            _loaded_plugins[point] = point.load()
        except Exception as error:  # a plugin can fail in any way; the user needs to know which one
            raise ImportError(
                f'the kdtoolbox plugin {point.name!r} ({point.value}, installed by '
                f'{_package_of(point)}) does not '
                f'import: {error}. Mend or uninstall it.'
            ) from error
    named: dict[str, object] = {}
    for point, module in _loaded_plugins.items():
        named[f'{point.name} ({_package_of(point)})' if point.name in named else point.name] = module
    return named


def _package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist else 'an unknown package'


@lru_cache(maxsize=1)
def _plugin_points(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Of the packages on ``path``: looking through them takes a tenth of a second, and every registry asks."""
    return tuple(entry_points(group=PLUGIN_GROUP))


def _child(name: str, *locations: str) -> Registry:
    """mmaction2's registry of this name with ours below; the room of what no other room holds is the engine."""
    parent = getattr(mmaction_registries, name)
    return Registry(parent.name, parent=parent, scope='kdtoolbox', locations=list(locations or ['kdtoolbox.engine']))


MODELS = _child(
    'MODELS',
    'kdtoolbox.losses',
    'kdtoolbox.connectors',
    'kdtoolbox.hidden_tokens',
    'kdtoolbox.discriminators',
    'kdtoolbox.teachers',
    'kdtoolbox.backbones',
    'kdtoolbox.criterion',
    'kdtoolbox.distillers',
)
DATASETS = _child('DATASETS', 'kdtoolbox.datasets')
TRANSFORMS = _child('TRANSFORMS', 'kdtoolbox.datasets.transforms')
METRICS = _child('METRICS', 'kdtoolbox.evaluation')
HOOKS = _child('HOOKS')
DATA_SAMPLERS = _child('DATA_SAMPLERS', 'kdtoolbox.datasets')
LOOPS = _child('LOOPS')
RUNNERS = _child('RUNNERS')
MODEL_WRAPPERS = _child('MODEL_WRAPPERS', 'kdtoolbox.distillers', 'kdtoolbox.engine')
OPTIMIZERS = _child('OPTIMIZERS')
OPTIM_WRAPPERS = _child('OPTIM_WRAPPERS')
OPTIM_WRAPPER_CONSTRUCTORS = _child('OPTIM_WRAPPER_CONSTRUCTORS')
PARAM_SCHEDULERS = _child('PARAM_SCHEDULERS')
EVALUATOR = _child('EVALUATOR', 'kdtoolbox.evaluation')
VISUALIZERS = _child('VISUALIZERS')
VISBACKENDS = _child('VISBACKENDS')
LOG_PROCESSORS = _child('LOG_PROCESSORS')
TASK_UTILS = _child('TASK_UTILS', 'kdtoolbox.distillers')
WEIGHT_INITIALIZERS = _child('WEIGHT_INITIALIZERS')
RUNNER_CONSTRUCTORS = _child('RUNNER_CONSTRUCTORS')


def register_loss(*, needs: tuple[str, ...], **facts: Any) -> Callable[[Class], Class]:
    """Decorator: register a loss in ``MODELS``, with the card of these facts as its class attribute ``card``.

    Above it, :func:`~kdtoolbox.method_card.from_paper` names the paper.

    Args:
        needs: see :func:`~kdtoolbox.method_card.registered_card`.
        facts: likewise.

    Raises:
        ValueError: an unknown need.

    >>> @register_loss(needs=('vectors',), min_batch_size=2)
    ... class OfNothing:
    ...     pass
    >>> MODELS.get('OfNothing').card.least
    ['2 clips a batch or more']
    """
    card = registered_card(needs=needs, **facts)

    def register(loss: Class) -> Class:
        loss.card = card  # type: ignore[attr-defined]  # a class attribute of any class
        return MODELS.register_module(module=loss)

    return register
