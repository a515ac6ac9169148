"""Instance relationship graphs, Liu et al., CVPR 2019."""

import math

from torch import Tensor
from torch.nn import functional as F

from kdtoolbox.losses.shared.feature_maps import unit_scale
from kdtoolbox.losses.shared.full_precision import in_full_precision_of_any_shape
from kdtoolbox.losses.shared.gathering import LossOfAllClips, gather_batch
from kdtoolbox.losses.shared.input_checks import require_equal_shapes
from kdtoolbox.losses.shared.learned_maps import TapOutputs
from kdtoolbox.losses.shared.option_checks import checked_weight
from kdtoolbox.losses.shared.pair_distances import pair_distances, rounding_of
from kdtoolbox.method_card import from_paper
from kdtoolbox.registry import register_loss


def edges(features: Tensor) -> Tensor:
    """Squared distance of all pairs of samples, divided by the largest.

    Where all samples are equal but for rounding errors, all edges are 0.

    Args:
        features: (N, D).

    Returns:
        (N, N).
    """
    features = unit_scale(features)
    squares = pair_distances(features).square()
    largest = squares.max()
    return squares / largest.masked_fill(largest <= rounding_of(features) ** 2, math.inf)


@in_full_precision_of_any_shape
def graph_distance(student: Tensor, teacher: Tensor, *, vertices: bool) -> Tensor:
    """Mean squared difference of the :func:`edges` of two layers, and of their features, the vertices.

    Args:
        student: (N, D).
        teacher: (N, D'); with ``vertices`` of the student's shape.
    """
    loss = F.mse_loss(edges(student), edges(teacher))
    if vertices:
        require_equal_shapes(student, teacher)
        loss = loss + F.mse_loss(student, teacher)
    return loss


@in_full_precision_of_any_shape
def transformation_distance(
    student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], *, vertices: bool
) -> Tensor:
    """Squared difference of how much the graph changes from one layer to another.

    The change is the mean squared difference of the two layers' :func:`edges`, and with ``vertices`` of their features.

    Args:
        student: two layers, (N, D) each.
        teacher: likewise.
    """
    changes = [F.mse_loss(edges(shallow), edges(deep)) for shallow, deep in (student, teacher)]
    loss = (changes[0] - changes[1]).square()
    if vertices:
        for pair in (student, teacher):
            require_equal_shapes(*pair)
        loss = loss + (F.mse_loss(*student) - F.mse_loss(*teacher)).square()
    return loss


@from_paper(
    'Liu et al., CVPR 2019, Knowledge Distillation via Instance Relationship Graph',
    weight='1 for each part, means over the elements',
)
@register_loss(needs=('vectors', 'several taps', 'batch'), checked_against=('irg',), min_batch_size=3)
class IRG(LossOfAllClips):
    """Match the teacher's graph of the clips and how it changes between layers, see :func:`graph_distance`.

    The last tap gives the graph; the taps before it are taken two by two, the shallow and the deep end of a
    transformation (:func:`transformation_distance`). One tap alone is a graph without transformation. The batch is that
    of all processes together. The vertices' parts of the paper need layers of equal shapes, so that they can be
    switched off; edges need none.

    Args:
        vertices: whether the features of the last tap are compared too.
        transformed_vertices: whether a transformation counts the change of the features too.
        graph_weight: of the graph.
        transformation_weight: of the transformations, which are summed.

    Raises:
        ValueError: a weight is below 0.
    """

    def __init__(
        self,
        *,
        vertices: bool = True,
        transformed_vertices: bool = False,
        graph_weight: float = 1.0,
        transformation_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.vertices, self.transformed_vertices = vertices, transformed_vertices
        self.graph_weight = checked_weight(graph_weight, 'graph_weight')
        self.transformation_weight = checked_weight(transformation_weight, 'transformation_weight')

    def forward(self, student: TapOutputs, teacher: TapOutputs) -> Tensor:
        """The loss of an odd number of taps (N, C, ...), the deepest last.

        Raises:
            ValueError: the taps are not an odd number or not of the same clips, or there are fewer than three clips.
        """
        student, teacher = (_flat_taps(taps) for taps in (student, teacher))
        self.require_clips(len(student[0]))
        if len(student) != len(teacher) or len(student) % 2 == 0 or len({len(tap) for tap in student + teacher}) > 1:
            raise ValueError(
                f'student {[tuple(tap.shape) for tap in student]} and teacher {[tuple(tap.shape) for tap in teacher]}: '
                'expected as many taps of both, of the same clips: pairs of layers and then one layer'
            )
        loss = self.graph_weight * graph_distance(student[-1], teacher[-1], vertices=self.vertices)
        for shallow in range(0, len(student) - 1, 2):
            layers = slice(shallow, shallow + 2)
            loss = loss + self.transformation_weight * transformation_distance(
                student[layers], teacher[layers], vertices=self.transformed_vertices
            )
        return loss


def _flat_taps(taps: TapOutputs) -> tuple[Tensor, ...]:
    """The clips of all processes as (N, D), for each tap."""
    return tuple(gather_batch(tap.flatten(1)) for tap in ((taps,) if isinstance(taps, Tensor) else taps))
