import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from kdtoolbox.criterion import Criterion
from kdtoolbox.method_card import MethodCard
from kdtoolbox.registry import MODELS
from tests.tiny import batch, student_config, teacher_config

CONFIDENT = dict(type='ConfidenceGate', threshold=0.9)
SURE, UNSURE = [9.0, 0.0, 0.0], [1.0, 0.0, 0.0]


@MODELS.register_module(force=True)
class Remembering(nn.Module):
    """A loss that learns and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, student, teacher, labels, sample_ids):
        self.seen = labels.tolist(), sample_ids
        return (student - teacher).square().mean() * self.scale


def run(teacher_logits, *, gate=CONFIDENT, loss='L2', labels=None, path='logits', **options):
    criterion = Criterion(dict(kd=dict(dict(loss=dict(type=loss), gate=gate, teacher=path), **options)))
    teacher = {path: torch.tensor(teacher_logits)}
    student = torch.zeros(teacher[path].shape, requires_grad=True)
    losses = criterion(
        {'logits': student},
        teacher,
        labels=labels,
        progress=0.0,
        sample_ids=[f'video{index}' for index in range(len(student))],
    )
    losses['loss_kd'].backward()
    return losses, student.grad, criterion.terms.kd.loss


def test_a_clip_on_which_the_teacher_is_unsure_counts_0_in_the_mean():
    losses, gradient, _ = run([SURE, UNSURE, SURE, UNSURE])
    assert losses['loss_kd'].item() == pytest.approx(2 * 81 / (4 * 3))
    assert losses['gate_kd'] == 0.5
    assert gradient[::2].abs().sum() > 0 and gradient[1::2].abs().sum() == 0


def test_a_gate_that_keeps_all_leaves_the_loss_as_it_is():
    losses, gradient, _ = run([SURE, UNSURE], gate=dict(CONFIDENT, threshold=0.1))
    plain, plain_gradient, _ = run([SURE, UNSURE], gate=None)
    assert torch.equal(losses['loss_kd'], plain['loss_kd']) and torch.equal(gradient, plain_gradient)
    assert losses['gate_kd'] == 1 and 'gate_kd' not in plain


def test_no_clip_kept_is_0_with_a_gradient_of_0_to_all_that_learns():
    losses, gradient, loss = run([UNSURE, UNSURE], loss='Remembering', labels=torch.tensor([0, 1]))
    assert losses['loss_kd'] == 0 and losses['gate_kd'] == 0
    assert gradient.abs().sum() == 0 and loss.scale.grad == 0


def test_the_loss_gets_labels_and_ids_of_the_kept_clips():
    _, _, loss = run([UNSURE, SURE, SURE], loss='Remembering', labels=torch.tensor([4, 5, 6]))
    assert loss.seen == ([5, 6], ['video1', 'video2'])


def test_confidence_is_the_largest_probability_and_the_threshold_is_in():
    gate = MODELS.build(dict(type='ConfidenceGate', threshold=0.5))
    probabilities = torch.tensor([[0.5, 0.25, 0.25], [0.49, 0.26, 0.25], [0.2, 0.2, 0.6]])
    assert gate(probabilities.log() + 7.0).tolist() == [True, False, True]


@pytest.mark.parametrize('threshold', [0.0, 1.5, float('nan')])
def test_a_threshold_that_is_no_probability_is_refused(threshold):
    with pytest.raises(ValueError, match='expected a probability'):
        run([SURE], gate=dict(CONFIDENT, threshold=threshold))


def test_the_correct_gate_believes_a_teacher_where_it_is_right():
    losses, gradient, _ = run([SURE, SURE, SURE], gate=dict(type='CorrectGate'), labels=torch.tensor([0, 1, -1]))
    assert losses['gate_kd'].item() == pytest.approx(1 / 3)
    assert gradient[0].abs().sum() > 0 and gradient[1:].abs().sum() == 0


def test_soft_labels_have_no_right_answer_to_gate_by():
    with pytest.raises(ValueError, match=r'CorrectGate got labels \(3, 3\)'):
        run([SURE, SURE, SURE], gate=dict(type='CorrectGate'), labels=torch.eye(3))


def test_each_teacher_is_believed_by_its_own_logits():
    criterion = Criterion(
        {name: dict(loss=dict(type='L2'), teacher=f'{name}.logits', gate=CONFIDENT) for name in ('image', 'motion')}
    )
    losses = criterion(
        {'logits': torch.zeros(2, 3)},
        {'image.logits': torch.tensor([SURE, UNSURE]), 'motion.logits': torch.tensor([UNSURE, UNSURE])},
        labels=None,
        sample_ids=None,
        progress=0.0,
    )
    assert losses['gate_image'] == 0.5 and losses['gate_motion'] == 0
    assert losses['loss_image'] > 0 and losses['loss_motion'] == 0


def test_features_are_gated_by_the_logits_of_their_teacher():
    criterion = Criterion(dict(hint=dict(loss=dict(type='L2'), student=['a', 'b'], teacher=['x', 'y'], gate=CONFIDENT)))
    # L2 takes one tensor; here what reaches the loss is looked at.
    criterion.terms.hint.loss.forward = lambda student, teacher: student[0].sum() + student[1].sum() - teacher[1].sum()
    tensors = {name: torch.arange(2.0)[:, None] + 1 for name in 'abxy'}
    losses = criterion(
        tensors, {**tensors, 'logits': torch.tensor([UNSURE, SURE])}, labels=None, sample_ids=None, progress=0.0
    )
    assert losses['loss_hint'] == (2 + 2 - 2) / 2


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(teacher=None), 'teacher=None'),
        (dict(loss=dict(type='SimilarityPreserving')), 'SimilarityPreserving compares the clips of a batch'),
        (
            dict(loss=dict(type='RelationalInside', loss=dict(type='RKDDistance'))),
            'RelationalInside compares the clips',
        ),
    ],
)
def test_what_cannot_be_gated_is_refused_when_built(options, message):
    with pytest.raises(ValueError, match=f"term 'kd': .*{message}"):
        Criterion(dict(kd=dict(dict(loss=dict(type='L2'), gate=CONFIDENT), **options)))


@MODELS.register_module(force=True)
class RelationalInside(nn.Module):
    """Wraps a relational loss."""

    card = MethodCard(paper='none', needs=('vectors',))

    def __init__(self, loss) -> None:
        super().__init__()
        self.loss = MODELS.build(loss)

    def forward(self, student, teacher):
        return self.loss(student, teacher)


def test_a_name_that_would_put_the_kept_share_into_the_loss_is_refused():
    with pytest.raises(ValueError, match="logged as 'gate_kd_loss', which mmengine would add"):
        Criterion(dict(kd_loss=dict(loss=dict(type='L2'), gate=CONFIDENT)))
    Criterion(dict(kd_loss=dict(loss=dict(type='L2'))))


@pytest.mark.parametrize('logits', [torch.zeros(2, 4, 3), None])
def test_a_teacher_without_logits_for_the_clip_is_refused(logits):
    criterion = Criterion(dict(kd=dict(loss=dict(type='L2'), student='features', teacher='features', gate=CONFIDENT)))
    answers = {'features': torch.zeros(2, 3), **({} if logits is None else {'logits': logits})}
    with pytest.raises(ValueError, match=r"term 'kd': its gate decides by logits \(N, K\)"):
        criterion({'features': torch.zeros(2, 3)}, answers, labels=None, sample_ids=None, progress=0.0)


def test_rows_that_are_not_clips_are_refused():
    criterion = Criterion(dict(kd=dict(loss=dict(type='L2'), student='frames', teacher='frames', gate=CONFIDENT)))
    with pytest.raises(ValueError, match='one row a clip'):
        criterion(
            {'frames': torch.zeros(4, 3)},
            {'frames': torch.zeros(4, 3), 'logits': torch.tensor([SURE, UNSURE])},
            labels=None,
            sample_ids=None,
            progress=0.0,
        )


def test_image_and_video_teacher_teach_together_each_with_weight_schedule_and_gate():
    torch.manual_seed(0)
    video = dict(type='RecognizerTeacher', recognizer=student_config(), view=dict(size=16))
    image = dict(teacher_config(), model=dict(type='TinyImageNet', num_classes=5))
    terms = dict(
        image=dict(
            loss=dict(type='KLDivergence', temperature=4.0),
            teacher='image.logits',
            weight=0.5,
            gate=dict(type='ConfidenceGate', threshold=0.1),
        ),  # always sure: a chance of 5 classes is 0.2
        right=dict(loss=dict(type='L2'), teacher='video.logits', gate=dict(type='CorrectGate')),
        motion=dict(
            loss=dict(type='L2'), student='features', teacher='video.features', weight_schedule=[(0.0, 1.0), (0.5, 0.0)]
        ),
    )
    distiller = MODELS.build(
        dict(
            type='Distiller',
            student=student_config(),
            teacher=dict(image=image, video=video),
            terms=terms,
            student_view=dict(size=16),
        )
    ).train()
    assert all(term.shapes for term in distiller.criterion.terms.values())
    logs = distiller.train_step(batch(), OptimWrapper(torch.optim.SGD(distiller.parameters(), lr=0.01)))
    assert logs['gate_image'] == 1 and 0 <= logs['gate_right'] <= 1
    assert logs['loss'].item() == pytest.approx(
        sum(logs[f'loss_{name}'].item() for name in ('cls', 'image', 'right', 'motion'))
    )


def test_a_gate_that_needs_labels_is_refused_without_them():
    with pytest.raises(ValueError, match="term 'kd': CorrectGate needs labels, but use_labels=False"):
        MODELS.build(
            dict(
                type='Distiller',
                student=student_config(),
                use_labels=False,
                teacher=dict(teacher_config(), model=dict(type='TinyImageNet', num_classes=5)),
                terms=dict(kd=dict(loss=dict(type='L2'), gate=dict(type='CorrectGate'))),
            )
        )
