"""Which tokens are hidden: numbers, tubes, weights, and draws that depend on seed, step and sample alone."""

import pytest
import torch

from kdtoolbox.hidden_tokens import AttentionTokens, RandomTokens, TubeTokens

GRID, IDS = (4, 6, 6), ['a', 'b', 'c']
KINDS = {'RandomTokens': RandomTokens, 'TubeTokens': TubeTokens, 'AttentionTokens': AttentionTokens}
every_kind = pytest.mark.parametrize('kind', KINDS.values(), ids=KINDS.keys())


@every_kind
@pytest.mark.parametrize('keep', [0.02, 0.2, 0.5, 0.97])
def test_every_clip_keeps_as_many_as_the_papers_codes_do(kind, keep):
    hidden = kind(keep=keep)(GRID, IDS)
    total = 144 if kind is RandomTokens else 36
    visible = (~hidden.view(3, -1, total)).sum(2)
    assert hidden.shape == (3, 144) and (visible == total - int(total * (1 - keep) + 1e-9)).all()


@every_kind
def test_all_kept_is_none(kind):
    assert kind(keep=1)(GRID, IDS) is None


@every_kind
@pytest.mark.parametrize('keep', [0, -0.1, 1.1])
def test_a_share_that_leaves_no_token_is_refused(kind, keep):
    with pytest.raises(ValueError, match=f'keep={keep} leaves'):
        kind(keep=keep)
    with pytest.raises(ValueError, match="keep='a fifth': expected a number"):
        kind(keep='a fifth')


@every_kind
def test_a_clip_has_its_own_tokens_in_whatever_batch_it_comes(kind):
    """So several processes draw what one would draw."""
    whole = kind(keep=0.3, seed=5)(GRID, IDS)
    for place, sample in enumerate(IDS):
        assert torch.equal(kind(keep=0.3, seed=5)(GRID, [sample])[0], whole[place])
    assert not torch.equal(whole[0], whole[1])


@every_kind
def test_several_clips_of_a_video_in_a_batch_are_hidden_each_in_its_own_way(kind):
    drawn = kind(keep=0.3, seed=5)(GRID, [IDS[0], IDS[1], IDS[0]])
    assert torch.equal(drawn[:2], kind(keep=0.3, seed=5)(GRID, IDS[:2])) and not torch.equal(drawn[0], drawn[2])


@every_kind
def test_another_step_or_seed_draws_anew_and_a_resumed_one_goes_on(kind):
    first = kind(keep=0.3)
    draws = [first(GRID, IDS) for _ in range(3)]
    assert not torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], kind(keep=0.3, seed=1)(GRID, IDS))
    resumed = kind(keep=0.3)
    resumed.load_state_dict({'step': torch.tensor(2)})
    assert torch.equal(resumed(GRID, IDS), draws[2])


@every_kind
def test_the_generator_of_the_training_is_not_touched(kind):
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    kind(keep=0.3)(GRID, IDS)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_tubes_are_the_same_in_all_time_steps():
    hidden = TubeTokens(keep=0.3)(GRID, IDS).view(3, 4, 36)
    assert (hidden == hidden[:, :1]).all()


def test_tokens_of_each_step_are_as_many():
    hidden = RandomTokens(keep=0.3, each_step=True)(GRID, IDS).view(3, 4, 36)
    assert ((~hidden).sum(2) == 11).all() and not (hidden == hidden[:, :1]).all()


def test_tokens_are_drawn_without_replacement_by_the_attention():
    """Of 4 patches with weights 1 to 4 two are kept: the chance of each pair, over many clips, is multinomial's."""
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0])
    num_clips = 4000
    hidden = AttentionTokens(keep=0.5)(
        (1, 2, 2), [str(number) for number in range(num_clips)], weights=weights.view(1, 4, 1).expand(num_clips, -1, -1)
    )
    share = (~hidden).double().mean(0)
    p = weights / weights.sum()
    expected = torch.stack([p[i] + sum(p[j] * p[i] / (1 - p[j]) for j in range(4) if j != i) for i in range(4)])
    torch.testing.assert_close(share, expected.double(), atol=0.03, rtol=0)


def test_attention_is_matched_by_position_and_none_at_all_is_never_kept():
    attention = torch.zeros(1, 8, 12, 12)
    attention[:, ::2, :6, 6:] = 1  # of the first frame of each time step, the upper right quarter
    weights = attention.flatten(2).transpose(1, 2)
    visible = ~AttentionTokens(keep=0.2)((4, 6, 6), ['a'], weights=weights).view(4, 6, 6)
    assert visible[:, :3, 3:].flatten(1).sum(1).tolist() == [8] * 4
    assert (
        not AttentionTokens(keep=0.2, frames='mean')((4, 6, 6), ['a'], weights=weights).view(4, 6, 6)[:, :3, 3:].all()
    )


def test_grids_that_do_not_cover_the_clip_alike_are_said_with_both():
    weights = torch.ones(1, 144, 6)
    with pytest.raises(ValueError, match=r"teacher's grid \(6, 12, 12\) and the student's \(4, 6, 6\)"):
        AttentionTokens(keep=0.2)((4, 6, 6), ['a'], weights=weights)
    with pytest.raises(ValueError, match='143 patches a frame are no square'):
        AttentionTokens(keep=0.2)((4, 6, 6), ['a'], weights=torch.ones(1, 143, 4))
    with pytest.raises(ValueError, match="frames='last'"):
        AttentionTokens(keep=0.2, frames='last')
