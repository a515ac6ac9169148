"""Losses between a student's and a teacher's outputs: ``forward(student, teacher) -> scalar``, mean over the batch."""

from kdtoolbox.losses.bce_with_teacher import BCEWithTeacher
from kdtoolbox.losses.hard_target import HardTarget
from kdtoolbox.losses.kl_divergence import KLDivergence
from kdtoolbox.losses.l1 import L1
from kdtoolbox.losses.l2 import L2

__all__ = ['L1', 'L2', 'BCEWithTeacher', 'HardTarget', 'KLDivergence']
