"""Chains of experiments: checked first, trained in order, resumed in the middle."""

import pytest
import torch

from kdtoolbox.cli.main import main
from kdtoolbox.runner.stages import read_plan, read_stages, stage_config
from kdtoolbox.safe_files import load_safely
from tests.tiny import run_config, student_config


def write_plan(folder, **second):
    """A small student learns from an assistant, both tiny."""
    assistant = run_config(folder / 'unused', epochs=1, teacher=None, terms={})
    student = run_config(
        folder / 'unused',
        epochs=2,
        terms=dict(kd=dict(loss=dict(type='KLDivergence'))),
        teacher=dict(type='RecognizerTeacher', recognizer=student_config(), weights=None, view=dict(size=16)),
    )
    for name, config in (('assistant', assistant), ('student', student)):
        config.work_dir = None
        config.custom_imports = dict(imports=['tests.tiny'])
        config.dump(folder / f'{name}.py')
    stages = [
        dict(name='assistant', config=str(folder / 'assistant.py')),
        dict(
            name='student',
            config=str(folder / 'student.py'),
            cfg_options={'model.teacher.weights': '{assistant.student}', **second},
        ),
    ]
    plan = folder / 'plan.py'
    plan.write_text(f'stages = {stages!r}\n')
    return plan


def test_a_later_stage_learns_from_the_student_of_an_earlier_one(tmp_path, capsys):
    work_dir = tmp_path / 'out'
    assert main(['stages', str(write_plan(tmp_path)), '--work-dir', str(work_dir)]) == 0
    assistant, student = (
        torch.load(work_dir / name / 'exported_student.pth', weights_only=True)['state_dict']
        for name in ('assistant', 'student')
    )
    assert assistant.keys() == student.keys() and not torch.equal(
        assistant['cls_head.fc_cls.weight'], student['cls_head.fc_cls.weight']
    )
    before = (work_dir / 'student/exported_student.pth').read_bytes()
    capsys.readouterr()
    again = ['stages', str(tmp_path / 'plan.py'), '--work-dir', str(work_dir)]
    assert main(again) == 0 and 'assistant: trained before' in capsys.readouterr().out
    assert main([*again, '--cfg-options', 'student:train_cfg.max_epochs=3']) == 2
    assert "stage 'student' was trained with other settings, or from other students" in capsys.readouterr().err
    assert (work_dir / 'student/exported_student.pth').read_bytes() == before and main(again) == 0
    whole = (work_dir / 'assistant/exported_student.pth').read_bytes()
    (work_dir / 'assistant/exported_student.pth').write_bytes(whole + b' ')  # as one that was trained once more
    assert main(again) == 2 and "stage 'student' was trained with" in capsys.readouterr().err
    (work_dir / 'assistant/exported_student.pth').write_bytes(whole)
    assert main(again) == 0
    used = next((work_dir / 'student').glob('*/vis_data/config.py')).read_text()
    assert str(work_dir / 'assistant' / 'exported_student.pth') in used
    assert f'student: {work_dir}/student/exported_student.pth' in capsys.readouterr().out


