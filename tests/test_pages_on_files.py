"""docs/your_own_teacher.md and docs/paths.md: what they tell to write works as they say."""

import importlib
import re

import pytest
import torch
import torchvision
from mmengine.config import Config
from safetensors.torch import save_file

from kdtoolbox.config_files.finding import find_config
from kdtoolbox.registry import MODELS
from kdtoolbox.safe_files import load_safely
from kdtoolbox.teachers.weights import PLACES, WRAPPERS
from tests.conftest import REPOSITORY
from tests.tiny import student_config

TEACHER_PAGE, PATHS_PAGE = ((REPOSITORY / f'docs/{name}.md').read_text() for name in ('your_own_teacher', 'paths'))


def snippets(page: str) -> list[str]:
    return re.findall(r'```python\n(.*?)```', page, flags=re.DOTALL)


def settings(snippet: str, **known) -> dict:
    namespace = dict(known)
    exec(snippet, namespace)
    return namespace


def answer(teacher: dict, pixels: int) -> torch.Tensor:
    return MODELS.build(teacher)(torch.rand(2, 3, 3, pixels, pixels))['logits']


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to be in, also on Python's path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_network_of_torchvision_with_six_classes_is_a_teacher(here):
    weights, view, *_ = snippets(TEACHER_PAGE)
    torch.save(torchvision.models.resnet18(num_classes=6).state_dict(), 'my_resnet.pth')
    teacher = settings(weights)['teacher']
    assert answer(teacher, 224).shape == (2, 6)
    # ToTensor and Normalize(0.5, 0.5) give -1 to 1; so does the view that the page tells.
    built = MODELS.build(dict(teacher, view=settings(view)['view']))
    shown = built.view.render(torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 1, 2).expand(1, 3, 1, 224, 2))
    assert (shown.min(), shown.max()) == (-1, 1)


def test_a_network_of_ones_own_is_a_teacher(here):
    code, config = snippets(TEACHER_PAGE)[2:4]
    (here / 'my_network.py').write_text(code)
    (here / 'config.py').write_text(config)
    config = Config.fromfile('config.py')  # which imports the module
    torch.save(importlib.import_module('my_network').MyNetwork(6).state_dict(), 'my_network.pth')
    try:
        assert answer(config.teacher, 64).shape == (2, 6)
        assert MODELS.build(config.teacher).classifier == 'classifier'
    finally:
        MODELS.module_dict.pop('MyNetwork')


def test_an_exported_student_is_a_teacher_as_the_page_says(here):
    student = student_config()
    torch.save({'state_dict': MODELS.build(student).state_dict()}, 'student.pth')
    teacher = settings(snippets(TEACHER_PAGE)[4], student=student)['teacher']
    assert answer(dict(teacher, view=dict(size=16)), 16).shape == (2, 5)


def test_the_table_of_files_is_what_is_read(here):
    for word in (*PLACES, *WRAPPERS):
        assert f'`{word}`' in TEACHER_PAGE
    save_file({'weight': torch.zeros(2)}, 'a.safetensors')
    assert load_safely('a.safetensors', what='weights')
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save('program.pt')
    torch.save(torch.nn.Linear(2, 2), 'whole.pth')
    for file in ('program.pt', 'whole.pth'):
        with pytest.raises(ValueError, match='could run code'):
            load_safely(file, what='weights')


def test_paths_of_a_config_are_found_as_the_page_says(here, monkeypatch):
    (here / 'configs_of_mine').mkdir()
    (here / 'configs_of_mine/my_paths.py').write_text(snippets(PATHS_PAGE)[0])
    (here / 'configs_of_mine/experiment.py').write_text("_base_ = 'my_paths.py'\n")
    config = Config.fromfile(find_config('configs_of_mine/experiment'))  # its base lies beside it, not in this folder
    assert config.data_root == 'data/videos' and config.weights == f'{here}/configs_of_mine/my_resnet.pth'
    monkeypatch.setenv('MY_VIDEOS', '/mnt/videos')
    assert Config.fromfile('configs_of_mine/my_paths.py').data_root == '/mnt/videos'
    for name in ('kd_r2d_to_r3d_hmdb51', 'configs/kd_r2d_to_r3d_hmdb51.py'):
        assert find_config(name).samefile(REPOSITORY / 'configs/kd_r2d_to_r3d_hmdb51.py')
    (here / 'kd_r2d_to_r3d_hmdb51.py').write_text('')
    assert find_config('kd_r2d_to_r3d_hmdb51').samefile(here / 'kd_r2d_to_r3d_hmdb51.py')  # this folder goes first
