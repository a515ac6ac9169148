"""Distil 2D image networks into 3D video networks, on mmengine and mmaction2."""

import warnings
from importlib import import_module

from kdtoolbox.put_off import put_off_imports

# mmcv-lite says at its import that it is not the full mmcv, which nothing here needs.
warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``', UserWarning)
# torch says at every loader that there are more workers than cores; where they help, a training says so itself.
warnings.filterwarnings('ignore', 'This DataLoader will create', UserWarning)
put_off_imports()

__version__ = '0.1.0'
PLUGIN_GROUP = 'kdtoolbox.plugins'  # of entry points

# Imported when they are first used: `import kdtoolbox` must not wait for torch.
_LAZY = {
    'distill': 'kdtoolbox.cli.distill',
    'Student': 'kdtoolbox.deployment.student',
    'load_student': 'kdtoolbox.deployment.student',
    'nearest': 'kdtoolbox.deployment.student',
}


def __getattr__(name: str):
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
