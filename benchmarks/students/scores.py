"""How good a student is on the held-out videos of a split: what is kept of each query."""

import torch
from splits import Split
from torch import Tensor, nn
from views_cache import Views

from kdtoolbox.evaluation.nearest import first_hit_ranks


@torch.no_grad()
def judged(student: nn.Module, views: Views, split: Split, layer: str, *, has_classes: bool) -> dict:
    """Retrieval and accuracy of a student, query by query."""
    student.eval()
    features, logits = {}, {}
    for role, videos in (('gallery', split.training), ('queries', split.queries)):
        outputs = [student(torch.as_tensor(views.evaluation[layer][index]).float()) for index in videos.tolist()]
        features[role] = torch.stack([output['features'].mean(0) for output in outputs]).cpu()
        logits[role] = torch.stack([output['logits'].softmax(1).mean(0) for output in outputs]).cpu()
    result = retrieval_of(features['queries'], features['gallery'], views, split)
    if has_classes:
        result['right'] = (logits['queries'].argmax(1) == views.labels[split.queries]).int().tolist()
    return result


def teacher_judged(views: Views, split: Split, probe: tuple[Tensor, Tensor] | None) -> dict:
    """The same of the teacher, on the same moments at its own size, with a linear probe where there are labels."""
    features = views.teacher_evaluation.mean((1, 2))
    result = retrieval_of(features[split.queries], features[split.training], views, split)
    if probe is not None:
        logits = nn.functional.linear(views.teacher_evaluation.mean(2)[split.queries], *probe)
        result['right'] = (logits.softmax(2).mean(1).argmax(1) == views.labels[split.queries]).int().tolist()
    return result


def retrieval_of(queries: Tensor, gallery: Tensor, views: Views, split: Split) -> dict:
    """Of each query: whether its nearest neighbour is of its class, as it is and centred on the gallery's mean, and its
    average precision over the whole gallery.
    """
    wanted, there = views.labels[split.queries], views.labels[split.training]
    centre = gallery.mean(0)
    hits = {
        name: (first_hit_ranks(*sides) < 1).int().tolist()
        for name, sides in {
            'hit': (queries, wanted, gallery, there),
            'hit_centred': (queries - centre, wanted, gallery - centre, there),
        }.items()
    }
    return {
        'queries': [views.names[index] for index in split.queries.tolist()],
        **hits,
        'precision': average_precision(queries, wanted, gallery, there).tolist(),
        'precision_centred': average_precision(queries - centre, wanted, gallery - centre, there).tolist(),
    }


def average_precision(queries: Tensor, wanted: Tensor, gallery: Tensor, there: Tensor) -> Tensor:
    """Of the gallery in the order of its cosine to each query: (Q,).

    >>> average_precision(torch.tensor([[1., 0.]]), torch.tensor([1]), torch.eye(2), torch.tensor([0, 1]))
    tensor([0.5000])
    """
    cosines = nn.functional.normalize(queries) @ nn.functional.normalize(gallery).T
    right = (there[cosines.argsort(1, descending=True)] == wanted[:, None]).float()
    place = torch.arange(1, right.shape[1] + 1)
    return (right * right.cumsum(1) / place).sum(1) / right.sum(1)
