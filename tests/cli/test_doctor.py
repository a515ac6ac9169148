"""The doctor: what it finds on one batch, and what it advises."""

import copy

import pytest
import torch
from mmengine.config import Config

from kdtoolbox.cli.doctor import cost_lines
from kdtoolbox.cli.main import main
from kdtoolbox.registry import MODELS
from kdtoolbox.reporting.doctor import check
from kdtoolbox.reporting.doctor_text import checkup_text
from tests.conftest import REPOSITORY
from tests.tiny import batch, distillation_head, run_config, student_config, teacher_config


def tiny(tmp_path, **model):
    return run_config(tmp_path, **{'clip_shape': (4, 24, 24), **model})


def test_values_gradients_and_shares_are_those_of_a_step(tmp_path):
    config = tiny(tmp_path, terms=dict(kd=dict(distillation_head(), weight=0.3)))
    checkup, _ = check(config, synthetic=False)
    torch.manual_seed(0)
    facts = {loss.name: loss for loss in checkup.losses}
    assert facts.keys() == {'loss_cls', 'loss_kd'}
    assert sum(loss.gradient_share for loss in checkup.losses) == pytest.approx(1)
    assert facts['loss_kd'].term['student_shape'] == (32,) and facts['loss_kd'].term['student_connected'] == (7,)
    doubled, _ = check(tiny(tmp_path, terms=dict(kd=dict(distillation_head(), weight=0.6))), synthetic=False)
    twice = {loss.name: loss for loss in doubled.losses}['loss_kd']
    assert twice.value == pytest.approx(2 * facts['loss_kd'].value, rel=1e-5)
    assert twice.gradient_norm == pytest.approx(2 * facts['loss_kd'].gradient_norm, rel=1e-4)


def test_the_gradient_norm_is_that_of_backward(tmp_path):
    from kdtoolbox.inspection.term_report import examine

    torch.manual_seed(0)
    model = MODELS.build(tiny(tmp_path).model.to_dict()).train()
    twin = copy.deepcopy(model)
    fact = next(loss for loss in examine(model, batch()).losses if loss.name == 'loss_kd')
    twin(**twin.data_preprocessor(batch(), True), mode='loss')['loss_kd'].backward()
    norm = torch.stack([p.grad.norm() for p in twin.student.parameters() if p.grad is not None]).norm().item()
    assert fact.gradient_norm == pytest.approx(norm, rel=1e-4)


def test_what_is_unused_is_named_and_a_head_without_labels_is(tmp_path):
    checkup, _ = check(tiny(tmp_path, use_labels=False), synthetic=False)
    assert checkup.unused_parameters == ['student.cls_head.fc_cls.bias', 'student.cls_head.fc_cls.weight']


def test_a_teacher_with_the_students_classes_is_marked(tmp_path):
    teacher = teacher_config()
    teacher['model'] = dict(type='TinyImageNet', num_classes=5)
    terms = dict(kd=dict(loss=dict(type='KLDivergence')))
    checkup, _ = check(tiny(tmp_path, teacher=teacher, terms=terms), synthetic=False)
    assert 0 <= checkup.networks[1].accuracy <= 1
    label_free, _ = check(tiny(tmp_path, teacher=teacher, terms=terms, use_labels=False), synthetic=False)
    assert label_free.networks[1].accuracy is None  # its classes need not be those of the labels
    unlike, _ = check(tiny(tmp_path), synthetic=False)
    assert unlike.networks[1].accuracy is None


@pytest.mark.parametrize('weight, words', [(1e4, 'loss_kd drowns the others'), (1e-4, 'loss_kd hardly counts')])
def test_a_term_out_of_balance_is_a_problem_whose_fix_mends_it(tmp_path, weight, words):
    checkup, _ = check(tiny(tmp_path, terms=dict(kd=dict(distillation_head(), weight=weight))), synthetic=False)
    problem = next(problem for problem in checkup.problems if words in problem)
    factor = float(problem.rpartition('about ')[2].split()[0])
    mended, _ = check(tiny(tmp_path, terms=dict(kd=dict(distillation_head(), weight=weight * factor))), synthetic=False)
    assert not mended.problems
    assert mended.losses[1].gradient_share == pytest.approx(0.5, abs=0.05)


def test_a_term_that_does_not_reach_the_student_is_a_problem(tmp_path):
    @MODELS.register_module(force=True)
    class DetachedLoss(torch.nn.Module):
        def forward(self, student, teacher):
            return (student.detach() - 0).square().mean()

    terms = dict(kd=dict(distillation_head(), loss=dict(type='DetachedLoss')))
    checkup, _ = check(tiny(tmp_path, terms=terms), synthetic=False)
    assert any('loss_kd sends no gradient to the student' in problem for problem in checkup.problems)


