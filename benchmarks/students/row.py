"""The settings of one training of the study."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

LEARNING_RATE = 1e-3  # of benchmarks/real_video_config.py


@dataclass(frozen=True)
class Row:
    """The settings of a training, of which a row of a table changes one or two.

    Args:
        labels_per_class: 0 for none, None for all.
        unlabelled: whether the videos without a label are learned from too.
        terms: of the criterion, as in ``model.terms``.
        probed: the teacher's logits are those of a linear probe on the known labels, else ImageNet's.
        target_of: see :func:`targets.teacher_features`.
        target_form: likewise.
        epochs: over all training videos; rows with fewer videos take as many steps.
        ema: evaluate the moving average of the weights.
        mixup: alpha of the Beta distribution by which the stem's maps of two videos, and the teacher's answers, are
            mixed; 0 for none.
        last_layer: of the stem.
        top: kind of the 3D layers, or '2d': the rest of the image network itself, with its weights, frame by frame.
        top_channels: of each.
        learning_rate: of AdamW.
        network: of pixels, instead of 3D layers on stored maps of a stem: a name of pixel_students.py (random weights)
            or image_students.py (weights of the image network).
        image_rate: of what begins with weights of the image network, as a share of the learning rate.
        split_seed: of the choice of labels, where it is not the training's own seed.
        is_teacher: no student at all: the teacher's own features and its probe.
    """

    labels_per_class: int | None = 0
    unlabelled: bool = True
    terms: Mapping[str, Mapping] = field(default_factory=dict)
    probed: bool = False
    target_of: str = 'view'
    target_form: str = 'plain'
    epochs: int = 12
    ema: bool = False
    mixup: float = 0.0
    last_layer: str = 'features.6'
    top: str = '3d'
    top_channels: tuple[int, ...] = (64, 128, 256)
    learning_rate: float = LEARNING_RATE
    is_teacher: bool = False
    network: str = ''
    image_rate: float = 1.0
    split_seed: int | None = None

    def but(self, **changes) -> 'Row':
        """The row with other settings."""
        return replace(self, **changes)

    def plain(self) -> dict:
        """As values of JSON."""
        values = asdict(self) | {'top_channels': list(self.top_channels)}
        for name in ('network', 'image_rate', 'split_seed'):  # results of before they were there have none
            if values[name] == type(self).__dataclass_fields__[name].default:
                del values[name]
        return values
