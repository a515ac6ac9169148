"""Losses that know time, and those of embeddings."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from torch import nn

from kdtoolbox.losses import (
    L2,
    ClipFrameCorrespondence,
    Cosine,
    FrameWise,
    SpatioTemporalAttention,
    TemporalAffinity,
    TemporalDifference,
    TextLogits,
    load_text_features,
)
from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.losses.temporal.spatio_temporal_attention import attention
from tests.two_processes import in_two_processes

SEQUENCE, MAP = (3, 6, 4), (3, 6, 4, 2, 5)


def pair(shape=MAP, teacher_shape=None, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()
    return student, torch.randn(teacher_shape or shape, generator=generator, dtype=dtype)


@pytest.fixture(scope='module')
def text_file(tmp_path_factory):
    file = tmp_path_factory.mktemp('texts') / 'texts.npz'
    features = torch.randn(5, 6, generator=torch.Generator().manual_seed(9)).numpy()
    np.savez(file, features=features, classes=np.array([f'a video of {index}' for index in range(5)]))
    return file


def correspondence(student=6, teacher=6):
    torch.manual_seed(4)
    return ClipFrameCorrespondence(student, teacher, hidden_channels=(8,))


def losses(text_file):
    """Each loss with a shape that it takes for both sides, and whether it is zero at equality."""
    return [
        (TemporalAffinity(), SEQUENCE, True),
        (TemporalAffinity(), MAP, True),
        (SpatioTemporalAttention(), MAP, True),
        (FrameWise(), SEQUENCE, True),
        (FrameWise(), MAP, True),
        (FrameWise(distance='l2'), MAP, True),
        (TemporalDifference(), SEQUENCE, True),
        (TemporalDifference(), MAP, True),
        (Cosine(), SEQUENCE[:2], True),
        (Cosine(), SEQUENCE, True),
        (Cosine(), MAP, True),
        (correspondence(), SEQUENCE[:2], False),
        (correspondence(), MAP, False),
        (TextLogits(str(text_file)), SEQUENCE[:2], True),
    ]


def test_each_is_zero_at_equality_and_above_it_elsewhere(text_file):
    for loss, shape, zero_at_equality in losses(text_file):
        student, teacher = pair(shape)
        assert loss(student, teacher) > 1e-3, loss
        if zero_at_equality:
            assert loss(student, student).abs() < 1e-6, loss


def test_the_gradient_reaches_the_student_and_not_the_teacher(text_file):
    for loss, shape, _ in losses(text_file):
        student, teacher = pair(shape)
        loss(student, teacher.requires_grad_()).backward()
        assert student.grad.norm() > 0 and student.grad.isfinite().all() and teacher.grad is None, loss


def test_the_order_of_clips_does_not_count_but_that_of_pairs_does(text_file):
    order = [1, 2, 0]  # neighbours stay so, whom ClipFrameCorrespondence takes for mismatches
    for loss, shape, _ in losses(text_file):
        student, teacher = pair(shape, dtype=torch.float64)
        loss = loss.double()
        torch.testing.assert_close(loss(student[order], teacher[order]), loss(student, teacher))
        assert not torch.isclose(loss(student, teacher[order]), loss(student, teacher), rtol=1e-6), loss


def test_under_autocast_and_from_bfloat16_the_loss_is_that_in_float32(text_file):
    for loss, shape, _ in losses(text_file):
        student, teacher = (tensor.detach().bfloat16() for tensor in pair(shape))
        expected = loss(student.float(), teacher.float())
        with torch.autocast('cpu', dtype=torch.bfloat16):
            got = loss(student, teacher)
        assert got.dtype == torch.float32 and torch.equal(got, expected), loss


def test_dead_and_huge_features_give_finite_values_and_gradients(text_file):
    for loss, shape, _ in losses(text_file):
        for scale, other in ((0.0, 1.0), (0.0, 0.0), (1e4, 1.0), (1.0, 1e4), (1e-6, 1e4)):
            student, teacher = pair(shape)
            student = (student.detach() * scale).requires_grad_()
            value = loss(student, teacher * other)
            value.backward()
            assert value.isfinite() and student.grad.isfinite().all(), (loss, scale, other)


def test_a_vector_without_direction_gets_no_gradient_where_clamping_would_give_a_huge_one():
    student = torch.zeros(2, 3, requires_grad=True)
    Cosine()(student, torch.ones(2, 3)).backward()
    assert torch.equal(student.grad, torch.zeros(2, 3))
    vectors = torch.tensor([[3e-9, 4e-9]], dtype=torch.float64)
    torch.testing.assert_close(unit_vectors(vectors, dim=1), torch.tensor([[0.6, 0.8]], dtype=torch.float64))


# Temporal affinity


def test_affinity_is_the_cosine_of_every_pair_of_frames_whatever_channels_and_space_are():
    student, teacher = pair((2, 3, 4, 5, 5), (2, 7, 4, 2, 3))
    total = 0.0
    for clip in range(2):
        for first in range(4):
            for second in range(4):
                of_student, of_teacher = (
                    F.cosine_similarity(x[clip, :, first].mean((1, 2)), x[clip, :, second].mean((1, 2)), dim=0)
                    for x in (student, teacher)
                )
                total += (of_student - of_teacher) ** 2
    torch.testing.assert_close(TemporalAffinity()(student, teacher), total / (2 * 4 * 4))


def test_affinity_does_not_see_a_rotation_of_the_channels_nor_the_brightness_of_a_frame():
    student, _ = pair(SEQUENCE)
    rotation = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(1))).Q
    rotated = torch.einsum('cd,ndt->nct', rotation, student) * torch.tensor([1.0, 2.0, 0.5, 3.0])
    assert TemporalAffinity()(student, rotated) < 1e-12
    assert TemporalAffinity()(student, student.flip(2)) > 1e-2  # another order in time


# Attention


def test_attention_counts_over_space_in_each_frame_and_over_time():
    maps = torch.zeros(1, 2, 2, 1, 2)
    maps[0, :, 0, 0, 0] = torch.tensor([1.0, 2.0])  # energy 5 on the left of frame 0
    maps[0, 0, 1, 0, :] = torch.tensor([1.0, -3.0])  # energies 1 and 9 in frame 1
    space, time = attention(maps)
    length = torch.tensor([5.0, 82**0.5]).view(1, 2, 1)
    torch.testing.assert_close(space, torch.tensor([[[5.0, 0.0], [1.0, 9.0]]]) / length)
    torch.testing.assert_close(time, torch.tensor([[5.0, 10.0]]) / 125**0.5)


@pytest.mark.parametrize('factor', [1e-7, 1e-14, 1e12])
def test_attention_of_weak_and_strong_clips_and_frames_is_that_of_all_others(factor):
    student, teacher = pair(dtype=torch.float64)
    weak_frame = torch.ones(student.shape[2], dtype=torch.float64)
    weak_frame[0] = factor
    for weights in (torch.tensor(factor), weak_frame.view(1, 1, -1, 1, 1)):
        for loss in (SpatioTemporalAttention(), SpatioTemporalAttention(time_weight=0)):
            expected = loss(student * weights, teacher) if loss.time_weight else loss(student, teacher)
            got = loss((student * weights).float(), teacher.float())
            assert got.item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_parts_over_space_and_over_time_are_independent():
    student, _ = pair(MAP)
    brighter_late = student * torch.tensor([1.0, 1.0, 2.0, 4.0]).view(4, 1, 1)
    assert SpatioTemporalAttention(time_weight=0)(brighter_late, student) < 1e-10
    only_time = SpatioTemporalAttention()(brighter_late, student)
    torch.testing.assert_close(SpatioTemporalAttention(time_weight=3)(brighter_late, student), 3 * only_time)
    mirrored = student.flip(4)  # the same energy in each frame at other places
    without_time = SpatioTemporalAttention(time_weight=0)(mirrored, student)
    assert without_time > 0.01
    torch.testing.assert_close(SpatioTemporalAttention()(mirrored, student), without_time)


def test_attention_over_space_is_attention_transfer_of_the_frames_as_images():
    student, teacher = pair((2, 3, 4, 5, 5), (2, 7, 4, 5, 5), dtype=torch.float64)
    frames = [x.transpose(1, 2).flatten(0, 1) for x in (student, teacher)]
    student_map, teacher_map = (F.normalize(x.pow(2).mean(1).flatten(1)) for x in frames)
    mean_over_positions = (student_map - teacher_map).pow(2).mean()  # as the authors' code has it
    torch.testing.assert_close(SpatioTemporalAttention(time_weight=0)(student, teacher), mean_over_positions * 25)


def test_attention_over_space_of_single_frames_is_that_of_the_authors_code(shared):
    with np.load(shared / 'reference' / 'at__4d_2layers.npz', allow_pickle=False) as arrays:
        total = 0.0
        for layer in '01':
            student, teacher = (torch.from_numpy(arrays[f'{side}{layer}']).unsqueeze(2) for side in 'st')
            loss = SpatioTemporalAttention(time_weight=0)(student, teacher)
            total += loss / (student.shape[3] * student.shape[4])  # theirs is the mean over positions
        np.testing.assert_allclose(total, arrays['loss'], rtol=1e-7)


# Frame by frame


@pytest.mark.parametrize('shape, teacher_shape', [((2, 6, 2), (2, 6, 6)), ((2, 6, 2, 3, 3), (2, 6, 4, 3, 3))])
def test_each_slice_is_compared_with_the_frames_of_its_moment(shape, teacher_shape):
    student, teacher = pair(shape, teacher_shape)
    ratio = teacher_shape[2] // 2
    cosines, squares = [], []
    for step in range(teacher_shape[2]):
        cosines.append(1 - F.cosine_similarity(student[:, :, step // ratio], teacher[:, :, step], dim=1))
        squares.append((student[:, :, step // ratio] - teacher[:, :, step]) ** 2)
    torch.testing.assert_close(FrameWise()(student, teacher), torch.stack(cosines).mean())
    torch.testing.assert_close(FrameWise(distance='l2')(student, teacher), torch.stack(squares).mean())


def test_the_l2_of_several_frames_has_the_gradient_of_that_of_their_mean():
    student, teacher = pair((2, 6, 2), (2, 6, 6))
    (gradient,) = torch.autograd.grad(FrameWise(distance='l2')(student, teacher), student)
    (expected,) = torch.autograd.grad(L2()(student, teacher.unflatten(2, (2, 3)).mean(3)), student)
    torch.testing.assert_close(gradient, expected)


# Changes


def test_what_stays_the_same_throughout_the_clip_drops_out():
    student, teacher = pair(MAP)
    offset = 100 * torch.randn(3, 6, 1, 2, 5, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        TemporalDifference()(student + offset, teacher), TemporalDifference()(student, teacher), rtol=1e-3, atol=0
    )
    loss = TemporalDifference()
    torch.testing.assert_close(loss(3 * student, 3 * teacher), 9 * loss(student, teacher))


# Correspondence


def test_correspondence_is_the_mean_cross_entropy_over_own_and_others_frames():
    loss, (student, teacher) = correspondence(3, 5), pair((4, 3, 2, 2, 2), (4, 5))
    total = 0.0
    for clip in range(4):
        vector = student[clip].mean((1, 2, 3))
        for frames, match in ((clip, 1), ((clip - 1) % 4, 0)):
            probability = loss.classifier(torch.cat([vector, teacher[frames]])).sigmoid()
            total -= (probability if match else 1 - probability).log().squeeze()
    torch.testing.assert_close(loss(student, teacher), total / 8)


def test_student_and_classifier_learn_together_to_tell_moments_apart():
    torch.manual_seed(0)
    loss, student = ClipFrameCorrespondence(16, 8, hidden_channels=(32,)), nn.Linear(8, 16)
    optimizer = torch.optim.Adam([*loss.parameters(), *student.parameters()], lr=1e-2)
    for _ in range(150):
        scene = F.one_hot(torch.randperm(8), 8).float()  # which both see
        optimizer.zero_grad()
        value = loss(student(scene), scene)
        value.backward()
        optimizer.step()
    assert value < 0.1  # at chance it is log 2 = 0.69
    assert all(parameter.grad is not None for parameter in loss.parameters())


def correspondence_step(rank, num_processes):
    """Value and gradients, as the mean over processes that data parallel training takes, of 4 clips shared out."""
    loss = correspondence(3, 5).double()
    torch.manual_seed(3)
    student = nn.Linear(3, 3).double()
    clips, frames = pair((4, 3), (4, 5), dtype=torch.float64)
    own = slice(rank, None, num_processes)  # as DistributedSampler deals them out
    value = loss(student(clips.detach()[own]), frames[own])
    value.backward()
    parameters = [*student.parameters(), *loss.parameters()]
    for parameter in parameters:
        all_reduce(parameter.grad, op='mean')
    return [value.tolist()] + [parameter.grad.flatten().tolist() for parameter in parameters]


def test_two_processes_pair_clips_as_one_does_and_take_its_step(tmp_path):
    results = in_two_processes(correspondence_step, tmp_path)
    for got, expected in zip(zip(*results), correspondence_step(0, 1), strict=True):
        for of_process in got:
            assert of_process == pytest.approx(expected, rel=1e-9, abs=1e-12)


# Embeddings


def test_cosine_is_torchs_and_does_not_see_lengths():
    for shape in (SEQUENCE[:2], SEQUENCE, MAP):
        student, teacher = pair(shape)
        torch.testing.assert_close(Cosine()(student, teacher), 1 - F.cosine_similarity(student, teacher, dim=1).mean())
        torch.testing.assert_close(Cosine()(7 * student, 0.1 * teacher), Cosine()(student, teacher))
        torch.testing.assert_close(Cosine()(-teacher, teacher), torch.tensor(2.0))


def test_text_logits_is_the_divergence_of_the_similarities_to_the_texts(text_file):
    student, teacher = pair((3, 6))
    text = torch.from_numpy(np.load(text_file)['features'])
    cosines = [F.cosine_similarity(x[:, None], text[None], dim=2) for x in (student, teacher)]
    expected = F.kl_div((10 * cosines[0]).log_softmax(1), (10 * cosines[1]).softmax(1), reduction='batchmean')
    torch.testing.assert_close(TextLogits(str(text_file), logit_scale=10)(student, teacher), expected)


def test_text_logits_only_sees_the_directions_of_the_texts(text_file, tmp_path):
    np.savez(tmp_path / 'two.npz', features=np.eye(2, 6, dtype=np.float16), classes=np.array(['walk', 'run']))
    loss = TextLogits(str(tmp_path / 'two.npz'), logit_scale=5)
    assert loss.classes == ['walk', 'run'] and not loss.state_dict()
    student, teacher = torch.randn(3, 6), torch.ones(3, 6)
    student[:, :2] = 1.0  # between the two texts, as the teacher is
    assert loss(student, teacher) < 1e-6


def test_texts_come_with_length_one_and_their_names(text_file):
    text, classes = load_text_features(text_file)
    torch.testing.assert_close(text.norm(dim=1), torch.ones(5))
    assert classes[4] == 'a video of 4'


@pytest.mark.parametrize(
    'arrays, message',
    [
        (dict(features=np.ones((2, 3), np.float32)), r"holds \['features'\].*expected an .npz"),
        (
            dict(features=np.ones((2, 3), np.float32), classes=np.array(['a'])),
            r'got features \(2, 3\) float32 and classes \(1,\)',
        ),
        (dict(features=np.ones((2, 3), np.int64), classes=np.array(['a', 'b'])), 'int64'),
        (dict(features=np.ones((2, 3), np.float32), classes=np.array(['a', 'b'], object)), 'allow_pickle'),
        (dict(features=np.zeros((1, 3), np.float32), classes=np.array(['a'])), 'a row is zero'),
        (dict(features=np.full((1, 3), np.nan, np.float32), classes=np.array(['a'])), 'not finite'),
    ],
)
def test_a_file_that_is_not_one_of_texts_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / 'texts.npz', **arrays)
    with pytest.raises(ValueError, match=message):
        load_text_features(tmp_path / 'texts.npz')


def test_a_file_of_another_format_is_refused(tmp_path):
    (tmp_path / 'texts.npz').write_bytes(b'PK\x03\x04 not a zip')
    np.save(tmp_path / 'one.npy', np.ones(3))
    for name, message in (
        ('texts.npz', 'expected an .npz'),
        ('one.npy', 'expected an .npz'),
        ('none.npz', 'no such file'),
    ):
        with pytest.raises(ValueError, match=message):
            load_text_features(tmp_path / name)


# Wrong use


@pytest.mark.parametrize(
    'build, message',
    [
        (lambda: FrameWise(distance='l1'), "expected one of 'cosine', 'l2'"),
        (lambda: SpatioTemporalAttention(time_weight=-1), '0 or more'),
        (lambda: TextLogits('nowhere.npz'), 'no such file'),
    ],
)
def test_options_out_of_range_are_refused_when_built(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_a_scale_of_zero_is_refused(text_file):
    with pytest.raises(ValueError, match='above 0'):
        TextLogits(str(text_file), logit_scale=0)


@pytest.mark.parametrize(
    'loss, student, teacher, message',
    [
        (TemporalAffinity(), (2, 6), (2, 6), 'frame_features'),
        (TemporalAffinity(), (2, 6, 4), (2, 6, 8), 'TemporalAlign'),
        (TemporalAffinity(), (2, 6, 1), (2, 6, 1), 'one time step'),
        (SpatioTemporalAttention(), (2, 6, 4), (2, 6, 4), 'before the pooling'),
        (SpatioTemporalAttention(), (2, 6, 4, 2, 2), (2, 6, 3, 2, 2), 'TemporalAlign'),
        (SpatioTemporalAttention(), (2, 6, 4, 2, 2), (2, 6, 4, 3, 3), 'MatchSpace'),
        (FrameWise(), (2, 6), (2, 6), 'expected sequences'),
        (FrameWise(), (2, 6, 4), (2, 7, 4), 'MapProjection'),
        (FrameWise(), (2, 6, 4), (2, 6, 4, 1, 1), 'SpacePool'),
        (FrameWise(), (2, 6, 4), (2, 6, 6), 'TemporalAlign'),
        (FrameWise(), (2, 6, 8), (2, 6, 4), 'TemporalAlign'),
        (TemporalDifference(), (2, 6), (2, 6), 'expected sequences'),
        (TemporalDifference(), (2, 6, 1), (2, 6, 1), 'one time step'),
        (TemporalDifference(), (2, 6, 4), (2, 6, 8), 'TemporalAlign'),
        (Cosine(), (2, 6), (2, 7), 'LinearProjection'),
        (correspondence(), (1, 6), (1, 6), 'compares 2 clips or more'),
        (correspondence(), (2, 6), (2, 7), 'teacher_channels=7'),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_the_connector_that_helps(loss, student, teacher, message):
    with pytest.raises(ValueError, match=message):
        loss(torch.ones(student), torch.ones(teacher))


@pytest.mark.parametrize('student, message', [((2, 6, 4), 'GlobalPool'), ((2, 7), 'bring embeddings to 6 channels')])
def test_embeddings_that_do_not_fit_the_texts_are_refused(text_file, student, message):
    with pytest.raises(ValueError, match=message):
        TextLogits(str(text_file))(torch.ones(student), torch.ones(2, 6))
