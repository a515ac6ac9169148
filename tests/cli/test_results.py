import json
import math
import re
import shutil
from pathlib import Path

import pytest
import torch

from kdtoolbox.cli.main import main
from kdtoolbox.reporting.chance_level import chance_rows
from kdtoolbox.reporting.results_table import CHANCE, DATA_SETS, MEASURED, PROTOCOLS, PUBLISHED, read_json, render
from kdtoolbox.runner.training import build_runner
from kdtoolbox.safe_files import sha256_of
from tests.conftest import REPOSITORY
from tests.tiny import run_config
from tests.videos import write_ucf101

DOCS = REPOSITORY / 'docs'
CONFIG = 'finetune_r3d_hmdb51'
RETRIEVAL = ('--data-set', 'hmdb51', '--protocol', 'retrieval')
FINETUNE = ('--data-set', 'hmdb51', '--protocol', 'finetune')


def of_docs(name: str):
    return read_json(DOCS / name)


@pytest.fixture
def docs(tmp_path) -> Path:
    """A copy of the page and its files."""
    shutil.copytree(DOCS / 'results', tmp_path / 'docs/results')
    shutil.copy(DOCS / 'results.md', tmp_path / 'docs/results.md')
    return tmp_path / 'docs'


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """The work directory of a run of two epochs."""
    folder = tmp_path_factory.mktemp('run')
    config = run_config(folder / 'work')
    config.experiment_name = 'tiny_experiment'
    config.val_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval')]
    build_runner(config).train()
    return folder / 'work'


def content(docs: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in docs.rglob('*') if file.is_file()}


UNTRAINED = {'provenance': {'config': f'{CONFIG}.py', 'checkpoint': None, 'sha256': None}}


def metrics(**changes) -> dict:
    chance = of_docs(CHANCE)['hmdb51']['retrieval']
    return {
        **{f'retrieval/top{k}': 0.1 + k / 100 for k in (1, 5, 10, 20, 50)},
        **{f'retrieval/chance_top{k}': chance[f'top-{k}'] for k in (1, 5, 10, 20, 50)},
        'knn/top1': 0.3,
        **UNTRAINED,
        **changes,
    }


def add(docs: Path, source: Path, *arguments: str, name: str = 'mine') -> int:
    return main(['results', 'add', str(source), '--docs', str(docs), '--name', name, *map(str, arguments)])


def written(path: Path, values) -> Path:
    path.write_text(json.dumps(values))
    return path


def test_the_page_is_what_render_gives():
    page = (DOCS / 'results.md').read_text(encoding='utf-8')
    assert page == render(page, chance=of_docs(CHANCE), published=of_docs(PUBLISHED), measured=of_docs(MEASURED))


def test_no_number_of_the_tables_survives_rendering(docs, capsys):
    page = (docs / 'results.md').read_text(encoding='utf-8')
    (docs / 'results.md').write_text(page.replace('| 36.8 |', '| 99.9 |').replace('| chance |', '| luck |'))
    assert main(['results', 'render', '--docs', str(docs)]) == 0
    assert (docs / 'results.md').read_text(encoding='utf-8') == page


def test_every_published_row_has_a_source_and_every_row_of_ours_a_config():
    assert all(row['source'] for row in of_docs(PUBLISHED))
    assert {row['config'] for row in of_docs(MEASURED)} <= {file.stem for file in (REPOSITORY / 'configs').glob('*.py')}


@pytest.mark.parametrize('data_set', DATA_SETS)
def test_the_chance_row_is_that_of_the_official_split(shared, data_set):
    assert of_docs(CHANCE)[data_set] == chance_rows(shared / 'data/annotations' / data_set, data_set)


def test_chance_of_retrieval_is_that_of_drawing_without_replacement():
    # HMDB-51: 70 of 3570 training videos are of the query's class.
    chance = of_docs(CHANCE)['hmdb51']
    for column, share in chance['retrieval'].items():
        k = int(column.removeprefix('top-'))
        assert share == pytest.approx(1 - math.comb(3500, k) / math.comb(3570, k), abs=1e-12)
    assert (chance['num_gallery'], chance['num_queries']) == (3570, 1530) and chance['finetune'] == {'top-1': 1 / 51}


