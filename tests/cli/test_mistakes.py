"""What is mistyped is answered by one line that names the nearest, before anything is built."""

import os
import re
import sys
import types

import pytest
import torch
from mmengine.config import Config

from kdtoolbox.cli.main import main
from kdtoolbox.config_files.config_options import ConfigOptions
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.keys import refuse_unknown_keys
from kdtoolbox.config_files.reading import read_config
from tests.conftest import REPOSITORY
from tests.forked import call
from tests.tiny import run_config

ALL_CONFIGS = sorted(
    path for path in (REPOSITORY / 'configs').rglob('*.py') if not {'_base_', 'stages'} & set(path.parts)
)


def refused(capsys, *arguments) -> str:
    """The one line that a command ends with."""
    assert main([*map(str, arguments)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def parsed(option: str):
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument('--o', nargs='+', action=ConfigOptions)
    return parser.parse_args(['--o', option]).o['a.b']


@pytest.fixture
def config(tmp_path):
    """A whole experiment in a file."""
    config = run_config(tmp_path / 'run')
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    return tmp_path / 'config.py'


@pytest.mark.parametrize('path', ALL_CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_have_no_key_that_nothing_reads(path):
    refuse_unknown_keys(read_config(path))


@pytest.mark.parametrize(
    'option, words',
    [
        ('modle.student_view.size=32', 'did you mean model.student_view.size?'),
        ('train_dataloder.batch_size=2', 'did you mean train_dataloader.batch_size?'),
        ('student_view.size=32', 'did you mean model.student_view.size?'),
        ('model.student_veiw.size=32', "Distiller has no argument 'student_veiw': did you mean 'student_view'"),
        ('model.student_view.szie=32', "View has no argument 'szie': did you mean 'size'"),
        ('model.teacher.view.sise=32', "View has no argument 'sise': did you mean 'size'"),
        ('model.terms.kd.wieght=1', "Term has no argument 'wieght': did you mean 'weight'"),
        ('model.terms.kd.loss.temprature=1', "L2 has no argument 'temprature': did you mean 'temperature'"),
        (
            'model.student.backbone.base_chanels=8',
            "ResNet3d has no argument 'base_chanels': did you mean 'base_channels'",
        ),
        ('train_dataloader.dataset.lenght=4', "TinyClips has no argument 'lenght': did you mean 'length'"),
        ('val_dataloader.batchsize=4', "there is no 'batchsize' in it: did you mean 'batch_size'"),
        ('val_dataloader.sampler.shufle=True', "DefaultSampler has no argument 'shufle': did you mean 'shuffle'"),
        ('optim_wrapper.optimizer.learning_rate=1', "SGD has no argument 'learning_rate': did you mean 'lr'"),
        ('optim_wrapper.acumulative_counts=2', "OptimWrapper has no argument 'acumulative_counts': did you mean"),
        ('optim_wrapper.clip_grad.max_nrm=1', "clip_grad_norm_ has no argument 'max_nrm': did you mean 'max_norm'"),
        ('optim_wrapper.paramwise_cfg.bias_lr_mul=2', "there is no 'bias_lr_mul' in it: did you mean 'bias_lr_mult'"),
        (
            'optim_wrapper.paramwise_cfg.custom_keys.backbone.lr_mul=0.1',
            "custom_keys.backbone: there is no 'lr_mul' in it: did you mean 'lr_mult'",
        ),
        ('param_scheduler.0.T_mx=9', "CosineAnnealingLR has no argument 'T_mx': did you mean 'T_max'"),
        ('val_evaluator.1.top_k=3', "ClipRetrieval has no argument 'top_k': did you mean 'topk'"),
        ('default_hooks.checkpoint.save_bset=auto', "did you mean 'save_best'"),
        (
            'default_hooks.chekpoint.interval=2',
            "default_hooks: 'chekpoint' has no type, so it is no hook: did you mean 'checkpoint'",
        ),
        ('train_cfg.max_epoch=3', "EpochBasedTrainLoop has no argument 'max_epoch': did you mean 'max_epochs'"),
        ('randomness.sed=3', "there is no 'sed' in it: did you mean 'seed'?"),
        ('model.student.backbone.typ=3', "there is no 'typ' in it: did you mean 'type'?"),
        (
            'train_dataloader.collate_fn.type=pseudo_colate',
            "no function 'pseudo_colate': did you mean 'pseudo_collate'",
        ),
        ('train_cfg.type=EpochBasedTrainLoop', "'type' and 'by_epoch' both say which loop it is"),
    ],
)
def test_a_misspelt_key_is_answered_by_the_nearest(option, words, config, capsys):
    assert words in refused(capsys, 'train', config, '--cfg-options', option)


@pytest.mark.parametrize(
    'change, words',
    [
        ({'val_evaluator': [dict(type='TeacherAgreement')]}, "TeacherAgreement needs 'teacher', which its config"),
        ({'param_scheduler': [dict(type='StepLR')]}, "StepParamScheduler needs 'step_size', which its config"),
        ({'custom_hooks': [dict(type='EMAHook', momentun=0.1)]}, "no argument 'momentun': did you mean 'momentum'"),
        ({'default_hooks.checkpoint.keep': 2}, "CheckpointHook has no argument 'keep': it takes"),
        ({'model.student.backbone.stages': 2}, "ResNet3d has no argument 'stages': did you mean"),
        ({'model.student.backbone.depth': 19}, "ResNet3d cannot be built from its config: 'invalid depth 19 for"),
    ],
)
def test_what_a_class_of_mmengine_or_mmaction2_needs_or_refuses_is_one_line(change, words, config, capsys):
    changed = Config.fromfile(config)
    changed.merge_from_dict(change)
    changed.dump(config)
    assert main(['train', str(config), '-q']) == 2
    assert words in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_misspelt_section_of_a_file_is_found_and_helpers_are_not(tmp_path, capsys):
    text = run_config(tmp_path).pretty_text
    file = tmp_path / 'config.py'
    file.write_text(re.sub('^train_dataloader', 'train_dataloder', text, flags=re.MULTILINE))
    assert "nothing reads 'train_dataloder': did you mean 'train_dataloader'?" in refused(capsys, 'train', file)
    evaluator = "evaluator = [dict(type='QueryAccuracy')]\nval_evaluator = evaluator\n"
    refuse_unknown_keys(Config.fromstring(f"default_scope = 'kdtoolbox'\n{evaluator}", '.py'))


@pytest.mark.parametrize(
    'option, words',
    [
        ('model.terms.kd.loss.type=CRD', "CRD needs 'student_channels' and 'teacher_channels', which its config"),
        ('model.terms.kd.student=None', "term 'kd': student=None, expected 'logits'"),
        ('model.terms.kd.weight=much', "term 'kd' has weight 'much': expected a number"),
        ('optim_wrapper.optimizer.lr=small', "optim_wrapper.optimizer.lr is 'small': expected a number"),
        ('train_cfg.max_epochs=two', "train_cfg.max_epochs is 'two': expected a whole number"),
        ('model.student.backbone.pretrained=none.pth', "model.student.backbone.pretrained is 'none.pth': no such file"),
        (
            'model.student.backbone.pretrained=torchvision://resnett18',
            "torchvision has no 'resnett18': did you mean 'resnet18'",
        ),
    ],
)
def test_a_value_that_cannot_be_is_one_line(option, words, config, capsys):
    assert words in refused(capsys, 'train', config, '--cfg-options', option)
    if 'pretrained' in option:
        assert words in refused(capsys, 'doctor', config, '--cfg-options', option)


def test_keys_left_over_from_another_loss_are_answered_by_how_to_drop_them():
    config = read_config(find_config('kd_r2d_to_r3d_hmdb51'))
    config.model.terms.kd.loss.type = 'PKT'  # the config's is KLDivergence, with a temperature
    with pytest.raises(
        ValueError,
        match=r"model\.terms\.kd\.loss: PKT has no argument 'temperature': it takes none\. "
        r'If it is left over from another type .*add _delete_=True',
    ):
        refuse_unknown_keys(config)
    config.merge_from_dict({'model.terms.kd.loss': dict(_delete_=True, type='PKT')})
    refuse_unknown_keys(config)


def test_a_dataset_of_ours_is_named_before_mmaction2s(config, capsys):
    message = refused(capsys, 'train', config, '--cfg-options', 'train_dataloader.dataset.type=ActivityNet')
    assert "did you mean 'ActivityNetClipDataset' or 'ActivityNetDataset'" in message


def test_a_mistyped_loss_is_named_before_a_teacher_is_fetched():
    config = read_config(find_config('kd_r2d_to_r3d_hmdb51'))
    config.model.terms.kd.loss.type = 'KLDivergense'
    with pytest.raises(ValueError, match='kd.loss: there is no .* .KLDivergense.: did you mean .KLDivergence.'):
        refuse_unknown_keys(config)


@pytest.mark.parametrize(
    'arguments, words',
    [
        (('train', 'kd_r2d_to_r3d_hmdb5'), 'did you mean kd_r2d_to_r3d_hmdb51'),
        (('train', 'dkd'), 'did you mean methods/dkd'),
        (('configs', 'show', 'nosuch'), "config 'nosuch': no such file. Looked for"),
        (('stages', 'nosuch'), "config 'nosuch': no such file"),
        (('profile', 'nosuch'), "config 'nosuch': no such file"),
        (('experiment', '--config', 'nosuch.yml'), "config 'nosuch.yml': no such file"),
        (('test', 'kd_r2d_to_r3d_hmdb51', 'gone.pth'), 'checkpoint gone.pth: no such file'),
        (('export-student', 'gone.pth', 'out.pth'), 'checkpoint gone.pth: no such file'),
        (('export', 'gone', '--out', 'out'), 'the student gone: there is no such folder or file'),
        (('predict', 'gone', 'a.mp4'), 'the student gone: there is no such folder or file'),
        (('embed', 'gone', 'a.mp4', '--out', 'a.npz'), 'the student gone: there is no such folder or file'),
        (('evaluate-features', 'gone.npz'), 'feature file gone.npz: no such file'),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_a_missing_file_is_named(arguments, words, capsys):
    assert words in refused(capsys, *arguments)


def test_an_unknown_network_is_answered_by_the_nearest(config, capsys, monkeypatch):
    assert "torchvision has no 'resnett18': did you mean 'resnet18'" in refused(
        capsys, 'doctor', config, '--cfg-options', 'model.teacher.model=torchvision.resnett18'
    )

    def create_model(name, **options):
        raise RuntimeError(f'Unknown model ({name})')  # as timm 1.0 says it

    fake = types.ModuleType('timm')
    fake.create_model, fake.list_models = create_model, lambda: ['resnet18', 'vit_tiny']
    monkeypatch.setitem(sys.modules, 'timm', fake)
    assert "did you mean 'resnet18'" in refused(
        capsys, 'doctor', config, '--cfg-options', 'model.teacher.model=timm.resnett18'
    )


def test_a_module_of_custom_imports_is_imported_by_option_too(config, capsys, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'hook_of_mine.py').write_text(
        'from kdtoolbox.registry import HOOKS\nfrom mmengine.hooks import Hook\n@HOOKS.register_module()\n'
        'class HookOfMine(Hook):\n    def __init__(self, word):\n        raise ValueError(f"built with {word}")\n'
    )
    (tmp_path / 'half.py').write_text('import not_there_at_all\n')
    options = ['--cfg-options', 'custom_imports.imports=[hook_of_mine]', 'custom_hooks.0.type=HookOfMine']
    assert "HookOfMine has no argument 'wrod': did you mean 'word'" in refused(
        capsys, 'train', config, *options, 'custom_hooks.0.wrod=x'
    )
    assert 'no_such_module' in refused(
        capsys, 'train', config, '--cfg-options', 'custom_imports.imports=[no_such_module]'
    )
    assert 'not_there_at_all' in refused(capsys, 'train', config, '--cfg-options', 'custom_imports.imports=half')
    assert 'write custom_imports.imports=half' in refused(
        capsys, 'train', config, '--cfg-options', 'custom_imports=half'
    )
    text = config.read_text().replace('tests.tiny', 'no_such_module')
    (tmp_path / 'other.py').write_text(text)
    assert 'no_such_module' in refused(capsys, 'doctor', tmp_path / 'other.py')


def test_settings_that_other_constructors_and_clipping_by_value_read_are_not_refused(tmp_path):
    config = run_config(tmp_path)
    config.optim_wrapper.clip_grad = dict(type='value', clip_value=1.0)
    config.optim_wrapper.paramwise_cfg = dict(norm_decay_mult=0.0, custom_keys=dict(backbone=dict(lr_mult=0.1)))
    config.default_hooks.sync = dict(type='SyncStatisticsHook')
    config.default_hooks.timer = None
    refuse_unknown_keys(config)
    config.optim_wrapper.update(constructor='TSMOptimWrapperConstructor', paramwise_cfg=dict(fc_lr5=True))
    refuse_unknown_keys(config)


@pytest.mark.parametrize('content', [b'', b'just text', b'PK\x03\x04 cut off', b'\x80\x02 damaged'])
def test_what_is_no_checkpoint_is_one_line_for_training_too(content, config, capsys, tmp_path):
    file = tmp_path / 'file.pth'
    file.write_bytes(content)
    for arguments in (['--resume', file], ['--cfg-options', f'load_from={file}']):
        assert f'checkpoint {file} is' in refused(capsys, 'train', config, *arguments)


def test_spaces_inside_an_option_stay():
    assert parsed('a.b=my folder/with (1) brackets') == 'my folder/with (1) brackets'
    assert parsed('a.b= 3') == 3 and parsed('a.b="two words"') == 'two words'
    assert parsed('a.b=[one two, three]') == ['one two', 'three']
    assert parsed('a.b=[(1, 2.5), [a, b c], None]') == [(1, 2.5), ['a', 'b c'], None]
    assert parsed('a.b=1,2') == [1, 2] and parsed('a.b=True') is True


def test_a_work_directory_that_cannot_be_written_to_is_one_line(config, capsys, monkeypatch, tmp_path):
    (tmp_path / 'file').write_text('')
    assert 'file cannot be made' in refused(capsys, 'train', config, '--work-dir', tmp_path / 'file')
    # What access(2) tells who is not root; root may write anywhere.
    monkeypatch.setattr(os, 'access', lambda path, mode: str(path) != str(tmp_path / 'locked'))
    (tmp_path / 'locked').mkdir(mode=0o500)
    assert 'cannot be written to' in refused(capsys, 'train', config, '--work-dir', tmp_path / 'locked')


def test_an_output_that_cannot_be_written_is_one_line(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr('kdtoolbox.cli.export_student.run', lambda args: (tmp_path / 'no' / 'b.pth').write_text(''))
    (tmp_path / 'a.pth').touch()
    said = refused(capsys, 'export-student', tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert f'{tmp_path}/no/b.pth: No such file or directory' in said


def test_mixed_precision_in_a_config_without_a_gpu_is_refused_as_the_option_is(config, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert 'AmpOptimWrapper needs a GPU' in refused(
        capsys, 'train', config, '--cfg-options', 'optim_wrapper.type=AmpOptimWrapper'
    )


def test_an_interrupted_command_is_one_line_also_from_within_mmengines_formatting(monkeypatch, capsys):
    def interrupted(args):
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise SyntaxError('Failed to format the config file')  # noqa: B904, as mmengine raises it

    monkeypatch.setattr('kdtoolbox.cli.train.run', interrupted)
    assert main(['train', 'demo/video_student.py']) == 130
    err = capsys.readouterr().err
    assert err.count('\n') == 1 and 'interrupted' in err and '--resume' in err

    def slip(args):
        raise SyntaxError('a slip of ours')

    monkeypatch.setattr('kdtoolbox.cli.train.run', slip)
    with pytest.raises(SyntaxError):
        main(['train', 'demo/video_student.py'])


def test_the_command_itself_ends_with_one_line(config, tmp_path):
    command = ['train', str(config), '--cfg-options', 'model.studnet.type=x']
    done = call(main, command, folder=tmp_path, cwd=REPOSITORY)
    assert done.returncode == 2 and 'Traceback' not in done.stderr and "did you mean 'student'" in done.stderr
