"""Contrastive representation distillation and its memory."""

import pytest
import torch
import torch.nn.functional as F

from kdtoolbox.losses.relations.contrast_memory import FREE, ContrastMemory, sample_key
from kdtoolbox.losses.relations.crd import CRD, draw_negatives, noise_contrastive

NUM_SAMPLES = 12


def build(**options):
    torch.manual_seed(0)
    return CRD(4, 6, **{**dict(num_samples=NUM_SAMPLES, feature_dim=5, num_negatives=8), **options})


def batch(number, num=4):
    """Student's and teacher's vectors and ids of the batch of this number."""
    generator = torch.Generator().manual_seed(number)
    ids = [f'video_{(number * num + clip) % NUM_SAMPLES}' for clip in range(num)]
    return torch.randn(num, 4, generator=generator), torch.randn(num, 6, generator=generator), ids


def test_the_loss_is_that_of_a_classifier_between_one_positive_and_noise():
    scores = torch.randn(3, 8, dtype=torch.float64)
    ratio, noise = scores.exp(), 7 / 50
    expected = -(ratio[:, 0] / (ratio[:, 0] + noise)).log() - (noise / (ratio[:, 1:] + noise)).log().sum(1)
    torch.testing.assert_close(noise_contrastive(scores, num_samples=50), expected.mean(), rtol=1e-5, atol=0)


def test_scores_of_any_size_give_a_finite_loss():
    scores = torch.tensor([[-1e4, 1e4, 0.0], [1e4, -1e4, -1e4]], requires_grad=True)
    noise_contrastive(scores, num_samples=100).backward()
    assert torch.isfinite(scores.grad).all()
    assert torch.isfinite(build(temperature=1e-3)(*batch(0)))


def test_negatives_are_all_other_samples_alike_and_never_the_sample_itself():
    torch.manual_seed(0)
    slots = torch.tensor([0, 3, 9])
    negatives = draw_negatives(slots, num_negatives=20_000, num_samples=10)
    for slot, drawn in zip(slots.tolist(), negatives):
        share = torch.bincount(drawn, minlength=10) / len(drawn)
        assert share[slot] == 0
        others = torch.arange(10) != slot
        torch.testing.assert_close(share[others], torch.full((9,), 1 / 9), atol=0.01, rtol=0)


def test_a_sample_keeps_its_slot_whatever_comes_between():
    memory = ContrastMemory(5, 3, momentum=0.5)
    assert memory.slots_of(['a', 'b', 'a'])[0].tolist() == [0, 1, 0]
    assert memory.slots_of(['d', 'b', 'c'])[0].tolist() == [2, 1, 3]
    assert memory.slots_of(['c', 'a'])[1].tolist() == [3, 0]
    assert memory.keys.tolist() == [*map(sample_key, 'abdc'), FREE]


def test_more_samples_than_slots_are_refused_and_change_nothing():
    memory = ContrastMemory(2, 3, momentum=0.5)
    memory.slots_of(['a'])
    with pytest.raises(ValueError, match='num_samples=2, but 3 different samples'):
        memory.slots_of(['b', 'c'])
    assert memory.slots_of(['a', 'd'])[0].tolist() == [0, 1]


@pytest.mark.parametrize('sample_ids', [None, ['a', None]])
def test_samples_without_an_id_are_refused(sample_ids):
    with pytest.raises(ValueError, match='sample_id'):
        build()(*batch(0, num=2)[:2], sample_ids=sample_ids)


def test_the_memory_moves_towards_the_batch_on_the_unit_sphere():
    memory = ContrastMemory(4, 3, momentum=0.25)
    before = memory.student.clone()
    embeddings = F.normalize(torch.randn(2, 3))
    memory.update(torch.tensor([2, 0]), embeddings, embeddings)
    torch.testing.assert_close(memory.student[[2, 0]], F.normalize(0.25 * before[[2, 0]] + 0.75 * embeddings))
    assert torch.equal(memory.student[[1, 3]], before[[1, 3]])


