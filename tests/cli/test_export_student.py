"""The exported student: used by mmaction2 alone, and never a way to run what a checkpoint says."""

import json
import re
import subprocess
import sys

import pytest
import torch
from mmaction.registry import MODELS as mmaction_models
from mmengine.config import Config

from kdtoolbox.cli.export_student import HEADER, export_student
from kdtoolbox.cli.main import main
from kdtoolbox.registry import DATASETS, MODELS
from kdtoolbox.runner.testing import load_student
from kdtoolbox.safe_files import load_safely, save_aside
from tests.conftest import REPOSITORY
from tests.folder_run import CLASSES, PIPELINE, folder_config, trained_on_videos
from tests.forked import call
from tests.tiny import run_config, student_config
from tests.videos import write_video

# A process in which kdtoolbox cannot be imported, with nothing but mmaction2's own interface.
MMACTION2_ALONE = """
import json, sys
import torch
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'kdtoolbox':
            raise ImportError('kdtoolbox is not installed')
sys.meta_path.insert(0, Blocked())
from mmaction.apis import inference_recognizer, init_recognizer
config, checkpoint, video = sys.argv[1:]
model = init_recognizer(config, checkpoint, device='cpu')
model.load_state_dict(torch.load(checkpoint, weights_only=True)['state_dict'], strict=True)
result = inference_recognizer(model, video)
print(json.dumps({'scores': result.pred_scores.item.tolist(), 'classes': model.cfg.get('classes'),
                  'kdtoolbox': 'kdtoolbox' in sys.modules}))
"""


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    return trained_on_videos(tmp_path_factory.mktemp('trained'))


def in_mmaction2_alone(config, checkpoint, video) -> dict:
    command = [sys.executable, '-W', 'ignore', '-c', MMACTION2_ALONE, str(config), str(checkpoint), str(video)]
    done = subprocess.run(command, capture_output=True, text=True, cwd='/')
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_mmaction2_alone_gives_a_video_file_the_scores_that_kdtoolbox_gives_it(trained, tmp_path):
    weights, config = export_student(f'{trained.work_dir}/epoch_1.pth', tmp_path / 'student.pth')
    test = trained.cfg.test_dataloader.dataset.datasets[1]
    dataset = DATASETS.build(test)
    load_student(trained, weights)
    trained.model.eval()
    expected, other = (
        trained.model.test_step({key: [value] for key, value in dataset[index].items()})[0].pred_scores.item.tolist()
        for index in (0, 1)
    )
    found = in_mmaction2_alone(config, weights, dataset.get_data_info(0)['filename'])
    assert found['classes'] == CLASSES and not found['kdtoolbox']
    # Motion JPEG has no B-frames: both decoders give the same frames, up to the rounding of colours.
    assert found['scores'] == pytest.approx(expected, rel=0.01) and found['scores'] != pytest.approx(other, rel=0.02)
    assert Config.fromfile(config).test_pipeline == [
        dict(type='DecordInit'),
        dict(type='SampleFrames', clip_len=4, frame_interval=2, num_clips=3, test_mode=True),
        dict(type='DecordDecode'),
        *PIPELINE[3:6],
        dict(type='PackActionInputs'),
    ]


def with_meta(file, **meta):
    """A checkpoint of a whole student whose meta is what somebody wants it to be."""
    save_aside({'meta': meta, 'state_dict': MODELS.build(student_config()).state_dict()}, file)
    return file


def crafted(**changes) -> str:
    return repr({**student_config(), **changes})


