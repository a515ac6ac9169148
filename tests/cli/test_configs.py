"""Reading configs, the same way for every command."""

import pytest

from kdtoolbox.cli.main import main


@pytest.mark.parametrize('command', ['train', 'doctor'])
def test_yaml_that_asks_for_python_objects_is_refused_and_not_run(command, tmp_path, capsys):
    trace = tmp_path / 'trace'
    config = tmp_path / 'config.yml'
    config.write_text(f'model: !!python/object/apply:os.mkdir ["{trace}"]\n')
    assert main([command, str(config)]) == 2
    assert 'could run code' in capsys.readouterr().err
    assert not trace.exists()
