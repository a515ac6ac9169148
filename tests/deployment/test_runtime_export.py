"""Students in other runtimes: every student of the shipped configs gives there what it gives here."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmaction.models.backbones import c3d
from mmaction.structures import ActionDataSample
from mmengine.config import Config

from kdtoolbox.cli.main import main
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.deployment import runtime_export
from kdtoolbox.deployment.clip_network import ClipNetwork
from kdtoolbox.deployment.onnx_files import open_onnx
from kdtoolbox.deployment.preprocessing import describe_preprocessing
from kdtoolbox.deployment.runtime_export import (
    ONNX,
    SAFETENSORS,
    TORCH_EXPORT,
    Agreement,
    export_to,
    made_clips,
    refuse_disagreement,
)
from kdtoolbox.deployment.student import Student, load_student
from kdtoolbox.deployment.student_parts import StudentParts
from kdtoolbox.registry import MODELS
from kdtoolbox.safe_files import load_safely
from tests.narrow_c3d import narrow_convolution
from tests.onnx_runtime import exporting_once, onnx_runtime_or_skip
from tests.tiny import MEAN, STD, recognizer_2d_config

# Name -> changes that make it tiny, and the frames and pixels that it is run on.
STUDENTS = {
    'r3d18': (dict(base_channels=4, stage_blocks=(2, 1, 1, 1)), 32, 8, 32),
    'r2plus1d18': (dict(base_channels=4, stage_blocks=(2, 1, 1, 1)), 32, 8, 32),
    'c3d': (dict(out_dim=128), 4096, 16, 32),
    'image_stem': (dict(weights=None), 256, 8, 64),
}


@pytest.fixture(scope='module', autouse=True)
def c3d_is_narrow():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(c3d, 'ConvModule', narrow_convolution)
        yield


def tiny_student(name: str, tmp_path, *, modality: str = 'rgb', **preprocessor) -> Student:
    """A student of configs/_base_/students with random weights, its statistics not those of its start."""
    changes, channels, frames, size = STUDENTS[name]
    config = Config.fromfile(find_config(f'_base_/students/{name}.py')).model.student.to_dict()
    config['backbone'].update(changes)
    config['cls_head'].update(in_channels=channels, num_classes=3, init_std=0.1)
    config['data_preprocessor'].update(preprocessor)
    torch.manual_seed(0)
    recognizer = MODELS.build(config)
    recognizer.init_weights()
    for module in recognizer.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    pipeline = [
        dict(type='OpenVideo'),
        dict(type='SampleClipsEvenly', clip_len=frames, num_clips=1),
        dict(type='DecodeClip'),
        dict(type='Resize', scale=(-1, size)),
        dict(type='CenterCrop', crop_size=size),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs', meta_keys=('sample_id', 'role')),
    ]
    preprocessing = describe_preprocessing(pipeline, config, modality=modality)
    state = recognizer.state_dict()
    return Student(StudentParts(tmp_path, tmp_path, config, state, preprocessing, None, True, {}), device='cpu')


@pytest.fixture(scope='module', autouse=True)
def exports_are_kept(tmp_path_factory):
    """Half of the time of an export is torch's; a student in 8 bits begins as the one in float32."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime_export, 'save_onnx', exporting_once(tmp_path_factory.mktemp('kept')))
        yield


def test_the_plain_function_of_clips_gives_what_the_model_gives_in_its_test(student_folder, videos):
    student = load_student(student_folder, device='cpu')
    video = next(videos.rglob('*.avi'))
    logits, features = ClipNetwork(student.recognizer).eval()(student.clips_of(video).float())
    torch.testing.assert_close(features.mean(0), student.features(video), rtol=1e-4, atol=1e-5)
    expected = dict(zip(*[getattr(student.predict(video), name) for name in ('classes', 'probabilities')]))
    found = logits.mean(0).softmax(0).tolist()
    assert found == pytest.approx([expected[name] for name in student.classes], abs=1e-5)


@pytest.mark.parametrize('name', STUDENTS)
def test_every_student_of_the_configs_agrees_in_onnx_runtime(name, tmp_path):
    onnxruntime = onnx_runtime_or_skip()
    student = tiny_student(name, tmp_path)
    clips = made_clips(student, number=2)
    found = export_to(student, tmp_path / 'out', ONNX, clips=clips, dynamic_batch=name == 'r3d18')
    assert [one.output for one in found] == ['logits', 'features'] and all(one.ratio < 1e-3 for one in found)
    # By ONNX Runtime alone, as somebody else would do it, from what the folder says.
    described = json.loads((tmp_path / 'out/preprocessing.json').read_text())
    session = onnxruntime.InferenceSession(str(tmp_path / 'out' / described['model']))
    shape = described['input']['shape'][1:]
    batch = 3 if name == 'r3d18' else 1
    pixels = np.random.default_rng(1).integers(0, 256, (batch, *shape)).astype(described['input']['type'])
    logits, features = session.run(described['outputs'], {described['input']['name']: pixels})
    with torch.no_grad():
        expected = ClipNetwork(student.recognizer).eval()(torch.from_numpy(pixels))
    np.testing.assert_allclose(logits, expected[0], atol=1e-3 * expected[0].abs().max())
    np.testing.assert_allclose(features, expected[1], atol=1e-3 * expected[1].abs().max())


