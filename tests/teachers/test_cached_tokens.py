"""Of a cached teacher's tokens only those are read that the student's loss looks at."""

import copy

import pytest
import torch
from mmengine.dataset import pseudo_collate

from kdtoolbox.cache_writing.writing import write_cache
from kdtoolbox.losses import UMT as UMTLoss
from kdtoolbox.registry import DATASETS, MODELS
from kdtoolbox.teacher_cache import TeacherCache
from kdtoolbox.teacher_cache.shards import Shard
from tests import tiny
from tests.cache_writing.scenario import cached_teacher, job_of, training_config, write_videos
from tests.distillers.test_student_tokens import MVD, UMT, TinyViT

DEFAULTS = dict(
    student=tiny.transformer_config(2),
    terms=dict(umt=UMT),
    student_tokens=dict(type='AttentionTokens', keep=0.25),
)


def model_config(teacher, **options):
    return dict(
        type='Distiller',
        student_view=dict(size=32),
        clip_shape=(4, 32, 32),
        use_labels=False,
        teacher=teacher,
        **{**DEFAULTS, **options},
    )


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """The cached teacher and a batch of two videos."""
    folder = tmp_path_factory.mktemp('tokens')
    torch.manual_seed(0)
    torch.save(TinyViT().state_dict(), folder / 'vit.pth')
    live = dict(
        type='ImageTeacher',
        model=dict(type='TinyViT'),
        weights=str(folder / 'vit.pth'),
        view=dict(size=24, frame_stride=2),
    )
    teacher = cached_teacher(
        folder / 'vit.pth', folder / 'cache', live=live, taps=['blocks.0', 'blocks.1', 'class_attention']
    )
    config = training_config(write_videos(folder / 'videos'), folder / 'run', teacher, num_views=1)
    write_cache(job_of(config), num_workers=0)
    videos = DATASETS.build(config.train_dataloader.dataset.to_dict())
    return teacher, [videos[0], videos[1]]


def step(made, *, whole=False, of_teacher=None, **options):
    """The loss of a step, a gradient of the student, and name -> number of tokens that were picked from the cache."""
    teacher, batch = made
    torch.manual_seed(0)
    model = MODELS.build(model_config(dict(teacher, **(of_teacher or {})), **options)).train()
    if whole:
        model._cached.taps = {}
    picked, original = {}, Shard.read

    def counted(shard, names, rows, tokens=None):
        for name, wanted in (tokens or {}).items():
            picked[name] = picked.get(name, 0) + int(wanted.sum())
        return original(shard, names, rows, tokens)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shard, 'read', counted)
        data = model.data_preprocessor(pseudo_collate(copy.deepcopy(batch)), training=True)
        loss = sum(model(**data, mode='loss').values())
    loss.backward()
    return loss, model.student.backbone.blocks[0].attn.qkv.weight.grad, picked


TWO_DEPTHS = dict(UMT, student=['backbone.blocks.0', 'backbone.blocks.1'], teacher=['blocks.0', 'blocks.1'])
DRAWN = 2 * 8  # of two clips, a quarter of the 2 x 4 x 4 tokens


@pytest.mark.parametrize(
    ('kind', 'term', 'expected'),
    [
        ('AttentionTokens', UMT, {'blocks.1': DRAWN}),
        ('RandomTokens', UMT, {'blocks.1': DRAWN}),
        ('TubeTokens', TWO_DEPTHS, {'blocks.0': DRAWN, 'blocks.1': DRAWN}),
    ],
)
def test_a_step_is_bit_by_bit_that_of_reading_all_tokens(made, kind, term, expected):
    options = dict(student_tokens=dict(type=kind, keep=0.25), terms=dict(umt=term))
    (few, gradient, picked), (every, of_all, unpicked) = (step(made, whole=whole, **options) for whole in (False, True))
    assert torch.equal(few, every) and torch.equal(gradient, of_all) and gradient.any()
    assert picked == expected and unpicked == {}


class UMTOfAll(UMTLoss):
    """A loss of one's own, which may look at all positions."""


@pytest.mark.parametrize(
    'options',
    [
        dict(student_tokens=dict(type='RandomTokens', keep=1)),
        dict(of_teacher=dict(missing='live')),
        dict(terms=dict(umt=UMT, mvd=MVD)),
        dict(terms=dict(mvd=MVD)),
        dict(terms=dict(umt=dict(UMT, loss=dict(UMT['loss'], type='UMTOfAll')))),
    ],
    ids=['all are visible', 'clips may be missing', 'another term', 'hidden ones are predicted', 'unknown loss'],
)
def test_all_tokens_are_read_where_the_visible_ones_are_not_enough(made, options):
    MODELS.register_module(module=UMTOfAll, force=True)
    loss, _, picked = step(made, **options)
    assert picked == {} and loss.isfinite()


def test_taps_that_no_tokens_are_left_out_of_come_before_the_draw(made):
    kd = dict(student='logits', teacher='logits', loss=dict(type='KLDivergence'), weight=0.5)
    options = dict(terms=dict(umt=UMT, kd=kd), student=tiny.transformer_config(7))
    (few, _, picked), (every, _, _) = (step(made, whole=whole, **options) for whole in (False, True))
    assert torch.equal(few, every) and picked == {'blocks.1': DRAWN}


def test_a_shard_whose_tokens_are_not_those_of_the_settings_says_that_it_is_damaged(made):
    cache = TeacherCache(made[0]['cache'])
    shard = cache.shard(0)
    with pytest.raises(ValueError, match=r'damaged \(blocks.1 is .* expected 5 tokens a row'):
        shard.read(['blocks.1'], [0], {'blocks.1': torch.ones(1, 5, dtype=torch.bool)})
