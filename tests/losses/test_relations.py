"""The losses of relations between clips: against numpy and scipy, by their properties, and over two processes."""

import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist, pdist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from kdtoolbox.losses import PKT, CorrelationCongruence, RKDAngle, RKDDistance, SimilarityPreserving
from kdtoolbox.losses.shared.gathering import gather_batch
from kdtoolbox.registry import MODELS
from tests.losses.extremes import check_extremes
from tests.two_processes import in_two_processes

LOSSES = {
    'SimilarityPreserving': SimilarityPreserving(),
    'CorrelationCongruence': CorrelationCongruence(),
    'RKDDistance': RKDDistance(),
    'RKDAngle': RKDAngle(),
    'PKT': PKT(),
}
every_loss = pytest.mark.parametrize('loss', LOSSES.values(), ids=LOSSES.keys())
NUM_CLIPS = 7
CLIPS_OF_FIRST = (3, 6)  # of two processes; the other has the rest


def vectors(num_clips=6, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(num_clips, 8, generator=generator, dtype=dtype)
    return student.requires_grad_(), torch.randn(num_clips, 5, generator=generator, dtype=dtype)


def directions(features):
    features = features.detach().numpy()
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def huber(x):
    return np.where(np.abs(x) < 1, x**2 / 2, np.abs(x) - 0.5)


def test_similarity_preserving_compares_rows_of_dot_products():
    expected, (student, teacher) = 0, vectors()
    for row, goal in zip(*(x.detach().numpy() @ x.detach().numpy().T for x in (student, teacher))):
        expected += ((row / np.linalg.norm(row) - goal / np.linalg.norm(goal)) ** 2).sum() / 6**2
    assert SimilarityPreserving()(student, teacher).item() == pytest.approx(expected, rel=1e-10)


def test_correlation_congruence_of_high_order_compares_gaussian_kernels():
    student, teacher = vectors()
    kernel, goal = (np.exp(-0.7 * cdist(directions(x), directions(x), 'sqeuclidean')) for x in (student, teacher))
    value = CorrelationCongruence(gamma=0.7, order=25)(student, teacher).item()
    assert value == pytest.approx(((kernel - goal) ** 2).mean(), rel=1e-10)


def test_rkd_distance_is_the_huber_loss_of_distances_in_units_of_their_mean():
    student, teacher = vectors()
    distances, goal = (pdist(x.detach().numpy()) for x in (student, teacher))
    expected = huber(distances / distances.mean() - goal / goal.mean()).sum() * 2 / 6**2
    assert RKDDistance()(student, teacher).item() == pytest.approx(expected, rel=1e-10)


def test_rkd_angle_is_the_huber_loss_of_the_cosines_of_all_triplets():
    student, teacher = vectors(5)

    def cosine(points, i, j, k):
        left, right = points[i] - points[j], points[k] - points[j]
        return left @ right / np.linalg.norm(left) / np.linalg.norm(right)

    got, goal = student.detach().numpy(), teacher.numpy()
    # With i = k the cosine is 1 on both sides.
    expected = (
        sum(huber(cosine(got, *triplet) - cosine(goal, *triplet)) for triplet in itertools.permutations(range(5), 3))
        / 5**3
    )
    assert RKDAngle()(student, teacher).item() == pytest.approx(expected, rel=1e-10)


def test_pkt_is_the_divergence_of_neighbour_probabilities():
    student, teacher = vectors()
    kernel, goal = ((1 + directions(x) @ directions(x).T) / 2 for x in (student, teacher))
    probabilities, targets = (x / x.sum(1, keepdims=True) for x in (kernel, goal))
    expected = (targets * np.log(targets / probabilities)).mean()
    assert PKT()(student, teacher).item() == pytest.approx(expected, rel=1e-4)  # without the small constants


@every_loss
def test_equal_features_give_zero_and_the_gradient_goes_to_the_student_only(loss):
    student, teacher = vectors()
    loss(student, teacher.requires_grad_()).backward()
    assert student.grad.abs().sum() > 0 and teacher.grad is None
    assert loss(student, student).item() == pytest.approx(0, abs=1e-12)


@every_loss
def test_turned_and_scaled_features_give_zero(loss):
    student, _ = vectors()
    turned = 3 * student @ torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64))[0]
    assert loss(student, turned).item() == pytest.approx(0, abs=1e-8)


@every_loss
def test_the_order_of_clips_does_not_matter(loss):
    student, teacher = vectors()
    order = torch.tensor([4, 2, 0, 5, 3, 1])
    assert loss(student[order], teacher[order]).item() == pytest.approx(loss(student, teacher).item(), rel=1e-10)
    assert abs(loss(student[order], teacher).item() / loss(student, teacher).item() - 1) > 1e-3


@every_loss
def test_maps_of_any_sizes_are_taken_as_the_vectors_of_their_elements(loss):
    student, teacher = vectors()
    value = loss(student.view(6, 2, 1, 2, 2), teacher.view(6, 5, 1, 1))
    assert value.item() == pytest.approx(loss(student, teacher).item(), rel=1e-12)


