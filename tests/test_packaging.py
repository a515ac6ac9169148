"""What users install: the wheel without the checkout, and a plugin beside it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.videos import write_video


def run(*arguments: str, cwd: Path, path: Path) -> subprocess.CompletedProcess:
    import os

    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        timeout=300,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(path), 'OMP_NUM_THREADS': '1'},
    )


def pip_install(*sources: Path, target: Path) -> None:
    done = run(
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-deps',
        '--no-build-isolation',
        '--no-index',
        '--no-compile',
        '--target',
        target,
        *sources,
        cwd=target.parent,
        path=target,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope='module')
def installed(tmp_path_factory) -> Path:
    """kdtoolbox from a wheel of its own and the example plugin, in a folder of their own."""
    folder = tmp_path_factory.mktemp('installed')
    sources = folder / 'sources'
    # A copy, so that the build leaves nothing behind in the checkout.
    for name in ('kdtoolbox', 'configs', 'examples'):
        shutil.copytree(REPOSITORY / name, sources / name, ignore=shutil.ignore_patterns('__pycache__', '*.egg-info'))
    for name in ('setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(REPOSITORY / name, sources)
    done = run(
        '-m',
        'pip',
        'wheel',
        '--quiet',
        '--no-deps',
        '--no-build-isolation',
        '--no-index',
        '-w',
        folder,
        sources,
        cwd=folder,
        path=folder,
    )
    assert done.returncode == 0, done.stderr
    wheel = next(folder.glob('kdtoolbox-*.whl'))
    assert 'kdtoolbox/configs/kd_r2d_to_r3d_hmdb51.py' in zipfile.ZipFile(wheel).namelist()
    pip_install(wheel, sources / 'examples/plugin', target=folder / 'site')
    return folder / 'site'


def test_the_wheel_works_without_the_checkout_and_brings_its_configs(installed, tmp_path):
    code = (
        'import kdtoolbox; from kdtoolbox.config_files.finding import find_config; '
        'print(kdtoolbox.__file__, find_config("kd_r2d_to_r3d_hmdb51"), '
        'find_config("configs/distinit_r2d_to_r3d_ucf101.py"))'
    )
    done = run('-c', code, cwd=tmp_path, path=installed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(installed)) == 3


def test_an_installed_plugin_is_found_and_trains_a_step(installed, tmp_path):
    for number in range(2):
        write_video(tmp_path / f'data/videos/clip{number}.avi', seed=number)
    config = installed / 'kdtoolbox_example/configs/cosine_r2d_to_r3d_folder.py'
    done = run(
        '-m',
        'kdtoolbox.cli.main',
        'train',
        config,
        '--work-dir',
        tmp_path / 'run',
        '--cfg-options',
        'model.teacher.weights=None',
        'model.teacher.view.size=32',
        'model.student_view.size=16',
        'model.student.backbone.base_channels=4',
        'model.student.cls_head.in_channels=32',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
        'train_cfg.max_epochs=1',
        cwd=tmp_path,
        path=installed,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / 'run/epoch_1.pth').is_file()
