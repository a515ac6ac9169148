"""SEED, CompRess, prompts over time, clips and frames, and VideoMAE's pixels: against loops, and their mistakes."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kdtoolbox.losses import SEED, CompRess, FrameClipRelation, PromptLogits, VideoMAE
from kdtoolbox.losses.shared.feature_queue import FeatureQueue
from kdtoolbox.losses.tokens.video_mae import cubes_of, normalized_cubes


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def test_seed_is_the_cross_entropy_over_the_queue_and_the_clips_own_teacher_vector():
    loss = SEED(5, queue_size=7, temperature=0.3, teacher_temperature=0.1).double()
    student, teacher, expected = vectors(3, 5), vectors(3, 5, seed=1), 0.0
    queue = loss.queue.rows.numpy().copy()
    for got, goal in zip(unit(student.numpy()), unit(teacher.numpy())):
        rows = np.concatenate([goal[None], queue])
        expected -= (softmax(rows @ goal / 0.1) * np.log(softmax(rows @ got / 0.3))).sum() / 3
    assert loss(student, teacher).item() == pytest.approx(expected, rel=1e-6)


def test_seed_then_knows_the_teachers_vectors_of_the_batch():
    loss, teacher = SEED(5, queue_size=4), vectors(3, 5).float()
    loss(vectors(3, 5, seed=1).float(), teacher)
    torch.testing.assert_close(loss.queue.rows[:3], F.normalize(teacher, dim=1))


def test_compress_compares_each_network_with_its_own_memory():
    loss = CompRess(5, 4, queue_size=6, temperature=0.2).double()
    student, teacher = vectors(3, 5), vectors(3, 4, seed=1)
    logits, goal = (
        torch.stack([torch.cosine_similarity(one, queue.rows) for one in side]) / 0.2
        for side, queue in ((student, loss.student_queue), (teacher, loss.teacher_queue))
    )
    expected = F.kl_div(logits.log_softmax(1), goal.softmax(1), reduction='batchmean')
    torch.testing.assert_close(loss(student, teacher), expected)
    torch.testing.assert_close(loss.student_queue.rows[:3], F.normalize(student, dim=1))


def test_a_queue_drops_the_oldest_and_whatever_is_not_finite():
    queue = FeatureQueue(3, 2)
    rows = torch.arange(8.0).view(4, 2)
    queue.add(rows[:2])
    queue.add(torch.cat([rows[2:], torch.full((1, 2), torch.nan)]))
    assert sorted(queue.rows[:, 0].tolist()) == [2, 4, 6] and queue.position == 1
    queue.add(torch.arange(20.0).view(10, 2))
    assert sorted(queue.rows[:, 0].tolist()) == [14, 16, 18]


def test_a_resumed_queue_goes_on_where_it_was():
    first, second = FeatureQueue(3, 2), FeatureQueue(3, 2)
    first.add(torch.ones(2, 2))
    second.load_state_dict(first.state_dict())
    for queue in (first, second):
        queue.add(torch.zeros(2, 2))
    assert torch.equal(first.rows, second.rows) and first.position == second.position == 1


def test_a_student_of_other_channels_is_told_to_be_projected():
    with pytest.raises(ValueError, match='bring it to 5 channels'):
        SEED(5, queue_size=4)(torch.ones(2, 3), torch.ones(2, 5))


@pytest.fixture
def prompt_file(tmp_path):
    texts = unit(vectors(6, 4, seed=3).numpy()).astype(np.float32)
    np.savez(tmp_path / 'prompts.npz', features=texts, classes=np.array(['run', 'jump', 'run', 'sit', 'jump', 'run']))
    return tmp_path / 'prompts.npz', texts


def test_prompts_of_a_class_are_averaged_and_compared_at_each_step(prompt_file):
    file, texts = prompt_file
    loss = PromptLogits(str(file), logit_scale=5.0)
    assert loss.classes == ['run', 'jump', 'sit']
    classes = torch.from_numpy(np.stack([unit(texts[rows].mean(0)) for rows in ([0, 2, 5], [1, 4], [3])])).double()
    student, teacher, expected = vectors(2, 4, 3), vectors(2, 4, 3, seed=1), []
    for clip, step in itertools.product(range(2), range(3)):
        logits, goal = (
            5 * torch.cosine_similarity(side[clip, :, step].expand(3, -1), classes) for side in (student, teacher)
        )
        expected.append(F.kl_div(logits.log_softmax(0), goal.softmax(0), reduction='sum'))
    torch.testing.assert_close(loss(student, teacher), torch.stack(expected).mean(), rtol=1e-5, atol=1e-7)


def test_prompts_of_one_class_are_refused(tmp_path):
    np.savez(tmp_path / 'one.npz', features=np.eye(2, dtype=np.float32), classes=np.array(['run', 'run']))
    with pytest.raises(ValueError, match='expected two classes'):
        PromptLogits(str(tmp_path / 'one.npz'))


def test_clips_are_compared_with_the_frames_of_all_clips():
    student, teacher = vectors(3, 5, 2), vectors(3, 4, 2, seed=1)
    expected = []
    for clip in range(3):
        both = []
        for side in (student, teacher):
            frames = [F.normalize(side[other, :, step], dim=0) for other in range(3) for step in range(2)]
            own = torch.stack(frames[2 * clip : 2 * clip + 2]).mean(0)
            both.append(torch.stack([torch.cosine_similarity(own, frame, dim=0) for frame in frames]) / 0.3)
        expected.append(F.kl_div(both[0].log_softmax(0), both[1].softmax(0), reduction='sum'))
    torch.testing.assert_close(FrameClipRelation(temperature=0.3)(student, teacher), torch.stack(expected).mean())


def test_cubes_are_those_of_a_loop_with_time_first():
    clips = vectors(2, 3, 4, 4, 6)
    cubes = cubes_of(clips, tubelet=(2, 2, 3))
    for number, (frame, row, column) in enumerate(itertools.product(range(0, 4, 2), range(0, 4, 2), range(0, 6, 3))):
        cube = clips[:, :, frame : frame + 2, row : row + 2, column : column + 3].flatten(2)
        assert torch.equal(cubes[:, number], cube.transpose(1, 2))
        expected = (cube - cube.mean(2, keepdim=True)) / (cube.std(2, keepdim=True) + 1e-6)
        torch.testing.assert_close(normalized_cubes(cubes)[:, number], expected.transpose(1, 2))


def test_clips_that_cubes_do_not_fill_and_tokens_that_are_not_hidden_are_refused():
    loss = VideoMAE(4, tubelet=(2, 4, 4), decoder_channels=4, decoder_depth=1, decoder_heads=1)
    hidden = torch.tensor([[True, False]])
    with pytest.raises(ValueError, match='cannot be cut into cubes'):
        loss(torch.ones(1, 4, 1), None, hidden, torch.ones(1, 3, 2, 4, 6))
    with pytest.raises(ValueError, match='none is hidden'):
        loss(torch.ones(1, 4, 2), None, ~hidden & hidden, torch.ones(1, 3, 2, 4, 8))
    with pytest.raises(ValueError, match='gave 2 tokens, but 1 of 2 positions are visible'):
        loss(torch.ones(1, 4, 2), None, hidden, torch.ones(1, 3, 2, 4, 8))