def test_of_a_sample_that_is_there_twice_the_last_one_counts():
    memory = ContrastMemory(4, 3, momentum=0.0)
    embeddings = F.normalize(torch.randn(3, 3))
    memory.update(torch.tensor([1, 2, 1]), embeddings, embeddings)
    torch.testing.assert_close(memory.teacher[[1, 2]], embeddings[[2, 1]])


def test_the_normalisers_are_those_of_the_first_batch():
    loss = build()
    loss(*batch(0))
    first = loss.memory.log_normalisers.clone()
    loss(*batch(1))
    assert torch.isfinite(first).all() and torch.equal(loss.memory.log_normalisers, first)


def test_without_training_nothing_is_remembered_but_the_slots():
    loss = build().eval()
    before = {name: value.clone() for name, value in loss.memory.state_dict().items() if name != 'keys'}
    loss(*batch(0))
    assert all(torch.equal(loss.memory.state_dict()[name], value) for name, value in before.items())


def test_a_resumed_run_goes_on_exactly():
    """The state is tensors only, as mmengine's checkpoints demand."""
    loss = build()
    loss(*batch(0)), loss(*batch(1))
    state = {name: value.clone() for name, value in loss.state_dict().items()}
    resumed = CRD(4, 6, num_samples=NUM_SAMPLES, feature_dim=5, num_negatives=8)
    resumed.load_state_dict(state, strict=True)
    values = []
    for one in (loss, resumed):
        torch.manual_seed(7)
        values.append((one(*batch(2)), one(*batch(0))))
    assert values[0] == values[1]
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in loss.state_dict().items())


def test_a_student_that_agrees_in_the_embedding_is_better_than_one_that_does_not():
    loss = build(num_negatives=64, momentum=0.0)
    vectors = torch.eye(6)[:4]
    loss.embed_teacher.weight.data.copy_(torch.eye(5, 6))
    loss.embed_teacher.bias.data.zero_()
    loss.embed_student.weight.data.copy_(torch.eye(5, 4))
    loss.embed_student.bias.data.zero_()
    ids = list('abcd')
    for _ in range(2):  # the second visit meets the memory of the first
        loss(vectors[:, :4], vectors, ids)
    loss.eval()
    torch.manual_seed(0)
    right = loss(vectors[:, :4], vectors, ids)
    torch.manual_seed(0)
    assert right < loss(vectors[:, :4].roll(1, 0), vectors, ids)


@pytest.mark.parametrize(
    'options, message',
    [
        ({'num_samples': 1}, 'num_samples=1'),
        ({'momentum': 1.0}, 'momentum=1.0'),
        ({'temperature': 0.0}, 'temperature 0.0'),
        ({'num_negatives': 0}, 'num_negatives is 0'),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_maps_are_refused_by_the_name_of_the_connector():
    with pytest.raises(ValueError, match='GlobalPool'):
        build()(torch.randn(2, 4, 3, 3), torch.randn(2, 6), ['a', 'b'])


def test_an_infinite_or_nan_embedding_does_not_stay_in_the_memory():
    loss = build()
    loss(*batch(0))
    student, teacher, ids = batch(0)
    before = loss.memory.student.clone()
    student[1], teacher[2] = torch.nan, torch.inf
    loss(student, teacher, ids)
    assert loss.memory.student.isfinite().all() and loss.memory.teacher.isfinite().all()
    changed = (loss.memory.student != before).any(1).nonzero().flatten().tolist()
    slots, _ = loss.memory.slots_of(ids)
    assert sorted(changed) == sorted(slots[[0, 3]].tolist())


def test_a_first_batch_with_nan_does_not_fix_the_normalisers():
    loss = build()
    student, teacher, ids = batch(0)
    assert loss(torch.full_like(student, torch.nan), teacher, ids).isnan()
    assert loss(student, teacher, ids).isfinite() and loss.memory.log_normalisers.isfinite().all()
