"""A distiller whose student sees some of its tokens: what is trained on what, and what is refused."""

import copy

import pytest
import timm
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.optim.optimizer import amp_optimizer_wrapper
from mmengine.runner.activation_checkpointing import turn_on_activation_checkpointing

from kdtoolbox.registry import MODELS
from tests import tiny

TIME, HEIGHT, WIDTH = tiny.TOKEN_GRID


@MODELS.register_module(force=True)
class TinyViT(timm.models.VisionTransformer):
    """An image transformer of two blocks, 4 x 4 patches of frames of 24²."""

    def __init__(self, **options) -> None:
        super().__init__(img_size=24, patch_size=6, embed_dim=8, depth=2, num_heads=2, num_classes=7, **options)


TEACHER = dict(type='ImageTeacher', model=dict(type='TinyViT'), view=dict(size=24, frame_stride=2))
UMT = dict(
    student='backbone.blocks.1',
    teacher='blocks.1',
    student_connector=dict(type='PatchTokens'),
    teacher_connector=[
        dict(type='TokensToMap', num_prefix_tokens=1),
        dict(type='MatchGrid', grid=tiny.TOKEN_GRID),
    ],
    loss=dict(type='UMT', student_channels='auto', teacher_channels='auto'),
)
SMALL_DECODER = dict(decoder_channels=8, decoder_depth=1, decoder_heads=2)
MVD_LOSS = dict(type='MVD', student_channels='auto', teacher_channels='auto', **SMALL_DECODER)
MVD = dict(UMT, loss=MVD_LOSS)
VIDEO_MAE = dict(
    student='backbone.blocks.1',
    teacher=None,
    student_connector=dict(type='PatchTokens'),
    loss=dict(type='VideoMAE', student_channels='auto', tubelet=(2, 8, 8), **SMALL_DECODER),
)


def distiller(terms=None, *, teacher=TEACHER, student=None, **options):
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='Distiller',
            student=student or tiny.transformer_config(),
            teacher=teacher,
            terms={'umt': UMT} if terms is None else terms,
            student_view=dict(size=32),
            clip_shape=(4, 32, 32),
            **options,
        )
    ).train()


def losses_of(model, *, size=2, ids=None):
    batch = tiny.batch(size, frames=4, pixels=32)
    for number, sample in enumerate(batch['data_samples']):
        sample.set_metainfo(dict(sample_id=ids[number] if ids else f'video{number}'))
    data = model.data_preprocessor(batch, training=True)
    return model(**data, mode='loss')


@pytest.mark.parametrize('kind', ['RandomTokens', 'TubeTokens', 'AttentionTokens'])
def test_the_blocks_compute_the_visible_tokens_and_the_task_sees_all(kind):
    model = distiller(student_tokens=dict(type=kind, keep=0.25))
    seen = []
    model.student.backbone.blocks[0].register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
    losses = losses_of(model)
    assert seen == [8, 32]
    plain = distiller(terms={}, teacher=None)
    torch.testing.assert_close(losses['loss_cls'], losses_of(plain)['loss_cls'])
    (losses['loss_umt'] + losses['loss_cls']).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_the_task_may_see_what_the_terms_see_in_the_same_pass():
    model = distiller(student_tokens=dict(type='RandomTokens', keep=0.25), task_sees='visible')
    seen = []
    model.student.backbone.blocks[0].register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
    losses_of(model)
    assert seen == [8]


def test_without_labels_there_is_one_pass():
    model = distiller(student_tokens=dict(type='RandomTokens', keep=0.25), use_labels=False)
    seen = []
    model.student.backbone.blocks[0].register_forward_hook(lambda module, inputs, output: seen.append(output.shape[1]))
    assert losses_of(model).keys() == {'loss_umt'} and seen == [8]