def test_metrics_fill_an_empty_row_in_its_place(docs, tmp_path):
    before = of_docs(MEASURED)
    place = next(i for i, row in enumerate(before) if (row['data_set'], row['protocol']) == ('hmdb51', 'retrieval'))
    name = before[place]['name']
    assert add(docs, written(tmp_path / 'm.json', metrics()), *RETRIEVAL, name=name) == 0
    after = read_json(docs / MEASURED)
    assert len(after) == len(before) and after[:place] + after[place + 1 :] == before[:place] + before[place + 1 :]
    assert after[place]['values'] == {f'top-{k}': 0.1 + k / 100 for k in (1, 5, 10, 20, 50)}
    assert (
        f'| kdtoolbox: {name} | 11.0 | 15.0 | 20.0 | 30.0 | 60.0 | {CONFIG}, untrained |'
        in (docs / 'results.md').read_text(encoding='utf-8').splitlines()
    )


def test_a_row_of_another_name_is_added_and_the_same_name_replaces_it(docs, tmp_path):
    for share in (0.25, 0.75):
        source = written(tmp_path / 'm.json', {'acc/top1': share, 'acc/chance': 1 / 51, **UNTRAINED})
        assert add(docs, source, *FINETUNE) == 0
    rows = read_json(docs / MEASURED)
    assert rows[:-1] == of_docs(MEASURED) and rows[-1]['values'] == {'top-1': 0.75}


def tiny_chance(docs: Path, trained: Path) -> dict:
    """Makes the chance row that of the tiny data set; returns the last validation."""
    last = json.loads(next(trained.glob('*/vis_data/scalars.json')).read_text().splitlines()[-1])
    chance = read_json(docs / CHANCE)
    chance['hmdb51'].update(
        retrieval={f'top-{k}': last[f'retrieval/chance_top{k}'] for k in (1, 5, 10, 20, 50)}, finetune={'top-1': 1 / 5}
    )
    written(docs / CHANCE, chance)
    return last


def test_a_work_directory_fills_a_row_with_its_last_validation_and_says_how_it_came_about(docs, trained):
    last = tiny_chance(docs, trained)
    assert add(docs, trained, *RETRIEVAL) == 0 and add(docs, trained, *FINETUNE) == 0
    retrieval, finetune = read_json(docs / MEASURED)[-2:]
    assert retrieval['values'] == {f'top-{k}': last[f'retrieval/top{k}'] for k in (1, 5, 10, 20, 50)}
    assert finetune['values'] == {'top-1': last['acc/top1']}
    for row in (retrieval, finetune):
        assert {key: row[key] for key in ('config', 'epoch', 'iter', 'seed', 'checkpoint')} == {
            'config': 'tiny_experiment',
            'epoch': 2,
            'iter': 4,
            'seed': 3,
            'checkpoint': f'epoch_2.pth sha256:{sha256_of(trained / "epoch_2.pth")}',
        }
        assert row['versions_when_recorded']['torch'].startswith(torch.__version__.split('+')[0])
    assert '| tiny_experiment, epoch 2, seed 3 |' in (docs / 'results.md').read_text(encoding='utf-8')


def test_a_moved_work_directory_still_knows_its_checkpoint(docs, trained, tmp_path):
    tiny_chance(docs, trained)
    shutil.copytree(trained, tmp_path / 'moved')
    (tmp_path / 'moved/last_checkpoint').write_text('/somewhere/else/epoch_2.pth')
    assert add(docs, tmp_path / 'moved', *RETRIEVAL) == 0


def source_of_mine(docs: Path) -> str:
    """The last cell of the one row named mine."""
    (row,) = re.findall(r'^\| kdtoolbox: mine \|.*\| (.*) \|$', (docs / 'results.md').read_text(encoding='utf-8'), re.M)
    return row


def told_by_testing(trained: Path, tmp_path: Path) -> dict:
    """The provenance that testing epoch 1 of the run writes."""
    run_config(tmp_path / 'work').dump(tmp_path / 'testing.py')
    assert (
        main(
            [
                'test',
                str(tmp_path / 'testing.py'),
                str(trained / 'epoch_1.pth'),
                '--eval',
                'accuracy',
                '--out',
                str(tmp_path / 'tested.json'),
            ]
        )
        == 0
    )
    return {'provenance': read_json(tmp_path / 'tested.json')['provenance']}


