"""The configs that came with kdtoolbox, listed and printed."""

from mmengine.config import Config

from kdtoolbox.cli.main import main
from kdtoolbox.config_files.finding import find_config, packaged_configs
from tests.conftest import REPOSITORY


def test_every_config_but_the_bases_is_listed_in_one_line_with_its_first_comment(capsys):
    assert main(['configs']) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    files = [path for path in (REPOSITORY / 'configs').rglob('*.py') if '_base_' not in path.parts]
    files += (REPOSITORY / 'configs/yaml').glob('*.yml')
    assert len(lines) == len(files)
    for file in files:
        name = file.relative_to(REPOSITORY / 'configs').as_posix().removesuffix('.py')
        comment = ' '.join(line.lstrip('# ') for line in file.read_text().splitlines() if line.startswith('#'))
        assert 0 < len(lines[name]) <= 112 and comment.replace('`', '').startswith(lines[name].removesuffix(' …'))


def test_a_listed_name_is_one_that_every_command_finds():
    for name, file in packaged_configs().items():
        assert find_config(name).samefile(file)


def test_a_config_is_printed_with_its_bases_filled_in_and_reads_as_the_same(capsys, tmp_path):
    assert main(['configs', 'show', 'methods/dkd']) == 0
    (tmp_path / 'printed.py').write_text(capsys.readouterr().out)
    printed = Config.fromfile(tmp_path / 'printed.py').to_dict()
    assert '_base_' not in (tmp_path / 'printed.py').read_text() and printed['model']['terms']['dkd']
    assert printed == Config.fromfile(REPOSITORY / 'configs/methods/dkd.py').to_dict()


def test_a_config_that_is_not_there_is_named(capsys):
    assert main(['configs', 'show', 'nope']) == 2
    assert "config 'nope': no such file" in capsys.readouterr().err
