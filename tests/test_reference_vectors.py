"""Values and gradients against vectors that the authors' own code, or the best public one, gave.

``pytest tests/test_reference_vectors.py --reference-dir DIR`` checks another folder of the same form: a
``manifest.json`` and the arrays beside it. ``-rs`` lists what is left out, with the reasons.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.reference_methods import LEFT_OUT, METHODS

# The gradient of a temperature is a difference of nearly equal sums, in which float32 loses digits.
CANCELS = {'ctkd': 1e-3}


def entries_of(folder: Path) -> list[dict]:
    manifest = folder / 'manifest.json'
    return json.loads(manifest.read_text(encoding='utf-8')) if manifest.is_file() else []


def pytest_generate_tests(metafunc):
    if 'entry' in metafunc.fixturenames:
        folders = metafunc.config.reference_dirs
        cases = [
            pytest.param(folder, entry, id=f'{entry["method"]}-{entry["case"]}')
            for folder in folders
            for entry in entries_of(folder)
        ]
        missing = pytest.param(
            folders[0],
            None,
            id='none',
            marks=pytest.mark.skip(
                reason=f'no reference vectors: {folders[0]} has no manifest.json (name a folder with --reference-dir)'
            ),
        )
        metafunc.parametrize('folder, entry', cases or [missing])


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32], ids=['float64', 'float32'])
def test_value_and_gradient_are_the_references(folder, entry, dtype, monkeypatch):
    method = entry['method']
    if method in LEFT_OUT:
        pytest.skip(f'{method}: {LEFT_OUT[method]}')
    assert method in METHODS, (
        f'{method!r} of the manifest is neither mapped to a method of ours nor left out for a reason'
    )
    with np.load(folder / entry['file'], allow_pickle=False) as file:
        arrays = dict(file)
    inputs = {name: torch.from_numpy(np.asarray(arrays[name])) for name in entry['inputs']}
    inputs = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor for name, tensor in inputs.items()}
    grads = entry['outputs']['grads']
    for name in grads:
        inputs[name].requires_grad_()
    if dtype is torch.float32:  # the methods make their modules double, because of the vectors
        monkeypatch.setattr(torch.nn.Module, 'double', torch.nn.Module.float)
    outputs = METHODS[method](inputs, entry['params'])
    outputs = outputs if isinstance(outputs, dict) else {'loss': outputs}
    tolerance = dict(rtol=entry['rtol'], atol=entry['atol'])
    if dtype is torch.float32:
        tolerance = dict(rtol=CANCELS.get(method, 1e-4), atol=1e-6)  # as the vectors' description has it
    for name, value in outputs.items():
        expected = arrays['loss' if name == 'loss' else f'out.{name}']
        np.testing.assert_allclose(value.detach().numpy(), expected, err_msg=name, **tolerance)
    assert 'loss' in outputs or not entry['outputs'].get('loss'), f'{method} has a loss that was not compared'
    if grads:
        computed = torch.autograd.grad(outputs['loss'], [inputs[name] for name in grads])
        for name, gradient in zip(grads, computed):
            np.testing.assert_allclose(
                gradient.numpy(), arrays[grads[name]], err_msg=f'gradient of {name}', **tolerance
            )


def test_nothing_is_both_mapped_and_left_out():
    assert not METHODS.keys() & LEFT_OUT.keys()