def test_metrics_of_a_tested_checkpoint_take_its_epoch_and_seed_and_no_other_ones(docs, trained, tmp_path, capsys):
    told = told_by_testing(trained, tmp_path)
    assert told['provenance'] == {
        'config': 'testing.py',
        'checkpoint': 'epoch_1.pth',
        'sha256': sha256_of(trained / 'epoch_1.pth'),
    }
    source, before = written(tmp_path / 'm.json', metrics(**told)), content(docs)
    assert add(docs, source, *RETRIEVAL, '--checkpoint', trained / 'epoch_2.pth') == 2
    assert 'm.json: the metrics are of epoch_1.pth' in capsys.readouterr().err and content(docs) == before
    assert add(docs, source, *RETRIEVAL, '--checkpoint', trained / 'epoch_1.pth') == 0
    row = read_json(docs / MEASURED)[-1]
    assert (row['epoch'], row['seed'], row['config']) == (1, 3, 'tiny_experiment')


def test_a_trained_network_is_not_called_untrained_without_its_checkpoint(docs, trained, tmp_path, capsys):
    source = written(tmp_path / 'm.json', metrics(**told_by_testing(trained, tmp_path)))
    assert add(docs, source, *RETRIEVAL) == 2
    assert 'epoch_1.pth tells no config: give the one it was trained with' in capsys.readouterr().err
    assert add(docs, source, *RETRIEVAL, '--config', CONFIG) == 0
    row = read_json(docs / MEASURED)[-1]
    assert row['checkpoint'] == f'epoch_1.pth sha256:{sha256_of(trained / "epoch_1.pth")}' and row['epoch'] is None
    assert source_of_mine(docs) == CONFIG


@pytest.mark.parametrize('checkpoint', [None, 'epoch_2.pth'])
def test_features_tell_what_network_their_metrics_are_of(docs, trained, tmp_path, checkpoint):
    config = run_config(tmp_path / 'work')
    config.custom_imports = dict(imports=['tests.tiny'])
    config.dump(tmp_path / 'testing.py')
    given = [] if checkpoint is None else [str(trained / checkpoint)]
    assert main(['extract-features', str(tmp_path / 'testing.py'), *given, str(tmp_path / 'f.npz')]) == 0
    assert (
        main(['evaluate-features', str(tmp_path / 'f.npz'), '--eval', 'retrieval', '--out', str(tmp_path / 'f.json')])
        == 0
    )
    told = read_json(tmp_path / 'f.json')['provenance']
    assert told == {
        'config': 'testing.py',
        'of': 'student',
        'layer': 'features',
        'checkpoint': checkpoint,
        'sha256': checkpoint and sha256_of(trained / checkpoint),
    }
    source = written(tmp_path / 'm.json', metrics(provenance=told))
    assert add(docs, source, *RETRIEVAL, *(['--config', CONFIG] if checkpoint else [])) == 0
    assert source_of_mine(docs) == (CONFIG if checkpoint else 'testing, untrained')


def test_metrics_that_do_not_tell_their_checkpoint_are_taken_with_one_only(docs, trained, tmp_path, capsys):
    source = written(tmp_path / 'm.json', metrics(provenance=None))
    assert add(docs, source, *RETRIEVAL, '--config', CONFIG) == 2
    assert 'does not tell what checkpoint its metrics are of' in capsys.readouterr().err
    assert add(docs, source, *RETRIEVAL, '--checkpoint', trained / 'epoch_1.pth') == 0
    assert read_json(docs / MEASURED)[-1]['epoch'] == 1