@pytest.mark.parametrize(
    'text, message',
    [
        (crafted(**{"x': __import__('os').system('touch HERE'), 'y": 1}), 'is no name of a setting'),
        (
            crafted(backbone=dict(type='os.system', command='touch HERE')),
            "the type 'os.system', which is in no registry",
        ),
        (crafted(backbone=dict(type='subprocess.Popen', args=['touch', 'HERE'])), 'subprocess.Popen.*in no registry'),
        (crafted(type='mmengine.utils.dl_utils.misc.torch.os.system'), 'in no registry'),
        (crafted(backbone=dict(type='torchvision.__loader__')), 'in no registry'),
        (crafted(backbone=dict(type=['os.system'])), 'expected a name'),
        (crafted(_scope_='antigravity'), 'is no name of a setting'),
        (crafted(**{'a b': 1}), 'is no name of a setting'),
        (repr({**student_config(), 3: 4}), '3 is no name of a setting'),
        ("__import__('os').system('touch HERE')", 'no text of plain values'),
        ('1e999', 'expected plain values'),
        ('-' * 200_000, 'no text of plain values'),
        ('-' * 20_000, 'no text of plain values'),
        ('(' * 20_000, 'no text of plain values'),
        ('[1]', 'expected a dict'),
        (b'{}', 'is a bytes, expected a text'),
        (['a'], 'is a list, expected a text'),
        ('{' + "'a': {" * 60 + '}' * 61, 'no text of plain values'),
    ],
)
def test_a_crafted_config_is_refused_in_one_line_and_writes_nothing(tmp_path, monkeypatch, capsys, text, message):
    monkeypatch.chdir(tmp_path)
    with_meta(tmp_path / 'crafted.pth', student_config=text)
    status = main(['export-student', 'crafted.pth', 'student.pth'])
    said = capsys.readouterr().err
    assert status == 2 and said.count('\n') == 1 and len(said) < 400
    assert re.search(message, said), said
    assert [path.name for path in tmp_path.iterdir()] == ['crafted.pth']


def test_text_in_a_config_is_never_taken_for_a_variable_of_mmengine(tmp_path, monkeypatch):
    monkeypatch.setenv('EVIL', "'+__import__('os').system('touch HERE')+'")
    monkeypatch.chdir(tmp_path)
    model = student_config()
    model['backbone']['out_note'] = '{{ $EVIL:\'+"+1 }} {{ fileDirname }} {{{{$EVIL:x}}}}'
    with_meta(tmp_path / 'a.pth', student_config=repr(model))
    config = Config.fromfile(export_student('a.pth', 'student.pth')[1])
    assert config.model == model and not (tmp_path / 'HERE').exists()


@pytest.mark.parametrize(
    'content, message',
    [
        ({'meta': [1], 'state_dict': {}}, 'its meta is a list'),
        ({'state_dict': [1]}, 'its state_dict is a list'),
        ({'state_dict': {3: torch.zeros(1)}}, "its state_dict holds '3'"),
        ({'state_dict': {'backbone.a': 'text'}}, "its state_dict holds 'backbone.a'"),
        ({1: 2}, "its state_dict holds '1'"),
    ],
)
def test_checkpoints_of_another_form_are_refused_in_one_line_by_every_command(tmp_path, capsys, content, message):
    config = run_config(tmp_path)
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'config.py')
    torch.save(content, tmp_path / 'odd.pth')
    for command in (
        ['export-student', tmp_path / 'odd.pth', tmp_path / 'out.pth'],
        ['test', tmp_path / 'config.py', tmp_path / 'odd.pth'],
        ['extract-features', tmp_path / 'config.py', tmp_path / 'odd.pth', tmp_path / 'out.npz'],
        ['train', tmp_path / 'config.py', '--cfg-options', f'load_from={tmp_path}/odd.pth'],
    ):
        assert main([*map(str, command)]) == 2
        last = capsys.readouterr().err.strip().splitlines()[-1]
        assert f'kdtoolbox {command[0]}: ' in last and message in last