def test_a_student_in_half_precision_agrees_in_torch_export(tmp_path):
    student = tiny_student('image_stem', tmp_path)
    found = export_to(
        student, tmp_path / 'out', TORCH_EXPORT, clips=made_clips(student, number=3), half=True, dynamic_batch=True
    )
    assert all(0 < one.ratio <= one.tolerance == 2e-2 for one in found)
    assert (tmp_path / 'out/student.pt2').is_file()


@pytest.mark.parametrize('half', [False, True])
def test_the_weights_of_an_image_stem_agree(half, tmp_path):
    student = tiny_student('image_stem', tmp_path)
    found = export_to(student, tmp_path / 'out', SAFETENSORS, clips=made_clips(student), half=half)
    assert all(one.difference == 0 or (half and one.ratio <= 2e-2) for one in found)


@pytest.mark.parametrize(
    'changes, inside',
    [
        (dict(to_rgb=True, mean=[10.0, 100.0, 200.0]), 'the change to BGR and the normalisation are inside'),
        (dict(modality='rgb_difference'), 'the difference of each frame to the next and the normalisation are inside'),
        ({}, 'the normalisation is inside'),
    ],
)
def test_an_exported_student_takes_the_pixels_that_it_says(changes, inside, tmp_path):
    student = tiny_student('r3d18', tmp_path, **changes)
    clips = made_clips(student, number=2)
    export_to(student, tmp_path / 'out', TORCH_EXPORT, clips=clips, dynamic_batch=True)
    described = json.loads((tmp_path / 'out/preprocessing.json').read_text())
    assert described['input']['values'] == f'RGB pixels, 0 to 255: {inside}'
    assert (described['colour'], described['modality']) == ('RGB', 'rgb')
    run = torch.export.load(str(tmp_path / 'out' / described['model'])).module()
    with torch.no_grad():
        batch = {'inputs': [clip[None] for clip in clips], 'data_samples': [ActionDataSample() for _ in clips]}
        expected = torch.stack([one.pred_scores.item for one in student._model.test_step(batch)])
        torch.testing.assert_close(run(clips.float())[0].softmax(1), expected, rtol=1e-3, atol=1e-4)


def test_a_student_that_sees_single_frames_is_refused_for_other_runtimes():
    with pytest.raises(ValueError, match=r'a student that sees single frames \(ResNet in a Recognizer2D\)'):
        ClipNetwork(MODELS.build(recognizer_2d_config(mean=MEAN, std=STD)))


def test_half_precision_weights_are_half_the_size_and_agree(student_folder, tmp_path):
    student = load_student(student_folder, device='cpu')
    clips = made_clips(student)
    found = export_to(student, tmp_path, SAFETENSORS, clips=clips, half=True)
    whole = export_to(student, tmp_path / 'whole', SAFETENSORS, clips=clips)
    assert 0 < found[0].ratio <= 2e-2 and whole[0].difference == 0
    sizes = [(folder / 'student.safetensors').stat().st_size for folder in (tmp_path, tmp_path / 'whole')]
    assert sizes[0] < 0.6 * sizes[1]
    state = load_safely(tmp_path / 'student.safetensors', what='weights')
    assert {value.dtype for value in state.values()} <= {torch.float16, torch.int64}


def test_a_student_in_8_bits_is_calibrated_on_half_of_the_clips_and_agrees_on_the_others(tmp_path):
    onnx_runtime_or_skip()
    student = tiny_student('r3d18', tmp_path)
    clips = made_clips(student, number=4)
    found = export_to(student, tmp_path / 'out', ONNX, clips=clips, int8=True, dynamic_batch=True)
    assert all(1e-4 < one.ratio <= one.tolerance == 0.15 for one in found) and found[0].same_top1 == 1
    described = json.loads((tmp_path / 'out/preprocessing.json').read_text())
    run = open_onnx(tmp_path / 'out' / described['model'])
    with torch.no_grad():
        expected = ClipNetwork(student.recognizer).eval()(clips[3:].float())[1]
    assert (run(clips[3:].float())[1] - expected).abs().max() <= found[1].difference + 1e-6
    with pytest.raises(ValueError, match='int8 needs two clips or more'):
        export_to(student, tmp_path / 'out', ONNX, clips=clips[:1], int8=True)
    assert main(['export', 'student', '--out', str(tmp_path), '--to', 'torch-export', '--int8']) == 2