@pytest.mark.parametrize(
    'told, arguments, message',
    [
        ({}, ('--config', 'nosuchconfig'), "config 'nosuchconfig': no such file"),
        ({}, ('--config', 'anc_r2d_to_r3d_ucf101'), f'of a network of {CONFIG}, not of --config anc_r2d_to_r3d_ucf101'),
        ({}, ('--checkpoint', 'epoch_1.pth'), 'the metrics are of a network that was not trained, not of epoch_1.pth'),
        ({'of': 'teacher'}, (), "metrics have of = 'teacher'"),
        ({'layer': 'logits'}, (), "metrics have layer = 'logits'"),
        ({'config': 1}, (), 'expected config, checkpoint and sha256'),
    ],
)
def test_metrics_of_another_network_than_the_row_says_are_refused(
    docs, trained, tmp_path, capsys, monkeypatch, told, arguments, message
):
    monkeypatch.chdir(trained)
    before = content(docs)
    source = written(tmp_path / 'm.json', metrics(provenance={**UNTRAINED['provenance'], **told}))
    assert add(docs, source, *RETRIEVAL, *arguments) == 2
    assert message in capsys.readouterr().err and content(docs) == before


def test_the_run_of_a_yaml_experiment_names_the_config_it_leaves_or_the_one_given(docs, tmp_path):
    config = run_config(tmp_path / 'my_experiment', epochs=1)  # without a file, as an experiment is translated
    config.val_evaluator = [dict(type='QueryAccuracy'), dict(type='ClipRetrieval')]
    config.visualizer.name = 'my_experiment'  # mmengine shares those of one name, here of one second
    build_runner(config).train()
    tiny_chance(docs, tmp_path / 'my_experiment')
    assert add(docs, tmp_path / 'my_experiment', *RETRIEVAL) == 0
    row = read_json(docs / MEASURED)[-1]
    assert re.fullmatch(r'my_experiment/\d{8}_\d{6}\.py', row['config']) and (tmp_path / row['config']).is_file()
    yaml = REPOSITORY / 'configs/yaml/simple.yml'
    assert add(docs, tmp_path / 'my_experiment', *RETRIEVAL, '--config', yaml) == 0
    assert source_of_mine(docs) == 'simple.yml, epoch 1, seed 3'


@pytest.mark.parametrize(
    'values, message',
    [
        (metrics(**{'retrieval/top5': 1.2}), r'retrieval/top5 is 1.2, expected a share'),
        (metrics(**{'retrieval/top1': -0.1}), 'is -0.1'),
        (metrics(**{'retrieval/top1': float('nan')}), 'is nan'),
        (metrics(**{'retrieval/top1': True}), 'is True'),
        (metrics(**{'retrieval/top1': '0.5'}), "is '0.5'"),
        ({'acc/top1': 0.5}, 'no retrieval/top1, .*; there is acc/top1'),
        ({}, 'there is nothing'),
        ([1], 'expected a work directory or a JSON file of metrics'),
        (metrics(**{'retrieval/chance_top1': 0.01}), 'the run was on other videos or classes'),
    ],
)
def test_impossible_metrics_are_refused_and_leave_all_files(docs, tmp_path, capsys, values, message):
    before = content(docs)
    assert add(docs, written(tmp_path / 'm.json', values), *RETRIEVAL, '--config', CONFIG) == 2
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert content(docs) == before


def test_what_cannot_be_traced_is_refused_and_leaves_all_files(docs, trained, tmp_path, capsys):
    tiny_chance(docs, trained)
    before = content(docs)
    source = written(tmp_path / 'm.json', {'acc/top1': 0.5, 'acc/chance': 0.2})
    no_config = {**UNTRAINED['provenance'], 'config': None}
    nameless = written(tmp_path / 'n.json', {'acc/top1': 0.5, 'acc/chance': 0.2, 'provenance': no_config})
    torch.save({'meta': {'epoch': 3}, 'state_dict': {}}, tmp_path / 'student.pth')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'bad.json').write_text('{')
    for arguments, message in [
        ((source, *FINETUNE), 'does not tell what checkpoint'),
        ((nameless, *FINETUNE), 'the file tells no config: give'),
        ((source, *FINETUNE, '--checkpoint', tmp_path / 'student.pth'), 'student.pth tells no config'),
        ((source, *FINETUNE, '--checkpoint', tmp_path / 'none.pth'), 'none.pth: no such file'),
        (
            (trained, *FINETUNE, '--checkpoint', trained / 'epoch_1.pth'),
            'last validation was after epoch 2, but epoch_1.pth is of epoch 1',
        ),
        ((tmp_path / 'empty', *FINETUNE), 'no validation with acc/top1 in its */vis_data/scalars.json'),
        ((tmp_path / 'bad.json', *FINETUNE), 'bad.json is not JSON'),
        ((tmp_path / 'nothing', *FINETUNE), 'expected a work directory or a JSON file'),
    ]:
        assert add(docs, *arguments) == 2
        assert message in capsys.readouterr().err
    for name in ('two\nlines', '<!-- end of table -->', ' '):
        assert add(docs, nameless, *FINETUNE, '--config', CONFIG, name=name) == 2
        assert 'expected one line of text' in capsys.readouterr().err
    assert content(docs) == before


