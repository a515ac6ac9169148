"""A video teacher that computes more tokens than the student, but not all (AMD)."""

import pytest
import torch

from kdtoolbox.hidden_tokens import AttentionTokens, RandomTokens, TubeTokens
from kdtoolbox.losses import AMD, UMT
from kdtoolbox.registry import MODELS
from kdtoolbox.teachers import RecognizerTeacher, VideoTeacher
from kdtoolbox.teachers.token_layout import in_place
from tests import tiny
from tests.distillers.test_student_tokens import MVD_LOSS, TEACHER, losses_of
from tests.teachers.test_video_teacher import VIEW, model_of

TOKENS = dict(type='TubeTokens', keep=0.25, teacher_keep=0.5)
VIDEO_TEACHER = dict(type='RecognizerTeacher', recognizer=tiny.transformer_config(), view=dict(size=32))
TERM = dict(
    student='backbone.blocks.1',
    student_connector=dict(type='PatchTokens'),
    loss=dict(type='AMD', student_channels='auto', teacher_channels='auto', decoder_heads=2),
)
CLIPS = torch.randn(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
HIDDEN = TubeTokens(keep=0.5)(tiny.TOKEN_GRID, ['a', 'b'])


def distiller(loss=None, *, teacher=VIDEO_TEACHER, tokens=TOKENS, path='backbone.blocks.1', num_prefix_tokens=0):
    torch.manual_seed(0)
    to_map = dict(type='TokensToMap', num_prefix_tokens=num_prefix_tokens)
    term = dict(TERM, teacher=path, teacher_connector=[to_map, dict(type='MatchGrid', grid=tiny.TOKEN_GRID)])
    return MODELS.build(
        dict(
            type='Distiller',
            student=tiny.transformer_config(),
            teacher=teacher,
            terms=dict(amd=dict(term, loss=loss) if loss else term),
            student_view=dict(size=32),
            clip_shape=(4, 32, 32),
            student_tokens=tokens,
            use_labels=False,
        )
    ).train()


@pytest.mark.parametrize('kind', [RandomTokens, TubeTokens, AttentionTokens])
def test_the_teacher_sees_all_that_the_student_sees_and_more(kind):
    names = dict(teacher='clip', teacher_keep=dict(video=0.5)) if kind is AttentionTokens else dict(teacher_keep=0.5)
    tokens = kind(keep=0.25, **names)
    student = tokens(tiny.TOKEN_GRID, ['a', 'b'])
    (teacher,) = tokens.of_teachers(tiny.TOKEN_GRID, ['a', 'b']).values()
    assert torch.equal(student, kind(keep=0.25)(tiny.TOKEN_GRID, ['a', 'b']))
    assert ((~teacher).sum(1) == 16).all() and not (teacher & ~student).any()


def test_the_blocks_of_the_teacher_compute_its_tokens_alone():
    model = distiller()
    seen = []
    for network in (model.student, model.teachers[''].network):
        network.backbone.blocks[0].register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
    losses = losses_of(model)
    assert sorted(seen) == [8, 16]
    losses['loss_amd'].backward()
    assert model.student.backbone.blocks[0].attn.qkv.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('kind', ['mmaction2', 'transformers'])
def test_its_tokens_are_at_their_places_and_those_of_the_visible_ones_alone(kind):
    if kind == 'mmaction2':
        teacher, path = RecognizerTeacher(tiny.transformer_config(), view=dict(size=32)), 'backbone.blocks.1'
    else:
        teacher, path = VideoTeacher(model_of('videomae'), view=VIEW), 'encoder.layer.1'
    teacher.check_hides()
    teacher.listen([path])
    tokens = teacher.outputs_of_visible(CLIPS, HIDDEN)[path].flatten(2)
    assert tokens.shape == (2, 16, 32)
    assert (tokens.transpose(1, 2)[HIDDEN] == 0).all() and (tokens.transpose(1, 2)[~HIDDEN] != 0).any()
    changed = CLIPS.clone()
    pixels = HIDDEN.view(2, *tiny.TOKEN_GRID).float()
    pixels = torch.nn.functional.interpolate(pixels[:, None], (4, 32, 32), mode='nearest')[:, 0].bool()
    changed = torch.where(pixels[:, :, None], torch.tensor(9.0), changed)
    assert torch.equal(teacher.outputs_of_visible(changed, HIDDEN)[path].flatten(2), tokens)


def test_amd_generates_those_that_the_teacher_alone_sees():
    """As if the positions that nobody sees were not there, but for the position table."""
    torch.manual_seed(0)
    loss = AMD(6, 8, decoder_heads=2)
    loss.generators[0].forward = lambda visible, hidden, wanted: visible.new_zeros(1, int(wanted.sum()), 8)
    hidden = torch.tensor([[False, True, True, False, True]])
    of_teacher = torch.tensor([[False, False, True, False, True]])
    student, teacher = torch.randn(1, 6, 2), torch.randn(1, 8, 5)
    direct = (loss.aligners[0](student.mT) - teacher[:, :, [0, 3]].mT).square().mean()
    expected = direct + teacher[:, :, 1].square().mean()
    torch.testing.assert_close(loss(student, teacher, hidden, of_teacher), expected)
    with pytest.raises(ValueError, match='no more tokens than the student.*teacher_keep'):
        loss(student, teacher, hidden, hidden)


def test_the_decoder_of_some_positions_is_that_of_all_without_the_others():
    torch.manual_seed(0)
    decoder = AMD(6, 8, decoder_heads=2).generators[0]
    hidden = torch.tensor([[False, True, True, False, True]])
    visible = torch.randn(1, 2, 8)
    torch.testing.assert_close(decoder(visible, hidden, hidden), decoder(visible, hidden))
    assert decoder(visible, hidden, torch.tensor([[False, False, True, False, False]])).shape == (1, 1, 8)


def test_a_loss_of_the_tokens_that_both_see_needs_no_more():
    model = distiller(dict(type='UMT', student_channels='auto', teacher_channels='auto'))
    assert isinstance(model.criterion.terms['amd'].loss, UMT)
    assert losses_of(model)['loss_amd'].isfinite()


def test_tokens_go_to_their_places():
    whole = in_place(torch.arange(4.0).view(2, 2, 1), torch.tensor([[False, True, False], [True, False, False]]))
    assert whole[..., 0].tolist() == [[0, 0, 1], [0, 2, 3]]


MISTAKES = {
    'less than the student': (dict(tokens=dict(TOKENS, teacher_keep=0.1)), 'teacher_keep=0.1: expected keep=0.25 or'),
    'the teacher whose attention is asked': (
        dict(tokens=dict(TOKENS, type='AttentionTokens')),
        'attention to all tokens: drop teacher_keep',
    ),
    'a loss that takes all tokens': (dict(loss=MVD_LOSS), 'MVD would learn the others, which are 0'),
    'a teacher of images': (
        dict(teacher=TEACHER, path='blocks.1', num_prefix_tokens=1),
        'ImageTeacher computes all it sees',
    ),
    'no such teacher': (dict(tokens=dict(TOKENS, teacher_keep=dict(b=0.5))), "teacher_keep of 'b' is of no teacher"),
}


@pytest.mark.parametrize('options, message', MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_one_clear_line(options, message):
    with pytest.raises(ValueError, match=message) as error:
        distiller(**options)
    assert '\n' not in str(error.value)
