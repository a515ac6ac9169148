"""model-index.yml and configs/metafile.yml are in OpenMMLab's form, and are those of the configs."""

import shutil

import pytest
import yaml

from kdtoolbox.cli.arguments.results import INDEX_EXAMPLE
from kdtoolbox.cli.main import main
from kdtoolbox.reporting.model_index import INDEX, METAFILE, metafile_text
from tests.conftest import REPOSITORY


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """A copy of the configs and results, with what the command of the help makes of them."""
    folder = tmp_path_factory.mktemp('checkout')
    shutil.copytree(REPOSITORY / 'configs', folder / 'configs')
    shutil.copytree(REPOSITORY / 'docs/results', folder / 'docs/results')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(INDEX_EXAMPLE.split()[1:]) == 0
    return folder


@pytest.mark.parametrize('name', [INDEX, METAFILE])
def test_the_files_are_current(written, name):
    found, expected = ((folder / name).read_text() for folder in (REPOSITORY, written))
    assert found == expected, f'{name} is not of these configs and results: run kdtoolbox results index'


def test_every_model_has_its_config_its_collection_and_its_data(written):
    index = yaml.safe_load((written / INDEX).read_text())
    content = yaml.safe_load((written / index['Import'][0]).read_text())
    collections = {one['Name'] for one in content['Collections']}
    names = [one['Name'] for one in content['Models']]
    assert len(set(names)) == len(names) > 60
    for model in content['Models']:
        assert (written / model['Config']).is_file() and model['In Collection'] in collections
        assert model['Metadata']['Architecture'] and model['Metadata']['Training Data'] and 'Results' not in model
    crd = next(one for one in content['Models'] if one['Name'] == 'methods_crd')
    assert crd['Paper']['URL'] == 'https://arxiv.org/abs/1910.10699'
    assert crd['Metadata']['Epochs'] == 120 and crd['Metadata']['Teacher'] == ['torchvision.resnet50']


def test_a_measured_row_becomes_the_result_of_its_config(tmp_path):
    shutil.copytree(REPOSITORY / 'configs/_base_', tmp_path / '_base_')
    shutil.copy(REPOSITORY / 'configs/distinit_r2d_to_r3d_ucf101.py', tmp_path)
    row = dict(data_set='ucf101', protocol='retrieval', config='distinit_r2d_to_r3d_ucf101', values={'top-1': 0.1234})
    (model,) = yaml.safe_load(metafile_text(tmp_path, [row, {**row, 'values': None}], {}))['Models']
    assert model['Results'] == [{'Dataset': 'UCF-101', 'Task': 'Video Retrieval', 'Metrics': {'top-1': 12.3}}]
