"""Where targets come from: frozen networks that look at the clip beside the student."""

from kdtoolbox.teachers.frozen import FrozenTeacher
from kdtoolbox.teachers.image_teacher import ImageTeacher, pool_logits
from kdtoolbox.teachers.probe import load_probe, save_probe
from kdtoolbox.teachers.recognizer_teacher import RecognizerTeacher
from kdtoolbox.teachers.weights import load_weights

__all__ = ['FrozenTeacher', 'ImageTeacher', 'RecognizerTeacher', 'load_probe', 'load_weights', 'pool_logits',
           'save_probe']
