"""Distil 2D image networks into 3D video networks, on mmengine and mmaction2."""

import warnings

# mmcv-lite says at its import that it is not the full mmcv, which nothing here needs.
warnings.filterwarnings('ignore', 'Fail to import ``MultiScaleDeformableAttention``', UserWarning)

__version__ = '0.1.0'