def test_all_kept_is_the_same_as_no_hiding_bit_by_bit():
    results = []
    for options in ({}, dict(student_tokens=dict(type='RandomTokens', keep=1))):
        model = distiller(**options)
        losses = losses_of(model)
        sum(value for key, value in losses.items() if 'loss' in key).backward()
        results.append((losses, {key: parameter.grad for key, parameter in model.named_parameters()}))
    (plain, gradients), (kept, others) = results
    assert all(torch.equal(plain[key], kept[key]) for key in plain) and plain.keys() == kept.keys()
    assert all(torch.equal(gradients[key], others[key]) for key in gradients)


def test_prediction_sees_all_tokens_and_the_students_state_is_mmaction2s():
    model, plain = distiller(student_tokens=dict(type='TubeTokens', keep=0.25)), distiller(terms={}, teacher=None)
    assert model.student.state_dict().keys() == plain.student.state_dict().keys()
    plain.student.load_state_dict(model.student.state_dict(), strict=True)
    batch = tiny.batch(2, frames=4, pixels=32)
    scores = []
    for one in (model.eval(), plain.eval()):
        data = one.data_preprocessor(copy.deepcopy(batch), training=False)
        scores.append(torch.stack([sample.pred_scores.item for sample in one(**data, mode='predict')]))
    assert torch.equal(*scores)


@pytest.mark.parametrize('kind', ['RandomTokens', 'AttentionTokens'])
def test_two_halves_of_a_batch_have_the_loss_of_the_whole_and_a_resumed_run_goes_on(kind):
    options = dict(student_tokens=dict(type=kind, keep=0.25), use_labels=False)
    whole = losses_of(distiller(**options), size=2)['loss_umt']
    first = distiller(**options)
    batch = tiny.batch(2, frames=4, pixels=32)
    parts = []
    for number in range(2):
        half = distiller(**options)
        sample = batch['data_samples'][number]
        sample.set_metainfo(dict(sample_id=f'video{number}'))
        data = half.data_preprocessor({'inputs': [batch['inputs'][number]], 'data_samples': [sample]}, training=True)
        parts.append(half(**data, mode='loss')['loss_umt'])
    torch.testing.assert_close(torch.stack(parts).mean(), whole)
    steps = [losses_of(first)['loss_umt'] for _ in range(2)]
    state = copy.deepcopy(first.state_dict())
    steps.append(losses_of(first)['loss_umt'])
    resumed = distiller(**options)
    resumed.load_state_dict(state)
    assert torch.equal(losses_of(resumed)['loss_umt'], steps[2])
    assert not torch.equal(steps[1], steps[2])


def test_hidden_tokens_and_pixels_are_predicted_and_everything_learns():
    model = distiller(
        dict(mvd=MVD, pixels=VIDEO_MAE), student_tokens=dict(type='TubeTokens', keep=0.25), use_labels=False
    )
    losses = losses_of(model)
    sum(losses.values()).backward()
    backbone = [parameter for name, parameter in model.student.named_parameters() if 'cls_head' not in name]
    learning = [*backbone, *model.criterion.parameters()]
    missing = [parameter for parameter in learning if parameter.grad is None]
    assert losses.keys() == {'loss_mvd', 'loss_pixels'}
    assert len(missing) == 2  # the last norm of the student, behind the tapped block: weight and bias


def test_attention_tokens_follow_the_teachers_attention():
    model = distiller(student_tokens=dict(type='AttentionTokens', keep=0.25))
    with torch.no_grad():
        model.teachers[''].network.blocks[1].attn.qkv.weight.mul_(100)  # random ones look everywhere alike
    looked = {}
    model.teachers[''].register_forward_hook(lambda module, inputs, output: looked.update(output))
    drawn = []
    model.student_tokens.register_forward_hook(lambda module, inputs, output: drawn.append(output))
    for _ in range(30):
        losses_of(model)
    attention = looked['class_attention'].transpose(1, 2)  # (N, T, places)
    share = 1 - torch.stack(drawn).float().mean(0).view(2, TIME, HEIGHT * WIDTH)
    assert ((share * attention).sum(2) > 0.35 * attention.sum(2)).all()


