from pathlib import Path

import pytest
from mmengine.runner import Runner

from kdtoolbox.deployment.student_folder import write_student_folder
from tests.folder_run import trained_on_videos


@pytest.fixture(scope='session')
def trained(tmp_path_factory) -> Runner:
    """The runner of a finished training on two classes; its checkpoint is epoch_1.pth in the work directory."""
    return trained_on_videos(tmp_path_factory.mktemp('trained'))


@pytest.fixture(scope='session')
def checkpoint(trained) -> Path:
    return Path(trained.work_dir) / 'epoch_1.pth'


@pytest.fixture(scope='session')
def videos(trained) -> Path:
    """The folder of the videos, two in each of two class folders."""
    return Path(trained.cfg.test_dataloader.dataset.datasets[1].data_root)


@pytest.fixture(scope='session')
def student_folder(checkpoint, tmp_path_factory) -> Path:
    """To be read only."""
    return write_student_folder(
        checkpoint,
        tmp_path_factory.mktemp('exported') / 'student',
        metrics={'acc/top1': 0.75, 'retrieval/top1': 0.5},
        protocol={'data': 'made-up videos', 'videos': '4'},
        facts={'teacher': 'TinyImageNet'},
    )
