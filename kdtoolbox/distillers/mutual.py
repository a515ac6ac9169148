"""Deep mutual learning: students that teach each other."""

from collections.abc import Mapping, Sequence

from mmengine.model import ModuleDict
from torch import Tensor, nn

from kdtoolbox.criterion.batch_labels import labels_of, training_progress
from kdtoolbox.criterion.loss_inputs import extra_inputs
from kdtoolbox.criterion.schedule import points_of, scheduled_weight
from kdtoolbox.distillers.distiller import Distiller
from kdtoolbox.distillers.task_losses import task_losses
from kdtoolbox.method_card import cards
from kdtoolbox.registry import MODELS
from kdtoolbox.taps import LOGITS, Taps

STUDENT = 'student'


@MODELS.register_module()
class MutualDistiller(Distiller):
    """Deep mutual learning: Zhang et al., arXiv:1706.00384, eq. 5 and 8.

    Each of M students learns from the labels and from the mean loss to the logits of its M - 1 peers, which are
    detached. All learn in the same step from the same clips. The first, ``student``, is tested and exported, and may
    also learn from frozen teachers (``teacher``, ``terms``).

    Args:
        student: config of the first student.
        peers: name -> config of another; its ``data_preprocessor`` must normalise as the first student's.
        loss: config of the loss to a peer's logits; in the paper KL divergence with temperature 1.
        weight: of that loss; in the paper 1.
        weight_schedule: points (progress, factor), as for a :class:`Term`.
        options: of :class:`Distiller`.

    Raises:
        ValueError: there is no peer, one differs in normalisation or classes, or the loss needs more than logits.
    """

    learns_without_terms = True

    def __init__(
        self,
        student: Mapping,
        *,
        peers: Mapping[str, Mapping],
        loss: Mapping,
        weight: float = 1.0,
        weight_schedule: Sequence[tuple[float, float]] = (),
        **options,
    ) -> None:
        if options.get('student_tokens') is not None:
            raise ValueError(
                'student_tokens: the students of a MutualDistiller answer once for the whole clip: take a Distiller'
            )
        super().__init__(student, **options)
        if not peers or STUDENT in peers:
            raise ValueError(f'peers {sorted(peers)}: expected one or more, none of them called {STUDENT!r}')
        if misread := [name for name in peers if 'loss' in name]:
            raise ValueError(
                f"peer {misread[0]!r}: what it logs begins with its name, and mmengine adds what has 'loss' in "
                'it to the loss: give the peer another name'
            )
        # mmengine's, which lets each peer initialise its weights as the student does.
        self.peers = ModuleDict({name: MODELS.build(dict(config)) for name, config in peers.items()})
        self._check_peers()
        self.mutual_loss = MODELS.build(dict(loss))
        self._check_mutual_loss()
        self.weight, self.weight_schedule = weight, points_of(weight_schedule)
        self._logit_taps = {
            name: Taps(network, [LOGITS], classifier='cls_head', owner=name)
            for name, network in self._students().items()
        }

    def loss(self, inputs: Tensor, data_samples: Sequence, teacher_inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The first student's losses, ``<peer>.<name>`` of each peer, ``loss_mutual`` and ``<peer>.loss_mutual``."""
        labels = labels_of(data_samples, inputs.device) if self.use_labels else None
        logits: dict[str, Tensor] = {}
        with self._logit_taps[STUDENT].listening() as answers:
            losses = super().loss(inputs, data_samples, teacher_inputs)
        logits[STUDENT] = answers[LOGITS]
        for name, peer in self.peers.items():
            with self._logit_taps[name].listening() as answers:
                losses.update(
                    {f'{name}.{key}': value for key, value in task_losses(peer, inputs, data_samples, labels).items()}
                )
            logits[name] = answers[LOGITS]
        weight = scheduled_weight(self.weight, self.weight_schedule, training_progress()) / len(self.peers)
        if weight:
            for name, own in logits.items():
                others = [self.mutual_loss(own, other.detach()) for peer, other in logits.items() if peer != name]
                losses['loss_mutual' if name == STUDENT else f'{name}.loss_mutual'] = weight * sum(others)
        return losses

    def _students(self) -> dict[str, nn.Module]:
        return {STUDENT: self.student, **self.peers}

    def _check_mutual_loss(self) -> None:
        name, num_classes = type(self.mutual_loss).__name__, self.student.cls_head.num_classes
        if asked := extra_inputs('mutual', self.mutual_loss):
            raise ValueError(
                f'{name} asks for {", ".join(asked)}, but the loss between peers gets their logits alone: take '
                'another, such as KLDivergence'
            )
        needed = max((card.min_classes for card in cards(self.mutual_loss)), default=1)
        if num_classes < needed:
            raise ValueError(
                f'{name} between peers needs {needed} classes or more, got {num_classes}: take another, such as '
                'KLDivergence'
            )

    def _check_peers(self) -> None:
        for name, peer in self.peers.items():
            for what in ('mean', 'std'):
                ours, theirs = (
                    getattr(network.data_preprocessor, what).flatten().tolist() for network in (self.student, peer)
                )
                if ours != theirs:
                    raise ValueError(
                        f'peer {name!r} normalises with {what} {theirs}, the student with {ours}: all see the '
                        'same clips, so give them the same data_preprocessor'
                    )
            if swaps_colours(peer) != swaps_colours(self.student):
                raise ValueError(
                    f'peer {name!r} has to_rgb={swaps_colours(peer)} in its data_preprocessor, the student '
                    f'to_rgb={swaps_colours(self.student)}: all see the same clips, so give them the same'
                )
            if getattr(peer.data_preprocessor, 'blending', None) is not None:
                raise ValueError(
                    f'peer {name!r} blends clips in its data_preprocessor, but all see those of the student: set '
                    'blending there'
                )
            if peer.cls_head.num_classes != self.student.cls_head.num_classes:
                raise ValueError(
                    f'peer {name!r} has {peer.cls_head.num_classes} classes, the student '
                    f'{self.student.cls_head.num_classes}: they compare logits, so give them the same'
                )


def swaps_colours(recognizer: nn.Module) -> bool:
    """Whether its data preprocessor has the channels change places."""
    return bool(getattr(recognizer.data_preprocessor, 'to_rgb', False))
