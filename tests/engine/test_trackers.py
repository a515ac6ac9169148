"""docs/trackers.md: experiment trackers are one line in a config."""

import re

import pytest

from kdtoolbox.cli.main import main
from tests.conftest import REPOSITORY
from tests.test_configs import small

CONFIG = REPOSITORY / 'configs/kd_r2d_to_r3d_folder.py'
PAGE = (REPOSITORY / 'docs/trackers.md').read_text()


def test_mlflow_gets_the_losses_of_each_term_and_the_metrics(data, tmp_path, monkeypatch):
    pytest.importorskip('mlflow', reason='the tracker is not installed')
    videos, annotations = data['folder']
    monkeypatch.setenv('FOLDER_VIDEOS', str(videos))
    monkeypatch.setenv('FOLDER_ANNOTATIONS', str(annotations))
    monkeypatch.setenv('MLFLOW_ALLOW_FILE_STORE', 'true')  # a data base needs more than mlflow-skinny
    snippet = re.search(r'```python\n(.*?)```', PAGE, flags=re.DOTALL).group(1)
    snippet = snippet.replace('sqlite:///mlflow.db', (tmp_path / 'store').as_uri())
    (tmp_path / 'tracked.py').write_text(f'_base_ = [{str(CONFIG)!r}]\n{snippet}')
    command = ['train', str(tmp_path / 'tracked.py'), '--work-dir', str(tmp_path / 'run')]
    assert main([*command, '--cfg-options', *small(CONFIG)]) == 0
    stored = {file.name for file in (tmp_path / 'store').rglob('metrics/**/*') if file.is_file()}
    assert {'loss_kd', 'lr', 'top1'} <= stored