@pytest.mark.parametrize(
    'changes, reason',
    [
        ({'model.student_view.modality': 'rgb_difference'}, 'does not make the frame differences'),
        ({'test_dataloader.dataset.datasets.1.pipeline.3': dict(type='MyTransform')}, 'MyTransform.*in no registry'),
        ({'test_dataloader': None}, 'does not tell how the student is tested'),
    ],
)
def test_what_mmaction2_cannot_show_the_student_is_said_in_the_config(tmp_path, changes, reason):
    from kdtoolbox.engine.student_settings import settings_to_store

    config = folder_config(tmp_path, **changes)
    with_meta(tmp_path / 'a.pth', **settings_to_store(config), dataset_meta={'classes': CLASSES})
    text = export_student(tmp_path / 'a.pth', tmp_path / 'student.pth')[1].read_text()
    assert text.splitlines()[0] == HEADER.strip() and 'test_pipeline' not in Config.fromfile(tmp_path / 'student.py')
    assert re.search(f'# No test_pipeline, which .* needs: .*{reason}', text.splitlines()[1])


def test_classes_of_the_data_set_are_not_said_to_be_those_of_a_head_for_others(tmp_path):
    with_meta(tmp_path / 'a.pth', student_config=repr(student_config(5)), dataset_meta={'classes': CLASSES})
    assert 'classes' not in Config.fromfile(export_student(tmp_path / 'a.pth', tmp_path / 'student.pth')[1])


def test_a_student_of_ones_own_classes_is_exported_when_their_module_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / 'my_backbone.py').write_text(
        'from mmaction.models import ResNet3d\nfrom mmaction.registry import MODELS\n\n'
        '@MODELS.register_module()\nclass MyResNet3d(ResNet3d):\n    pass\n'
    )
    model = student_config()
    model['backbone']['type'] = 'MyResNet3d'
    with_meta(tmp_path / 'a.pth', student_config=repr(model))
    monkeypatch.syspath_prepend(tmp_path)
    command = ['export-student', str(tmp_path / 'a.pth'), str(tmp_path / 'student.pth')]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "the type 'MyResNet3d'" in said and '--imports MODULE' in said
    try:
        assert main([*command, '--imports', 'my_backbone']) == 0
    finally:
        sys.modules.pop('my_backbone', None)
        mmaction_models.module_dict.pop('MyResNet3d', None)
    text = (tmp_path / 'student.py').read_text()
    assert "custom_imports = {'imports': ['my_backbone']" in text and "default_scope = 'mmaction'" in text
    arguments = ['export-student', str(tmp_path / 'a.pth'), str(tmp_path / 'b'), '--imports', 'no_such_module']
    assert main(arguments) == 2
    assert "--imports no_such_module: No module named 'no_such_module'" in capsys.readouterr().err


def test_weights_in_the_place_of_the_config_are_refused(tmp_path):
    with_meta(tmp_path / 'a.pth', student_config=crafted())
    with pytest.raises(ValueError, match='student.py: the weights are written there.*name it student.pth'):
        export_student(tmp_path / 'a.pth', tmp_path / 'student.py')


def test_an_exported_student_can_be_exported_again(trained, tmp_path):
    once = export_student(f'{trained.work_dir}/epoch_1.pth', tmp_path / 'once.pth')
    again = export_student(once[0], tmp_path / 'again.pth')
    assert once[1].read_text() == again[1].read_text()
    assert load_safely(once[0], what='a').keys() == load_safely(again[0], what='a').keys()


def run_snippet(code: str) -> None:
    exec(code, {'__name__': '__main__'})


def test_the_snippet_of_the_page_runs_and_names_a_class(trained, tmp_path):
    export_student(f'{trained.work_dir}/epoch_1.pth', tmp_path / 'student.pth')
    write_video(tmp_path / 'video.mp4.avi').rename(tmp_path / 'video.mp4')
    page = (REPOSITORY / 'docs/evaluation.md').read_text()
    snippet = next(
        block for block in re.findall(r'```python\n(.*?)```', page, flags=re.DOTALL) if 'init_recognizer' in block
    )
    done = call(run_snippet, snippet, folder=tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines()[-1].startswith(tuple(CLASSES))