def test_a_relational_loss_on_one_clip_is_refused_with_its_term(tmp_path):
    terms = dict(rkd=dict(student='features', teacher='features', loss=dict(type='RKDDistance')))
    with pytest.raises(ValueError, match="'rkd'.*batch of 1.*batch_size to 3 or more"):
        check(tiny(tmp_path, terms=terms), synthetic=False, batch_size=1)


def test_the_report_of_the_command_names_everything(tmp_path, capsys):
    config = tiny(tmp_path, student=student_config())
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    assert main(['doctor', str(tmp_path / 'config.py'), '--synthetic', '--batch-size', '3']) == 0
    out = capsys.readouterr().out
    assert 'Losses on 3 clips' in out and 'features (32,) -> (7,)' in out and 'logits (7,)' in out
    assert '3x2x3x24x24' in out and '2 frames' in out  # the teacher's size and stride
    assert 'Parameters without a gradient: 0' in out
    assert 'lacks' not in out


def test_auto_choices_are_in_the_report(tmp_path):
    terms = dict(kd=dict(distillation_head(), student_connector='auto'))
    checkup, problems = check(tiny(tmp_path, terms=terms), synthetic=False)
    text = checkup_text(checkup, problems)
    assert 'Chosen by auto' in text and 'LinearProjection' in text


def test_data_that_are_not_there_are_an_error_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv('HMDB51_VIDEOS', str(tmp_path / 'nowhere'))
    monkeypatch.setenv('HMDB51_ANNOTATIONS', str(tmp_path / 'nowhere'))
    from mmengine.config import Config

    from kdtoolbox.config_files.finding import find_config

    config = Config.fromfile(find_config('kd_r2d_to_r3d_hmdb51'))
    config.merge_from_dict(
        {
            'model.teacher.model': 'torchvision.mobilenet_v3_small',
            'model.teacher.weights': None,
            'model.student.backbone.base_channels': 4,
            'model.student.cls_head.in_channels': 32,
            'model.terms.kd.student_connector.in_channels': 32,
            'model.teacher.view.size': 32,
            'model.student_view.size': 32,
        }
    )
    with pytest.raises(ValueError, match='--synthetic'):
        check(config, synthetic=False)
    _, problems = check(config, synthetic=True)
    assert any('random weights' in problem for problem in problems)


def test_what_is_no_distiller_is_refused(tmp_path):
    config = run_config(tmp_path)
    config.model = student_config()
    with pytest.raises(ValueError, match='is no distiller'):
        check(config, synthetic=True)


def test_what_peers_learn_is_shown_and_no_problem_of_the_students(tmp_path):
    config = tiny(
        tmp_path,
        type='MutualDistiller',
        peers=dict(twin=student_config()),
        teacher=None,
        terms={},
        loss=dict(type='KLDivergence'),
    )
    checkup, _ = check(config, synthetic=False)
    facts = {loss.name: loss for loss in checkup.losses}
    assert facts['twin.loss_cls'].gradient_norm == 0 and facts['loss_mutual'].gradient_norm > 0
    assert not any('twin' in problem for problem in checkup.problems)


def doctor(tmp_path, capsys, *options, synthetic=False, **model) -> tuple[int, str]:
    config = tiny(tmp_path, **model)
    config.custom_imports = dict(imports=['tests.tiny', 'tests.inspection.test_real_batch'])
    config.dump(tmp_path / 'config.py')
    status = main(
        [
            'doctor',
            str(tmp_path / 'config.py'),
            *(['--synthetic'] if synthetic else []),
            *(['--cfg-options', *options] if options else []),
        ]
    )
    captured = capsys.readouterr()
    return status, captured.out if status == 0 else captured.err


def test_a_sound_config_has_no_problems_and_strict_says_so(tmp_path, capsys):
    torch.save(MODELS.build(dict(type='TinyImageNet')).state_dict(), tmp_path / 'teacher.pth')
    status, out = doctor(tmp_path, capsys, teacher=teacher_config(weights=str(tmp_path / 'teacher.pth')))
    assert status == 0 and 'Problems: none found' in out, out
    assert main(['doctor', str(tmp_path / 'config.py'), '--strict']) == 0
    assert main(['doctor', str(tmp_path / 'config.py'), '--strict', '--cfg-options', 'model.terms.kd.weight=-1']) == 1