def test_options_are_of_all_stages_or_of_one(tmp_path, capsys):
    plan, weights = write_plan(tmp_path, **{'train_cfg.max_epochs': 3}), '{assistant.student}'
    options = {'train_cfg.val_interval': 7, 'assistant:train_cfg.max_epochs': 2, 'optim_wrapper.optimizer.lr': 0.5}
    assistant, student = read_plan(plan, options={**options, 'student:optim_wrapper.optimizer.lr': 0.25})
    shared = {'train_cfg.val_interval': 7, 'optim_wrapper.optimizer.lr': 0.5}
    assert assistant.cfg_options == {**shared, 'train_cfg.max_epochs': 2}
    own = {'model.teacher.weights': weights, 'train_cfg.max_epochs': 3, 'optim_wrapper.optimizer.lr': 0.25}
    assert student.cfg_options == {**shared, **own}
    for option, message in (
        ('teacher:train_cfg.max_epochs=1', "expected one of the stages ['assistant', 'student'] before the colon"),
        ('student:load_from={teacher.student}', "stage 'student' asks for {teacher.student}"),
        ('train_cfg.max_epochs=0', "stage 'assistant' would have no output"),
        ('student:train_cf.max_epochs=1', "'train_cf'"),
    ):
        assert main(['stages', str(plan), '--work-dir', str(tmp_path / 'out'), '--cfg-options', option]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_plan_goes_on_in_the_middle_of_the_stage_that_was_interrupted(tmp_path):
    plan, work_dir = write_plan(tmp_path), tmp_path / 'out'
    assert main(['stages', str(plan), '--work-dir', str(work_dir)]) == 0
    whole = load_safely(work_dir / 'student' / 'epoch_2.pth', what='checkpoint')['state_dict']
    assistant = (work_dir / 'assistant' / 'exported_student.pth').stat().st_mtime_ns
    for name in ('exported_student.pth', 'exported_student.py', 'epoch_2.pth'):
        (work_dir / 'student' / name).unlink()
    (work_dir / 'student' / 'last_checkpoint').write_text(str(work_dir / 'student' / 'epoch_1.pth'))
    assert main(['stages', str(plan), '--work-dir', str(work_dir)]) == 0
    again = load_safely(work_dir / 'student' / 'epoch_2.pth', what='checkpoint')['state_dict']
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    assert (work_dir / 'assistant' / 'exported_student.pth').stat().st_mtime_ns == assistant


@pytest.mark.parametrize(
    'stages, message',
    [
        (None, 'has no stages'),
        ([dict(name='a')], 'name, config and maybe'),
        ([dict(name='a', config='demo/video_student.py', extra=1)], r"got \['config', 'extra', 'name'\]"),
        ([dict(name='../a', config='demo/video_student.py')], 'expected letters'),
        ([dict(name='a', config='demo/video_student.py')] * 2, 'one name for each'),
        (
            [dict(name='a', config='demo/video_student.py', cfg_options={'load_from': '{b.student}'})],
            'asks for {b.student}',
        ),
        (
            [
                dict(name='a', config='demo/video_student.py'),
                dict(name='b', config='demo/video_student.py', cfg_options={'load_from': '{a.teacher}'}),
            ],
            'asks for {a.teacher}',
        ),
        (
            [dict(name='a', config='demo/image_teacher.py')],
            'would have no output: demo/image_teacher.py does not train',
        ),
        (
            [dict(name='a', config='demo/video_student.py', cfg_options={'default_hooks.checkpoint': None})],
            'would have no output: .* writes no checkpoint',
        ),
    ],
)
def test_a_plan_that_cannot_work_is_refused_before_anything_is_trained(stages, message):
    with pytest.raises(ValueError, match=message):
        read_stages(stages)


def test_references_are_filled_in_wherever_they_stand(tmp_path):
    stage = read_stages(
        [
            dict(name='a', config='demo/video_student.py'),
            dict(name='b', config='demo/video_student.py', cfg_options={'load_from': '{a.student}'}),
        ]
    )[1]
    assert stage_config(stage, {'a': tmp_path / 'x.pth'}).load_from == str(tmp_path / 'x.pth')


def test_references_inside_of_an_option_are_checked_and_filled_in_too(tmp_path):
    def stages(name):
        teacher = dict(type='RecognizerTeacher', weights=f'{{{name}.student}}', recognizer=[f'{{{name}.student}}'])
        return read_stages(
            [
                dict(name='a', config='demo/video_student.py'),
                dict(name='b', config='demo/video_student.py', cfg_options={'model.teacher': teacher}),
            ]
        )

    teacher = stage_config(stages('a')[1], {'a': tmp_path / 'x.pth'}).model.teacher
    assert teacher.weights == str(tmp_path / 'x.pth') == teacher.recognizer[0]
    with pytest.raises(ValueError, match="stage 'b' asks for {c.student}"):
        stages('c')


def test_a_stage_may_start_from_the_student_before_it_and_still_resumes_from_itself(tmp_path, monkeypatch):
    plan, work_dir = write_plan(tmp_path, load_from='{assistant.student}'), tmp_path / 'out'
    starts = []
    from mmengine.runner import Runner

    load = Runner.load_checkpoint
    monkeypatch.setattr(
        Runner,
        'load_checkpoint',
        lambda self, file, *args, **kwargs: (starts.append((file, self._resume)), load(self, file, *args, **kwargs))[1],
    )
    assert main(['stages', str(plan), '--work-dir', str(work_dir)]) == 0
    assert starts == [(str(work_dir / 'assistant' / 'exported_student.pth'), False)]
    (work_dir / 'student' / 'exported_student.pth').unlink()
    (work_dir / 'student' / 'last_checkpoint').write_text(str(work_dir / 'student' / 'epoch_1.pth'))
    starts.clear()
    assert main(['stages', str(plan), '--work-dir', str(work_dir)]) == 0
    assert starts == [(str(work_dir / 'student' / 'epoch_1.pth'), True)]
