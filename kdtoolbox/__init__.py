"""Distil 2D image networks into 3D video networks, on mmengine and mmaction2."""

__version__ = '0.1.0'
