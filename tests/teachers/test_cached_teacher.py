"""A cached teacher is the live teacher within float16, on the shipped way: files, workers, dropout."""

import copy
import shutil

import pytest
import torch
from mmengine.hooks import Hook

from kdtoolbox.registry import HOOKS, MODELS
from kdtoolbox.runner.training import build_runner
from kdtoolbox.teachers import ImageTeacher
from tests.cache_writing.scenario import (
    cached_teacher,
    command,
    live_teacher,
    training_config,
    write_videos,
    write_weights,
)

HALF = dict(rtol=2e-3, atol=2e-3)  # float16 has 11 bits


@HOOKS.register_module(force=True)
class LossesAndTargetsHook(Hook):
    """Notes the loss of each step, and what the teacher said in it."""

    def before_train(self, runner):
        self.losses, self.targets = [], []
        teacher = runner.model.teachers['']
        teacher.register_forward_hook(lambda _, args, outputs: self.targets.append(outputs))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append({name: float(value) for name, value in outputs.items() if 'loss' in name})


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Videos, weights, and a cache of all outputs with the map of a layer."""
    folder = tmp_path_factory.mktemp('cached')
    videos, weights = write_videos(folder / 'videos'), write_weights(folder / 'teacher.pth')
    cache = folder / 'cache'
    config = training_config(videos, folder / 'writing', cached_teacher(weights, cache, taps=['layer2']), workers=1)
    assert command('write', config) == 0
    return videos, weights, cache


def trained(config, name):
    config = copy.deepcopy(config)
    config.custom_hooks.append(dict(type='LossesAndTargetsHook'))
    config.experiment_name = f'{name}-{config.work_dir}'.replace('/', '_')
    runner = build_runner(config)
    runner.train()
    return next(hook for hook in runner.hooks if isinstance(hook, LossesAndTargetsHook)), runner


def assert_near(live, cached):
    assert len(live.targets) == len(cached.targets) > 0
    for one, other in zip(live.targets, cached.targets):
        assert other and other.keys() <= one.keys()  # what no term asks for is not read
        for path in other:
            torch.testing.assert_close(one[path], other[path], **HALF)
    assert len(live.losses) == len(cached.losses) == len(live.targets)
    assert live.losses[0] == pytest.approx(cached.losses[0], rel=2e-3)
    for one, other in zip(live.losses[:4], cached.losses[:4]):
        assert one == pytest.approx(other, rel=2e-2)  # each step multiplies what float16 rounds off


@pytest.fixture(scope='module')
def live_run(made, tmp_path_factory):
    """The training with the teacher itself."""
    videos, weights, _ = made
    return trained(training_config(videos, tmp_path_factory.mktemp('live'), live_teacher(weights)), 'live')[0]


@pytest.mark.parametrize('workers', [0, 2])
def test_a_training_with_the_cache_is_the_training_with_the_teacher(workers, made, live_run, tmp_path):
    videos, weights, cache = made
    teacher = cached_teacher(weights, cache, taps=['layer2'])
    cached, _ = trained(training_config(videos, tmp_path, teacher, workers=workers), 'cached')
    assert_near(live_run, cached)
    views = [target['logits'] for target in live_run.targets]
    assert not torch.equal(views[0], views[2])  # so they are equal about something


def test_but_for_rounding_to_float16_the_losses_of_all_steps_are_equal(made, tmp_path, monkeypatch):
    videos, weights, cache = made
    exact = ImageTeacher.run_frames

    def rounded(teacher, frames):
        return {name: output.half().float() for name, output in exact(teacher, frames).items()}

    teacher = cached_teacher(weights, cache, taps=['layer2'])
    cached, _ = trained(training_config(videos, tmp_path / 'cached', teacher), 'cached')
    monkeypatch.setattr(ImageTeacher, 'run_frames', rounded)
    live, _ = trained(training_config(videos, tmp_path / 'live', live_teacher(weights)), 'live')
    for one, other in zip(live.losses, cached.losses, strict=True):
        assert one == pytest.approx(other, rel=1e-3)


def test_one_cache_serves_other_poolings_strides_taps_seeds_and_the_adversarial_game(made, tmp_path):
    videos, weights, cache = made
    live = live_teacher(weights, pooling='max', view=dict(size=24, frame_stride=1))
    game = dict(
        type='AdversarialDistiller',
        discriminator=dict(type='Discriminator', in_channels=8, widths=(6,)),
        adversarial=dict(
            loss=dict(type='BCEAdversarial'),
            student_connector=dict(type='LinearProjection', in_channels=32, out_channels=8),
        ),
        terms=dict(
            hint=dict(student='backbone.layer2', teacher='layer2', loss=dict(type='L2'), student_connector='auto'),
            frames=dict(
                student='backbone.layer1',
                teacher='frame_features',
                loss=dict(type='L2'),
                student_connector=['auto'],
            ),
        ),
    )
    runs = []
    for name, teacher in (('live', live), ('cached', cached_teacher(weights, cache, live=live, taps=['layer2']))):
        config = training_config(videos, tmp_path / name, teacher, seed=11, **game)
        player = config.optim_wrapper.to_dict()
        config.optim_wrapper = dict(
            constructor='AdversarialOptimWrapperConstructor', student=player, discriminator=player
        )
        config.param_scheduler = dict(student=[], discriminator=[])
        runs.append(trained(config, name)[0])
    assert runs[1].targets[0].keys() >= {'features', 'layer2', 'frame_features'}
    assert_near(*runs)


def test_the_teacher_is_not_run_and_its_weights_are_not_kept(made):
    _, weights, cache = made
    teacher = MODELS.build(cached_teacher(weights, cache, taps=['layer2']))
    assert sum(parameter.numel() for parameter in teacher.parameters()) == 7 * 8 + 7  # the classifier alone
    with pytest.raises(ValueError, match='training clips alone'):
        teacher(torch.zeros(1, 2, 3, 24, 24))


def test_a_gate_gets_the_logits_though_its_term_taps_features(made, tmp_path):
    videos, weights, cache = made
    gated = dict(
        loss=dict(type='L2'),
        student='features',
        teacher='features',
        student_connector='auto',
        gate=dict(type='ConfidenceGate', threshold=0.2),
    )
    teachers = live_teacher(weights), cached_teacher(weights, cache, taps=['layer2'])
    live, cached = (step(training_config(videos, tmp_path, teacher, terms=dict(kd=gated))) for teacher in teachers)
    assert live['gate_kd'] == cached['gate_kd'] > 0
    torch.testing.assert_close(live['loss_kd'], cached['loss_kd'], **HALF)


def test_a_loss_that_asks_for_the_teachers_classifier_gets_it(made, tmp_path):
    videos, weights, cache = made
    terms = dict(
        srrl=dict(
            student='features',
            teacher='features',
            loss=dict(type='SRRL', student_channels=32, teacher_channels=8),
        )
    )
    runs = [
        trained(training_config(videos, tmp_path / name, teacher, terms=terms), name)[0]
        for name, teacher in (
            ('live', live_teacher(weights)),
            ('cached', cached_teacher(weights, cache, taps=['layer2'])),
        )
    ]
    assert_near(*runs)


@pytest.mark.parametrize(
    'change, said',
    [
        (dict(view=dict(size=16)), r'size: \[24, 24\] in the cache, now \[16, 16\]'),
        (dict(view=dict(size=24, mean=(1.0,) * 3, std=(2.0,) * 3)), 'mean: .* now .1.0, 1.0'),
        (dict(compute_dtype='bfloat16'), 'compute_dtype: float32 in the cache, now bfloat16'),
        (dict(model=dict(type='TinyImageNet', num_classes=7)), 'model: .*num_classes'),
        (dict(weights='other'), 'weights: [0-9a-f]+ in the cache, now'),
    ],
    ids=['size', 'normalisation', 'dtype', 'model', 'weights'],
)
def test_another_teacher_is_refused_and_what_changed_is_named(change, said, made, tmp_path):
    _, weights, cache = made
    if 'weights' in change:
        other = torch.load(weights, weights_only=True)
        other['fc.bias'] += 1
        torch.save(other, tmp_path / 'other.pth')
        change = dict(weights=str(tmp_path / 'other.pth'))
    live = {**live_teacher(weights), **change}
    with pytest.raises(ValueError, match=f'made with another teacher: {said}'):
        MODELS.build(cached_teacher(weights, cache, live=live, taps=['layer2']))


def first_batch(config):
    runner = build_runner(copy.deepcopy(config))
    return runner.model, next(iter(runner.train_dataloader))


def step(config):
    model, batch = first_batch(config)
    model.train()
    return model(**model.data_preprocessor(batch, True), mode='loss')


def edited(config, **pipeline):
    for number, options in pipeline.items():
        config.train_dataloader.dataset.pipeline[int(number[1:])].update(options)
    return config


def test_other_views_another_decoder_and_a_changed_video_are_refused_and_named(made, tmp_path):
    videos, weights, cache = made
    teacher = cached_teacher(weights, cache, taps=['layer2'])
    config = training_config(videos, tmp_path, teacher)
    step(config)
    with pytest.raises(ValueError, match='another spatial view: views: .*num_views": 3.* now .*num_views": 4'):
        step(training_config(videos, tmp_path, teacher, num_views=4))
    with pytest.raises(ValueError, match=r'decoder: pyav.* 320 in the cache, now pyav.*max_short_side 24'):
        step(edited(training_config(videos, tmp_path, teacher), _0=dict(max_short_side=24)))
    copied = tmp_path / 'videos'
    shutil.copytree(videos, copied, copy_function=shutil.copy)  # with new times
    step(training_config(copied, tmp_path, teacher))
    for file in copied.rglob('*.avi'):
        content = bytearray(file.read_bytes())
        content[-200] ^= 1
        file.write_bytes(content)
    with pytest.raises(ValueError, match=r'.avi: content \(SHA-256\): [0-9a-f]+ in the cache, now'):
        step(training_config(copied, tmp_path, teacher))
    for file in copied.rglob('*.avi'):
        with open(file, 'ab') as stream:
            stream.write(b'more')
    with pytest.raises(ValueError, match=r'.avi: size: \d+ in the cache, now \d+'):
        step(training_config(copied, tmp_path, teacher))


def test_a_missing_video_is_an_error_or_is_shown_to_the_teacher(made, tmp_path):
    videos, weights, cache = made
    more = tmp_path / 'videos'
    shutil.copytree(videos, more)
    for number in range(100, 130):
        shutil.copyfile(videos / 'a/0.avi', more / f'a/{number}.avi')
    with pytest.raises(ValueError, match=r"lacks frames of a/1\d\d.avi.*written without this video.*missing='live'"):
        step(training_config(more, tmp_path, cached_teacher(weights, cache, taps=['layer2'])))
    live, _ = trained(training_config(more, tmp_path / 'live', live_teacher(weights)), 'live')
    teacher = cached_teacher(weights, cache, taps=['layer2'], missing='live')
    cached, _ = trained(training_config(more, tmp_path / 'cached', teacher), 'cached')
    assert_near(live, cached)


def test_mistakes_are_said_when_the_distiller_is_built(made, tmp_path):
    videos, weights, cache = made
    with pytest.raises(ValueError, match='there is no teacher cache in .*: write it first, kdtoolbox cache CONFIG'):
        MODELS.build(cached_teacher(weights, tmp_path / 'nowhere'))
    with pytest.raises(ValueError, match="missing='always': expected one of 'error', 'live'"):
        MODELS.build(cached_teacher(weights, cache, missing='always'))
    tapped = training_config(videos, tmp_path, cached_teacher(weights, cache, taps=['layer2']))
    tapped.model.terms.kd.update(teacher='layer1', student='backbone.layer1', student_connector='auto')
    with pytest.raises(ValueError, match="taps 'layer1' of the teacher, but its cache .* stores"):
        MODELS.build(tapped.model)
    resizing = training_config(videos, tmp_path, cached_teacher(weights, cache, taps=['layer2']), clip_size=32)
    with pytest.raises(ValueError, match='clip_size=32 resizes clips after their pipeline'):
        MODELS.build(resizing.model)
    mixing = dict(
        type='RecognizerTeacher',
        recognizer=dict(
            type='Recognizer2D',
            backbone=dict(type='ResNetTSM', depth=18, num_segments=4, pretrained=None),
            cls_head=dict(type='TSMHead', num_classes=3, in_channels=512, num_segments=4),
        ),
    )
    with pytest.raises(ValueError, match='a RecognizerTeacher cannot be cached: only the outputs of single frames'):
        MODELS.build(cached_teacher(weights, cache, live=mixing))
    differences = live_teacher(weights, view=dict(size=24, modality='rgb_difference'))
    with pytest.raises(ValueError, match="sees 'rgb_difference' cannot be cached"):
        MODELS.build(cached_teacher(weights, cache, live=differences))
    unpacked = edited(tapped, _5=dict(meta_keys=('sample_id',)))
    unpacked.model.terms = dict(kd=training_config(videos, tmp_path, {}).model.terms.kd)
    with pytest.raises(ValueError, match='does not tell which frames it shows.*SpatialViews behind DecodeClip'):
        step(unpacked)