def test_unknown_protocols_and_data_sets_are_refused(docs, tmp_path):
    source = written(tmp_path / 'm.json', metrics())
    for arguments in (
        ('--data-set', 'hmdb51', '--protocol', 'guessing'),
        ('--data-set', 'kinetics', '--protocol', 'retrieval'),
    ):
        with pytest.raises(SystemExit):
            add(docs, source, *arguments)


def test_without_the_docs_it_says_where_to_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['results', 'render']) == 2
    assert (
        'docs/results/chance.json: no such file. Results are kept in the docs of a checkout' in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    'marker, message',
    [
        ('<!-- table hmdb51 retrieval -->', 'the line <!-- table hmdb51 retrieval --> is there 0 times'),
        ('<!-- end of table -->', 'no <!-- end of table --> below <!-- table ucf101 retrieval -->'),
    ],
)
def test_a_page_without_its_markers_is_left_alone(docs, tmp_path, capsys, marker, message):
    page = (docs / 'results.md').read_text(encoding='utf-8')
    (docs / 'results.md').write_text(page.replace(marker, '', 1), encoding='utf-8')
    before = content(docs)
    assert add(docs, written(tmp_path / 'm.json', metrics()), *RETRIEVAL) == 2
    assert message in capsys.readouterr().err and content(docs) == before


def test_a_data_set_without_a_chance_row_takes_no_runs_until_it_has_one(docs, tmp_path, capsys, shared):
    written(docs / CHANCE, {'ucf101': of_docs(CHANCE)['ucf101']})
    source = written(tmp_path / 'm.json', metrics())
    assert add(docs, source, *RETRIEVAL) == 2
    assert 'first kdtoolbox results chance ANNOTATIONS --data-set hmdb51' in capsys.readouterr().err
    annotations = shared / 'data/annotations/hmdb51'
    assert main(['results', 'chance', str(annotations), '--data-set', 'hmdb51', '--docs', str(docs)]) == 0
    assert read_json(docs / CHANCE) == of_docs(CHANCE)
    assert (docs / 'results.md').read_text() == (DOCS / 'results.md').read_text()


def test_the_tables_lead_with_the_smallest_k():
    assert list(PROTOCOLS['retrieval'].columns)[:2] == ['top-1', 'top-5']


def test_split_files_of_another_data_set_do_not_become_the_chance_row(docs, tmp_path, capsys):
    _, annotations = write_ucf101(tmp_path / 'six', num_classes=6)
    before = content(docs)
    assert main(['results', 'chance', str(annotations), '--data-set', 'ucf101', '--docs', str(docs)]) == 2
    message = capsys.readouterr().err
    assert 'has 6 classes, 12 training and 12 test videos in split 1; UCF-101 has (101, 9537, 3783)' in message
    assert content(docs) == before


@pytest.mark.parametrize('meta', [{'experiment_name': ['run']}, {'experiment_name': 'run', 'epoch': 'three'}])
def test_a_checkpoint_that_tells_nonsense_of_its_run_is_refused_in_words(docs, tmp_path, capsys, meta):
    torch.save({'meta': meta, 'state_dict': {}}, tmp_path / 'odd.pth')
    before = content(docs)
    source = written(tmp_path / 'm.json', {key: value for key, value in metrics().items() if key != 'provenance'})
    assert add(docs, source, *RETRIEVAL, '--checkpoint', str(tmp_path / 'odd.pth')) == 2
    assert 'expected a text and whole numbers' in capsys.readouterr().err and content(docs) == before