def test_layers_on_single_frames_stay_in_float_where_8_bits_lose_too_much(tmp_path, capsys, monkeypatch):
    onnx_runtime_or_skip()
    onnx = pytest.importorskip('onnx')
    student = tiny_student('image_stem', tmp_path)
    compare, answers = runtime_export.compare, []

    def first_disagrees(*arguments, **options):  # as trained depthwise layers do; random ones lose little
        answers.append(compare(*arguments, **options))
        return [replace(one, difference=one.largest) for one in answers[0]] if len(answers) == 1 else answers[-1]

    monkeypatch.setattr(runtime_export, 'compare', first_disagrees)
    found = export_to(student, tmp_path / 'out', ONNX, clips=made_clips(student, number=4), int8=True)
    said = capsys.readouterr().out
    assert 'with all layers in 8 bits' in said and '3 3D convolutions are in 8 bits' in said.replace('\n', ' ')
    assert found == answers[1] and all(0 < one.ratio <= one.tolerance for one in found)
    nodes = onnx.load(str(tmp_path / 'out/student_int8.onnx')).graph.node
    assert sum(node.op_type == 'DequantizeLinear' for node in nodes) > 0
    assert sum(node.op_type == 'QuantizeLinear' for node in nodes) <= 2 * 3  # input and output of each


def test_a_student_in_8_bits_that_disagrees_is_not_written(tmp_path, monkeypatch):
    student = tiny_student('r3d18', tmp_path)
    plain = ClipNetwork(student.recognizer).eval()

    def quantize(file, out, clips):
        out.write_bytes(b'too coarse')
        return lambda clips: (0.5 * plain(clips)[0], plain(clips)[1])

    monkeypatch.setitem(runtime_export._WRITERS, ONNX, lambda network, *others: network)
    monkeypatch.setattr(runtime_export, 'quantize_onnx', quantize)
    monkeypatch.setattr(runtime_export, 'convolutions_of', lambda file: (['all'], []))
    with pytest.raises(ValueError, match='the student as onnx in int8 gives other logits.*Nothing is written'):
        export_to(student, tmp_path / 'out', ONNX, clips=made_clips(student), int8=True)
    assert list((tmp_path / 'out').iterdir()) == []


def test_a_model_that_disagrees_is_refused():
    fine = Agreement('logits', largest=10.0, difference=0.009, tolerance=1e-3, same_top1=1.0)
    refuse_disagreement([fine], 'onnx')
    for difference in (0.011, float('nan')):
        off = Agreement('logits', largest=10.0, difference=difference, tolerance=1e-3, same_top1=1.0)
        with pytest.raises(ValueError, match='gives other logits'):
            refuse_disagreement([fine, off], 'onnx')


def test_a_model_that_disagrees_is_not_written(student_folder, tmp_path, monkeypatch):
    student = load_student(student_folder, device='cpu')

    def write_another(network, file, clip, dynamic_batch):
        file.write_bytes(b'another')
        return lambda clips: (network(clips)[0] + 1, network(clips)[1])

    monkeypatch.setitem(runtime_export._WRITERS, TORCH_EXPORT, write_another)
    with pytest.raises(ValueError, match='Nothing is written'):
        export_to(student, tmp_path / 'out', TORCH_EXPORT, clips=made_clips(student))
    assert list((tmp_path / 'out').iterdir()) == []


def test_the_command_prints_the_table_and_compares_on_real_files(student_folder, videos, tmp_path, capsys):
    command = ['export', student_folder, '--out', tmp_path, '--to', 'torch-export', '--videos', videos / 'jumping']
    assert main([*map(str, command)]) == 0
    printed = capsys.readouterr().out
    assert 'compared on 18 clips' in printed and 'logits' in printed and '100 %' in printed
    assert {'student.pt2', 'preprocessing.json', 'classes.json', 'agreement.json'} <= {
        file.name for file in tmp_path.iterdir()
    }


@pytest.mark.parametrize(
    'options, message',
    [
        (['--half'], 'are for another runtime'),
        (['--to', 'onnx', '--metrics', 'a.json'], 'for the model card of a folder'),
        (['--to', 'safetensors', '--dynamic-batch'], 'for models that can be run'),
        (['--to', 'onnxx'], 'did you mean onnx?'),
    ],
)
def test_options_that_do_not_go_together_are_said(tmp_path, capsys, options, message):
    try:
        status = main(['export', 'student', '--out', str(tmp_path), *options])
    except SystemExit as error:
        status = error.code
    assert status == 2 and message in capsys.readouterr().err
