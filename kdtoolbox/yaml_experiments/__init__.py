"""Experiments written as YAML in the schema of the original 2D to 3D code, translated into mmengine configs."""

from kdtoolbox.yaml_experiments.key_checks import checked_datasets, checked_experiment, is_experiment
from kdtoolbox.yaml_experiments.safe_yaml import read_yaml
from kdtoolbox.yaml_experiments.translate import translate

__all__ = ['checked_datasets', 'checked_experiment', 'is_experiment', 'read_yaml', 'translate']
