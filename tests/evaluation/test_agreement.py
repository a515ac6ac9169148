"""Agreement of a student with its teacher."""

import copy

import pytest
import torch
from torch.nn import functional as F

from kdtoolbox.evaluation import agreement_with_teacher
from kdtoolbox.evaluation.agreement import teacher_probabilities
from kdtoolbox.registry import METRICS, MODELS
from tests.evaluation.samples import sample
from tests.tiny import NUM_TEACHER_CLASSES, batch, student_config, teacher_config


def distributions(num_samples=50, num_classes=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.randn(num_samples, num_classes, generator=generator) for _ in range(2))
    return (
        student.softmax(1),
        (teacher + student).softmax(1),
        torch.randint(num_classes, (num_samples,), generator=generator),
    )


def test_agreement_and_accuracies_are_those_counted_by_hand():
    one_hot = F.one_hot(torch.tensor([0, 1, 2, 0, 1]), 3)
    teacher, student = one_hot * 0.7 + 0.1, one_hot[[0, 1, 0, 2, 1]] * 0.7 + 0.1  # says 0, 1, 0, 2, 1
    result = agreement_with_teacher(student, teacher, torch.tensor([0, 2, 2, 2, 0]))
    assert result['top1'] == pytest.approx(3 / 5)
    assert result['teacher_acc'] == pytest.approx(2 / 5) and result['student_acc'] == pytest.approx(2 / 5)
    assert result['student_acc_teacher_right'] == pytest.approx(1 / 2)  # of the first and the third
    assert result['student_acc_teacher_wrong'] == pytest.approx(1 / 3)


def test_accuracies_add_up_to_the_students():
    student, teacher, labels = distributions()
    result = agreement_with_teacher(student, teacher, labels)
    parts = (
        result['teacher_acc'] * result['student_acc_teacher_right']
        + (1 - result['teacher_acc']) * result['student_acc_teacher_wrong']
    )
    assert parts == pytest.approx(result['student_acc'])


def test_kl_is_torchs_from_teacher_to_student_and_zero_at_equality():
    student, teacher, _ = distributions()
    expected = F.kl_div(student.double().log(), teacher.double(), reduction='batchmean').item()
    result = agreement_with_teacher(student, teacher)
    assert result['kl'] == pytest.approx(expected) and set(result) == {'top1', 'kl'}
    assert agreement_with_teacher(teacher, teacher) == {'top1': 1.0, 'kl': 0.0}


def test_a_teacher_that_is_never_wrong_leaves_the_key_out():
    student, teacher, _ = distributions()
    assert 'student_acc_teacher_wrong' not in agreement_with_teacher(student, teacher, teacher.argmax(1))


def test_the_teacher_is_averaged_over_the_clips_in_its_view_as_the_students_head_averages():
    teacher = MODELS.build(teacher_config())
    clips = batch(1, clips=3, pixels=20)['inputs'][0]
    single = torch.stack(
        [teacher(teacher.view.render(clip[None]).transpose(1, 2))['logits'][0] for clip in clips]
    ).double()
    for average, expected in (('prob', single.softmax(1).mean(0)), ('score', single.mean(0).softmax(0))):
        torch.testing.assert_close(teacher_probabilities(teacher, clips, average_clips=average), expected)
    as_2d = clips[0].transpose(0, 1)  # what the pipeline of a 2D student gives
    torch.testing.assert_close(teacher_probabilities(teacher, as_2d, average_clips='prob'), single[0].softmax(0))


@pytest.mark.parametrize('average', ['prob', 'score'])
def test_a_student_that_is_its_own_teacher_agrees_fully_whatever_the_number_of_clips(average):
    student = student_config()
    student['cls_head'] = dict(student['cls_head'], average_clips=average, init_std=3.0)  # so that clips differ
    metric = METRICS.build(
        dict(
            type='TeacherAgreement',
            average_clips=average,
            teacher=dict(type='RecognizerTeacher', recognizer=student, view=dict(size=16)),
        )
    )
    recognizer = metric.teacher.network
    data = batch(3, clips=4)
    for sample_ in data['data_samples']:
        sample_.set_metainfo(dict(role='query'))
    predictions = recognizer.test_step(copy.deepcopy(data))
    metric.dataset_meta = dict(classes=list('abcde'))
    metric.process(data, [prediction.to_dict() for prediction in predictions])
    result = metric.evaluate(3)
    assert result['agreement/kl'] == pytest.approx(0, abs=1e-6) and result['agreement/top1'] == 1


