"""What networks cost: counted against sums done by hand, and the same function in both runtimes."""

import json
import shlex

import pytest
import torch
from torch import nn

from kdtoolbox.cli.arguments.profile import EXAMPLE
from kdtoolbox.cli.main import main
from kdtoolbox.inspection.operations import count_operations
from kdtoolbox.profiling.measuring import ONNX_RUNTIME, PYTORCH, profile
from kdtoolbox.profiling.networks import Measured, networks_of_config, networks_of_student
from tests.conftest import REPOSITORY
from tests.deployment.test_runtime_export import tiny_student
from tests.onnx_runtime import onnx_runtime_or_skip

DEMO = REPOSITORY / 'configs/demo/video_student.py'


def test_the_products_of_attention_count():
    tokens, channels = 5, 8
    layer = torch.nn.TransformerEncoderLayer(channels, 2, 16, batch_first=True).eval()
    by_hand = tokens * (4 * channels**2 + 2 * channels * 16) + 2 * tokens**2 * channels
    with torch.no_grad():
        assert count_operations(lambda: layer(torch.zeros(1, tokens, channels))) == by_hand
        heads = torch.zeros(1, 2, tokens, 4)
        attention = torch.nn.functional.scaled_dot_product_attention
        assert count_operations(lambda: attention(heads, heads, heads)) == 2 * tokens**2 * channels
    assert torch.backends.mha.get_fastpath_enabled()


def test_parameters_operations_and_memory_are_those_of_a_sum_by_hand():
    network = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(4 * 2 * 4 * 4, 5))
    found = profile(Measured('net', network, (3, 2, 4, 4), None), batch_sizes=[2], min_seconds=1e-4)
    weights = (3 * 27 + 1) * 4 + (128 + 1) * 5
    assert found.parameters == weights and found.weight_bytes == 4 * weights
    assert found.operations == 3 * 27 * 4 * 32 + 128 * 5
    (speed,) = found.speeds
    inputs, maps, logits = 2 * 3 * 32, 2 * 128, 2 * 5
    # The maps are kept for the linear layer's input, and its output comes to them; the weights are always there.
    assert speed.peak_bytes == 4 * (weights + inputs + maps + logits)
    assert speed.clips_per_second == pytest.approx(1000 * 2 / speed.milliseconds)
    assert found.notes == ['net: not in ONNX Runtime, as it is not known how to export it']


def test_a_network_that_cannot_be_exported_is_measured_in_pytorch_and_said(monkeypatch):
    onnx_runtime_or_skip()

    def refuse(network, *args, **options):
        raise RuntimeError('no such operator\nand much more')

    monkeypatch.setattr('kdtoolbox.profiling.measuring.save_onnx', refuse)
    network = nn.Linear(2, 2)
    found = profile(Measured('odd', network, (2,), network), batch_sizes=[1], min_seconds=1e-4)
    assert [one.runtime for one in found.speeds] == [PYTORCH]
    assert found.notes == ['odd: not in ONNX Runtime: its export failed: RuntimeError: no such operator']


def test_what_is_exported_of_a_teacher_gives_the_logits_of_the_teacher():
    teacher = next(one for one in networks_of_config(DEMO) if one.name.startswith('teacher'))
    frames = torch.randn(2, *teacher.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(teacher.exported(frames), teacher.network(frames)['logits'])


def test_a_student_is_measured_at_the_size_of_its_preprocessing(tmp_path, monkeypatch):
    made = tiny_student('r3d18', tmp_path)
    monkeypatch.setattr('kdtoolbox.profiling.networks.load_student', lambda source, device: made)
    (student,) = networks_of_student('exported/student')
    assert student.name == 'student student' and student.shape == (3, 8, 32, 32)
    logits, features = student.network(torch.zeros(2, *student.shape))
    assert logits.shape == (2, 3) and features.shape == (2, 32)


def test_the_example_shows_student_and_teacher_side_by_side_in_both_runtimes(tmp_path, monkeypatch, capsys):
    onnx_runtime_or_skip()
    monkeypatch.chdir(tmp_path)
    assert main([*shlex.split(EXAMPLE)[1:], '--seconds', '0.001', '--device', 'cpu']) == 0
    printed = capsys.readouterr().out
    content = json.loads((tmp_path / 'cost.json').read_text())
    assert [one['name'] for one in content['networks']] == ['student ResNet3d 18', 'teacher ResNet 18']
    assert not content['notes'] and 'clips a second' in printed
    for network in content['networks']:
        assert network['name'] in printed and f'{network["parameters"] / 1e6:.3g}' in printed
        assert [(one['runtime'], one['batch_size']) for one in network['speeds']] == [
            (PYTORCH, 1),
            (PYTORCH, 8),
            (ONNX_RUNTIME, 1),
            (ONNX_RUNTIME, 8),
        ]
        assert all(one['milliseconds'] > 0 for one in network['speeds'])