RESNET = dict(type='ImageTeacher', model=dict(type='TinyImageNet'), view=dict(size=24, frame_stride=2))
MISTAKES = {
    'more prefix tokens than there are': (
        dict(terms=dict(umt=dict(UMT, teacher_connector=[dict(type='TokensToMap', num_prefix_tokens=2)]))),
        'num_prefix_tokens=2 do not fill',
    ),
    'prefix tokens of a student that has none': (
        dict(terms=dict(umt=dict(UMT, student_connector=dict(type='PatchTokens', num_prefix_tokens=1)))),
        'gave 7 tokens, but 8 of 32 positions are visible',
    ),
    'a teacher without attention': (
        dict(
            teacher=dict(a=TEACHER, b=RESNET),
            terms=dict(umt=dict(UMT, teacher='a.blocks.1')),
            student_tokens=dict(type='AttentionTokens', keep=0.25, teacher='b'),
        ),
        'TinyImageNet has no attention',
    ),
    'no such teacher': (
        dict(
            teacher=dict(a=TEACHER),
            terms=dict(umt=dict(UMT, teacher='a.blocks.1')),
            student_tokens=dict(type='AttentionTokens', keep=0.25, teacher='c'),
        ),
        r"AttentionTokens teacher='c' names no teacher: expected one of \['a'\]",
    ),
    'none of several teachers': (
        dict(
            teacher=dict(a=TEACHER, b=TEACHER),
            terms=dict(umt=dict(UMT, teacher=['a.blocks.1']), two=dict(UMT, teacher='b.blocks.1')),
            student_tokens=dict(type='AttentionTokens', keep=0.25),
        ),
        r"AttentionTokens teacher='' names no teacher: expected one of \['a', 'b'\]",
    ),
    'attention without a teacher': (
        dict(terms=dict(pixels=VIDEO_MAE), teacher=None, student_tokens=dict(type='AttentionTokens', keep=0.25)),
        'names no teacher: there is none, so take RandomTokens',
    ),
    'no token left': (dict(student_tokens=dict(type='RandomTokens', keep=0)), 'keep=0 leaves no token'),
    'a grid that does not divide': (
        dict(
            terms=dict(
                umt=dict(
                    UMT,
                    teacher_connector=[
                        dict(type='TokensToMap', num_prefix_tokens=1),
                        dict(type='MatchGrid', grid=(3, 4, 4)),
                    ],
                )
            )
        ),
        r'grid \(2, 4, 4\) and the student.s \(3, 4, 4\)',
    ),
    'a student without tokens': (
        dict(student=tiny.student_config(), terms={}, teacher=None),
        'ResNet3d has no tokens to leave out',
    ),
    'a loss of hidden tokens where none is hidden': (
        dict(terms=dict(mvd=MVD), student_tokens=None),
        'MVD.*none is hidden|MVD predicts hidden tokens',
    ),
    "another tubelet than the student's": (
        dict(terms=dict(pixels=dict(VIDEO_MAE, loss=dict(VIDEO_MAE['loss'], tubelet=(1, 8, 8)))), teacher=None),
        r'tubelet=\(1, 8, 8\) cuts clips of \(4, 32, 32\) into 64 cubes, but the student has 32 tokens: expected',
    ),
    'something else that chooses': (dict(student_tokens=dict(type='GlobalPool')), 'expected RandomTokens, TubeTokens'),
    'a task that sees something else': (dict(task_sees='hidden'), "task_sees='hidden'"),
    'a task that sees what is visible of all': (
        dict(student_tokens=None, task_sees='visible'),
        'without student_tokens',
    ),
}