def test_frames_that_are_not_pooled_are_averaged():
    torch.manual_seed(0)
    per_frame = MODELS.build(teacher_config(pooling='none'))
    pooled = MODELS.build(teacher_config())
    pooled.load_state_dict(per_frame.state_dict())
    clips = batch(1, clips=2, pixels=20)['inputs'][0]
    torch.testing.assert_close(
        teacher_probabilities(per_frame, clips, average_clips='prob'),
        teacher_probabilities(pooled, clips, average_clips='prob'),
    )


def build(num_classes=NUM_TEACHER_CLASSES, classes=None, average_clips='prob'):
    teacher = teacher_config()
    teacher['model'] = dict(teacher['model'], num_classes=num_classes)
    metric = METRICS.build(dict(type='TeacherAgreement', teacher=teacher, average_clips=average_clips))
    metric.dataset_meta = dict(classes=classes)
    return metric


def process(metric, scores, labels, role='query'):
    data = batch(len(labels))
    metric.process(
        data, [sample(f'v{n}', role, label, scores=score) for n, (label, score) in enumerate(zip(labels, scores))]
    )
    return torch.stack([teacher_probabilities(metric.teacher, clips, average_clips='prob') for clips in data['inputs']])


def test_the_metric_compares_each_query_with_the_teacher_on_its_own_clips():
    metric = build(classes=list('abcdefg'))
    scores = torch.randn(4, 7, generator=torch.Generator().manual_seed(1))
    teacher = process(metric, scores.softmax(1), [0, 6, 2, 3])
    expected = agreement_with_teacher(scores.softmax(1), teacher, torch.tensor([0, 6, 2, 3]))
    expected = {f'agreement/{name}': value for name, value in expected.items()}
    assert metric.evaluate(4) == pytest.approx(expected, rel=1e-5)
    process(metric, teacher, [0, 6, 2, 3])  # a student that gives the teacher's own answers
    result = metric.evaluate(4)
    assert result['agreement/top1'] == 1 and result['agreement/kl'] == pytest.approx(0, abs=1e-6)


def test_classes_of_the_teacher_alone_say_nothing_about_right_or_wrong():
    metric = build(classes=['a', 'b'], average_clips='score')
    process(metric, torch.randn(3, 7), [1, 0, 1])
    assert set(metric.evaluate(3)) == {'agreement/top1', 'agreement/kl'}


def test_the_teacher_is_not_run_on_the_gallery(monkeypatch):
    metric = build()
    monkeypatch.setattr(metric.teacher, 'forward', None)
    metric.process(batch(2), [sample('g0', 'gallery', 0), sample('g1', 'gallery', 1)])
    assert len(metric.results) == 2  # places for merging processes


def test_a_student_of_other_classes_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match='student has 5 classes and the teacher 7.*fit_probe'):
        process(build(), torch.randn(2, 5), [0, 1])


@pytest.mark.parametrize(
    'told, what', [('probe_classes', 'probe'), ('classes', 'texts'), ('trained_classes', 'weights')]
)
def test_a_probe_texts_or_weights_of_other_classes_are_refused(told, what):
    metric = build(classes=list('abcdefg'))
    setattr(metric.teacher, told, list('abcdegf'))
    process(metric, torch.randn(2, 7), [0, 1])
    with pytest.raises(ValueError, match=rf"teacher's {what} are not those.*7 and 7, first difference \('g', 'f'\)"):
        metric.evaluate(2)


def test_class_names_of_weights_may_be_spelt_otherwise():
    metric = build(classes=list('abcdefg'))
    metric.teacher.trained_classes = list('ABCDEFG')
    process(metric, torch.randn(2, 7).softmax(1), [0, 1])
    assert metric.evaluate(2)
