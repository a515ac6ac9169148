"""Teachers: frozen networks whose outputs are the targets of the student."""

from kdtoolbox.teachers.cached_teacher import CachedTeacher
from kdtoolbox.teachers.ema_teacher import EMATeacher
from kdtoolbox.teachers.embedding_teacher import EmbeddingTeacher
from kdtoolbox.teachers.frame_by_frame import FrameTeacher
from kdtoolbox.teachers.frozen import FrozenTeacher
from kdtoolbox.teachers.image_teacher import ImageTeacher, pool_logits
from kdtoolbox.teachers.probe import load_probe, save_probe
from kdtoolbox.teachers.recognizer_teacher import RecognizerTeacher
from kdtoolbox.teachers.torchvision_classifier import torchvision_classifier
from kdtoolbox.teachers.video_teacher import VideoTeacher
from kdtoolbox.teachers.weights import load_weights

__all__ = [
    'CachedTeacher',
    'EMATeacher',
    'EmbeddingTeacher',
    'FrameTeacher',
    'FrozenTeacher',
    'ImageTeacher',
    'RecognizerTeacher',
    'VideoTeacher',
    'load_probe',
    'load_weights',
    'pool_logits',
    'save_probe',
    'torchvision_classifier',
]