@pytest.mark.parametrize('options, message', MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_one_clear_line(options, message):
    options = {'student_tokens': dict(type='RandomTokens', keep=0.25), **options}
    with pytest.raises(ValueError, match=message) as error:
        distiller(**options)
    assert '\n' not in str(error.value)


def test_mixing_of_clips_does_not_go_with_hidden_tokens():
    student = tiny.transformer_config()
    student['data_preprocessor']['blending'] = dict(type='MixupBlending', num_classes=tiny.NUM_CLASSES)
    with pytest.raises(ValueError, match='blends clips.*student_tokens|student_tokens.*blend'):
        distiller(
            dict(pixels=VIDEO_MAE),
            teacher=None,
            student=student,
            student_tokens=dict(type='RandomTokens', keep=0.25),
        )


def test_students_that_learn_from_each_other_answer_for_whole_clips():
    with pytest.raises(ValueError, match='take a Distiller'):
        MODELS.build(
            dict(
                type='MutualDistiller',
                student=tiny.transformer_config(),
                peers=dict(b=tiny.transformer_config()),
                loss=dict(type='KLDivergence'),
                student_tokens=dict(type='RandomTokens', keep=0.25),
            )
        )


def step_losses(*, compiled):
    """The losses of a step, with labels, of a student that sees a part and then, for its task, all."""
    torch.manual_seed(0)
    model = distiller(student_tokens=dict(type='RandomTokens', keep=0.25)).train()
    data = model.data_preprocessor(tiny.batch(2, frames=4, pixels=32), training=True)
    run = torch.compile(model.loss, backend='eager') if compiled else model.loss
    torch.manual_seed(0)
    return {name: float(value) for name, value in run(**data).items()}


def test_a_compiled_step_hides_the_same_tokens_and_gives_the_same_losses():
    torch._dynamo.reset()
    assert step_losses(compiled=True) == step_losses(compiled=False)
    torch._dynamo.reset()


def checkpointed_step(*blocks):
    """The losses and gradients of a step whose ``blocks`` compute their activations twice."""
    model = distiller(student_tokens=dict(type='AttentionTokens', keep=0.25)).train()
    data = model.data_preprocessor(tiny.batch(2, frames=4, pixels=32), training=True)
    turn_on_activation_checkpointing(model, [f'student.backbone.blocks.{block}' for block in blocks])
    torch.manual_seed(0)
    losses = model.loss(**data)
    (losses['loss_cls'] + losses['loss_umt']).backward()
    return losses, {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


def test_blocks_that_compute_their_activations_twice_hide_the_same_tokens_and_learn_the_same():
    (plain, expected), (twice, found) = checkpointed_step(), checkpointed_step(0, 1)
    assert all(torch.equal(plain[name], twice[name]) for name in ('loss_cls', 'loss_umt'))
    assert found.keys() == expected.keys() and all(torch.equal(expected[name], found[name]) for name in found)


def steps_of_a_training(monkeypatch, **wrapper):
    """The hidden tokens and the losses of three steps; mmengine refuses its wrapper of mixed precision on a CPU."""
    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    terms = dict(umt=UMT, mvd=MVD, pixels=VIDEO_MAE)
    model = distiller(terms, student_tokens=dict(type='AttentionTokens', keep=0.25))
    sgd = dict(type='SGD', lr=1e-3)
    optim_wrapper = build_optim_wrapper(model, dict(wrapper, optimizer=sgd))
    drawn, losses = [], []
    model.student_tokens.register_forward_hook(lambda module, inputs, output: drawn.append(output))
    blocks = []
    model.student.backbone.blocks[0].attn.register_forward_hook(lambda module, inputs, output: blocks.append(output))
    for _ in range(3):
        losses.append(model.train_step(tiny.batch(2, frames=4, pixels=32), optim_wrapper))
    return drawn, losses, {output.dtype for output in blocks}


def test_in_bfloat16_the_same_tokens_are_hidden_and_the_losses_are_near(monkeypatch):
    drawn, plain, _ = steps_of_a_training(monkeypatch, type='OptimWrapper')
    again, half, types = steps_of_a_training(monkeypatch, type='AmpOptimWrapper', dtype='bfloat16')
    assert types == {torch.bfloat16} and all(map(torch.equal, drawn, again)) and len(drawn) == 3
    for expected, found in zip(plain, half):
        assert expected.keys() >= {'loss_cls', 'loss_umt', 'loss_mvd', 'loss_pixels'}
        for name, value in expected.items():
            torch.testing.assert_close(found[name], value, rtol=0.01, atol=0.01, check_dtype=False)
