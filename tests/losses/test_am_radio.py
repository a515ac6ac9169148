"""The spatial term of AM-RADIO, against torch's own cosine and smooth L1, of all tokens and of the visible ones."""

import pytest
import torch
import torch.nn.functional as F

from kdtoolbox.losses import AMRadio

STUDENT, TEACHER = torch.randn(2, 2, 6, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize('hides', [False, True])
def test_it_is_mostly_the_cosine_and_a_little_smooth_l1_of_the_tokens_that_both_have(hides):
    hidden = torch.tensor([[0, 1, 1, 0, 0, 1, 1, 0], [1, 1, 0, 0, 1, 0, 1, 0]]).bool() if hides else None
    visible = torch.ones(2, 8, dtype=torch.bool) if hidden is None else ~hidden
    student, teacher = (
        torch.stack([clip[:, mask] for clip, mask in zip(side, visible)]) for side in (STUDENT, TEACHER)
    )
    loss = AMRadio()(student, TEACHER.view(2, 6, 2, 2, 2), hidden_tokens=hidden)
    cosine = 1 - F.cosine_similarity(student, teacher, dim=1).mean()
    torch.testing.assert_close(loss, 0.9 * cosine + 0.1 * F.smooth_l1_loss(student, teacher))
    assert AMRadio()(teacher, TEACHER, hidden_tokens=hidden).abs() < 1e-6


def test_a_share_out_of_range_and_other_channels_are_refused():
    with pytest.raises(ValueError, match='cosine_share=1.5: expected 0 to 1'):
        AMRadio(cosine_share=1.5)
    with pytest.raises(ValueError, match=r'the teacher gave \(2, 5, 8\), expected tokens \(N, 6, L\)'):
        AMRadio()(STUDENT, TEACHER[:, :5])