@pytest.mark.parametrize(
    'options, words',
    [
        (['model.terms.kd.weight=-1'], "term 'kd' has weight -1"),
        (['model.terms.kd.weight=0'], "term 'kd' has weight 0"),
        (['model.student.cls_head.num_classes=100'], 'the student has 100 classes, but the training set has 5'),
        (['model.student.data_preprocessor.to_rgb=True'], 'swaps red and blue'),
        (['default_hooks.checkpoint.save_best=top1'], "save_best='top1' is none of what the metrics give"),
        (['model.use_labels=False'], "nothing trains the student's classifier"),
        (
            ['model.teacher.view.mean=[0.5,0.5,0.5]', 'model.teacher.view.std=[0.2,0.2,0.2]'],
            'are those of pixels from 0 to 1',
        ),
    ],
)
def test_what_the_training_would_say_the_doctor_says(tmp_path, capsys, options, words):
    status, out = doctor(tmp_path, capsys, *options)
    assert status == 0 and words in out, out


@pytest.mark.parametrize(
    'options, words',
    [
        (['model.terms.kd.weight_schedule=0.5'], 'weight_schedule 0.5: expected points'),
        (['model.teacher.model.type=OfOneSize'], 'set model.teacher.view.size=32'),
        (['model.student_view.size=0'], 'view size 0'),
    ],
)
def test_what_does_not_run_is_one_line(tmp_path, capsys, options, words):
    status, err = doctor(tmp_path, capsys, *options)
    assert status == 2 and words in err and err.count('\n') == 1, err
    assert 'clip_shape' not in err


def test_probabilities_are_found_and_weights_are_then_not_advised_on(tmp_path, capsys):
    teacher = teacher_config()
    teacher.update(model=dict(type='GivesProbabilities'), view=dict(size=32))
    terms = dict(kd=dict(distillation_head(), weight=1e-4))
    status, out = doctor(tmp_path, capsys, teacher=teacher, terms=terms)
    assert status == 0 and 'gives probabilities' in out and 'times its weight' not in out


def test_noise_needs_no_network(tmp_path, monkeypatch):
    def no_network(*args, **kwargs):
        raise AssertionError('fetched')

    monkeypatch.setattr('torch.hub.load_state_dict_from_url', no_network)
    config = tiny(tmp_path)
    config.model.teacher = dict(type='ImageTeacher', model='torchvision.mobilenet_v3_small', weights='IMAGENET1K_V1')
    config.model.terms.kd.student_connector = 'auto'
    config.model.clip_shape = (4, 64, 64)
    config.model.student.backbone.pretrained = 'torchvision://resnet18'
    checkup, problems = check(config, synthetic=True)
    assert not any('random weights' in problem for problem in problems)
    assert checkup.networks[1].view.size == (224, 224)


def test_a_student_with_checkpointed_blocks_is_examined_like_one_without(tmp_path):
    plain, saving = student_config(), student_config()
    saving['backbone']['with_cp'] = True
    (one, _), (other, _) = (check(tiny(tmp_path, student=student), synthetic=False) for student in (plain, saving))
    for left, right in zip(one.losses, other.losses):
        assert (left.name, left.value) == (right.name, pytest.approx(right.value, rel=1e-4))
        assert left.gradient_norm == pytest.approx(right.gradient_norm, rel=1e-3)
    assert one.unused_parameters == other.unused_parameters


def test_a_mean_teacher_is_examined_as_training_begins_and_its_missing_hook_is_said(tmp_path):
    """A copy of the student, run in evaluation mode; its own view is the student's."""
    config = tiny(
        tmp_path,
        teacher=dict(type='EMATeacher', view=dict(size=16)),
        terms=dict(consistency=dict(loss=dict(type='KLDivergence'))),
    )
    checkup, problems = check(config, synthetic=False)
    assert {loss.name for loss in checkup.losses} == {'loss_cls', 'loss_consistency'}
    assert 'custom_hooks lacks EMATeacherHook' in '\n'.join(problems)


def test_a_first_step_in_which_nothing_is_learned_is_said(tmp_path):
    config = tiny(
        tmp_path, use_labels=False, terms=dict(kd=dict(distillation_head(), weight_schedule=[(0, 0), (1, 0)]))
    )
    checkup, _ = check(config, synthetic=False)
    assert not checkup.losses and 'nothing is learned in the first step' in checkup.problems[0]


def test_the_cost_of_the_run_is_told_or_why_it_is_not_known(monkeypatch):
    monkeypatch.setenv('HMDB51_ANNOTATIONS', '/nowhere')
    config = Config.fromfile(REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py')
    (line,) = cost_lines(config, is_measured=False)
    assert line.startswith('The run: 120 epochs') and 'are validation and test' in line
    config.model.student = None
    (line,) = cost_lines(config, is_measured=False)
    assert line.startswith('The cost of the run is not known: ')
