"""Experiments written as YAML in the schema of the original 2D to 3D code, translated into mmengine configs."""

from kdtoolbox.experiments.checking import checked_datasets, checked_experiment, is_experiment
from kdtoolbox.experiments.safe_yaml import read_yaml
from kdtoolbox.experiments.translate import translate

__all__ = ['checked_datasets', 'checked_experiment', 'is_experiment', 'read_yaml', 'translate']
