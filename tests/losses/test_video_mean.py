"""VideoMean against means over lists."""

import pytest
import torch

from kdtoolbox.losses import VideoMean
from kdtoolbox.losses.shared.wrapped_loss import extra_inputs


def test_the_target_is_the_mean_of_all_vectors_of_the_video_that_were_seen():
    torch.manual_seed(0)
    loss, seen = VideoMean(loss=dict(type='L2')), {}
    for ids in (['a', 'b'], ['b', 'c'], ['a', 'a'], ['c', 'd']):  # a twice in one batch
        student, teacher = torch.randn(2, 3), torch.randn(2, 3)
        for name, vector in zip(ids, teacher):
            seen.setdefault(name, []).append(vector)
        targets = torch.stack([torch.stack(seen[name]).mean(0) for name in ids])
        assert loss(student, teacher, sample_ids=ids) == pytest.approx((student - targets).square().mean().item())


def test_a_stored_memory_is_gone_on_with_and_evaluation_adds_nothing():
    loss, other = VideoMean(loss=dict(type='L2')), VideoMean(loss=dict(type='L2'))
    zero = torch.zeros(1, 2)
    loss(zero, torch.tensor([[2.0, 2.0]]), sample_ids=['a'])
    other.load_state_dict(loss.state_dict())
    assert other(zero, torch.tensor([[4.0, 4.0]]), sample_ids=['a']) == 9.0
    other.eval()
    assert other(zero, torch.tensor([[9.0, 9.0]]), sample_ids=['a']) == 9.0
    assert other(zero, torch.tensor([[9.0, 9.0]]), sample_ids=['new']) == 81.0
    assert other.counts.tolist() == [2.0]


def test_vectors_that_are_not_finite_are_left_out():
    loss = VideoMean(loss=dict(type='L2'))
    loss(torch.zeros(1, 1), torch.tensor([[1.0]]), sample_ids=['a'])
    assert loss(torch.zeros(1, 1), torch.tensor([[torch.inf]]), sample_ids=['a']) == 1.0


def test_the_inputs_of_the_wrapped_loss_are_asked_for_and_passed_on():
    loss = VideoMean(loss=dict(type='DKD'))
    assert set(extra_inputs(loss)) == {'sample_ids', 'labels'}
    logits = torch.randn(2, 4)
    value = loss(logits, logits, sample_ids=['a', 'b'], labels=torch.tensor([0, 1]))
    assert value == pytest.approx(0, abs=1e-5)


def test_maps_and_samples_without_an_id_are_refused():
    loss = VideoMean(loss=dict(type='L2'))
    with pytest.raises(ValueError, match='expected vectors'):
        loss(torch.zeros(1, 2, 1), torch.zeros(1, 2, 1), sample_ids=['a'])
    with pytest.raises(ValueError, match='has none'):
        loss(torch.zeros(1, 2), torch.zeros(1, 2), sample_ids=[None])