@every_loss
@pytest.mark.parametrize(
    'fill',
    [
        torch.zeros_like,
        torch.ones_like,
        lambda x: x * 1e4,
        lambda x: torch.cat([torch.zeros_like(x[:1]), x[1:]]),
        lambda x: torch.cat([x[1:2], x[1:]]),
        lambda x: torch.cat([-x[1:2], x[1:]]),
    ],
    ids=['zeros', 'ones', 'large', 'one of zeros', 'two equal', 'two opposite'],
)
def test_value_and_gradient_are_finite_and_small_in_the_extreme(loss, fill):
    check_extremes(loss, *vectors(dtype=torch.float32), fill, largest=1e3)


def test_distances_of_near_equal_clips_keep_their_digits_in_float32():
    """Features of an image network share a large mean; what tells clips apart is the small rest."""
    student, teacher = vectors()
    expected = RKDDistance()(student * 1e-3 + 1, teacher).item()
    assert RKDDistance()((student * 1e-3 + 1).float(), teacher.float()).item() == pytest.approx(expected, rel=1e-3)


@every_loss
def test_double_precision_stays(loss):
    assert loss(*vectors()).dtype == torch.float64


@every_loss
def test_too_small_a_batch_is_refused_with_the_fix(loss):
    needed = type(loss).card.min_batch_size
    assert loss(*vectors(needed)).isfinite()
    with pytest.raises(ValueError, match=f'batch_size to {needed} or more and drop_last=True'):
        loss(*vectors(needed - 1))


@every_loss
def test_other_numbers_of_clips_are_refused(loss):
    with pytest.raises(ValueError, match='the same N clips'):
        loss(torch.ones(4, 2), torch.ones(8, 2))


@pytest.mark.parametrize('options', [dict(gamma=0), dict(gamma=float('inf')), dict(order=0)])
def test_correlation_congruence_refuses_options_out_of_range(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        MODELS.build(dict(type='CorrelationCongruence', **options))


@every_loss
def test_each_loss_is_registered_by_its_name_and_says_that_it_compares_clips(loss):
    assert type(MODELS.build(dict(type=type(loss).__name__))) is type(loss)
    assert 'batch' in loss.card.needs and loss.card.checked_against and loss.card.min_batch_size > 1


def one_step(rank, num_processes, clips_of_first=NUM_CLIPS):
    """Value and averaged gradient of each loss where the first process holds so many of the clips."""
    generator = torch.Generator().manual_seed(0)
    clips, targets = (torch.randn(NUM_CLIPS, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    part = slice(0, clips_of_first) if rank == 0 else slice(clips_of_first, None)
    clips, targets = clips[part], targets[part]
    results = {}
    for name, loss in LOSSES.items():
        student = nn.Linear(4, 3, dtype=torch.float64)
        with torch.no_grad():
            student.weight.copy_(torch.arange(12.0).view(3, 4).sin())
            student.bias.fill_(0.1)
        network = DistributedDataParallel(student) if num_processes > 1 else student
        value = loss(network(clips), targets)
        value.backward()
        results[name] = [value.item(), *student.weight.grad.flatten().tolist()]
    labels = gather_batch(torch.arange(len(clips)) + 10 * rank)
    return {'losses': results, 'labels': labels.tolist()}


def steps_of_process(rank, num_processes):
    return [one_step(rank, num_processes, clips_of_first) for clips_of_first in CLIPS_OF_FIRST]


def test_two_processes_give_the_value_and_the_students_gradient_that_one_gives(tmp_path):
    """However the clips are shared out, and where a process has a single one."""
    results = in_two_processes(steps_of_process, tmp_path)
    alone = one_step(0, 1)['losses']
    for result in results:
        for step, clips_of_first in zip(result, CLIPS_OF_FIRST, strict=True):
            assert step['losses'] == {name: pytest.approx(alone[name], rel=1e-9, abs=1e-12) for name in LOSSES}
            dealt = itertools.zip_longest(range(clips_of_first), range(10, 10 + NUM_CLIPS - clips_of_first))
            assert step['labels'] == [label for pair in dealt for label in pair if label is not None]


def test_gathering_in_one_process_is_the_batch_itself():
    batch = torch.ones(2, 3, requires_grad=True)
    assert gather_batch(batch) is batch


def test_pkt_of_opposite_vectors_is_never_nan():
    """Their cosine is -1 less a rounding error in one of seven batches."""
    torch.manual_seed(0)
    for _ in range(100):
        clip, teacher = torch.randn(512), torch.randn(2, 512)
        student = torch.stack([clip, -clip]).requires_grad_()
        for target in (teacher, student.detach()):
            value = PKT()(student, target)
            value.backward()
            assert value.isfinite() and student.grad.isfinite().all()


def test_a_clip_much_weaker_than_the_others_keeps_its_similarities():
    student, teacher = vectors()
    student = student.detach().float()
    student[0] *= 1e-14
    expected = SimilarityPreserving()(student.double(), teacher).item()
    assert SimilarityPreserving()(student, teacher.float()).item() == pytest.approx(expected, rel=1e-5)
