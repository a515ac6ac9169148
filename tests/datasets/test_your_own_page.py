"""docs/datasets/your_own.md: what it tells to write is read and builds."""

import json
import re

import pytest

from kdtoolbox.registry import DATASETS
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / 'docs/datasets/your_own.md').read_text()
VIDEOS = [
    'mine/jumping/IMG_0001.MOV',
    'mine/jumping/IMG_0002.MOV',
    'mine/running/cam2 (3).mkv',
    'mine/running/cam2 (4).mkv',
    'sorted/train/jumping/day 1/a.mp4',
    'sorted/train/running/b.mp4',
    'sorted/test/running/c.mp4',
    'films/matches/final.mp4',
]
BLOCKS = re.findall(r'^```(\w*)\n(.*?)^```', PAGE, flags=re.M | re.S)
SNIPPETS = [code for kind, code in BLOCKS if kind == 'python']


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    """The folder in which the page's commands are run, with the files that it shows."""
    from kdtoolbox.cli.main import main

    monkeypatch.chdir(tmp_path)
    for name in VIDEOS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'video')
    cut, segments = (code for kind, code in BLOCKS if kind == 'json')
    (tmp_path / 'mine.json').write_text(cut)
    (tmp_path / 'segments.json').write_text(segments)
    (tmp_path / 'train.txt').write_text(next(code for _, code in BLOCKS if code.startswith('jumping/IMG')))
    assert 'kdtoolbox prepare folder mine\n' in PAGE and main(['prepare', 'folder', 'mine']) == 0
    return tmp_path


def built(code: str) -> dict:
    names = {'train_pipeline': [], 'val_pipeline': []}
    exec(code, names)
    configs = {name: value for name, value in names.items() if name.endswith('_dataset')}
    if 'source' in names:
        configs['source'] = dict(
            names['source'], pipeline=[]
        )  # as configs/_base_/datasets/hmdb51.py makes data sets of it
    return {name: DATASETS.build(config) for name, config in configs.items()}


def samples(dataset) -> list[tuple[str, int]]:
    return [(info['sample_id'], info['label']) for info in map(dataset.get_data_info, range(len(dataset)))]


@pytest.mark.parametrize('code', SNIPPETS, ids=lambda code: code.split('\n')[0][:60])
def test_every_snippet_builds_and_finds_all_its_videos(folder, code):
    datasets = built(code)
    assert datasets
    for dataset in datasets.values():
        for one in getattr(dataset, 'datasets', [dataset]):
            assert len(one) and not one.missing


def test_the_snippets_give_what_the_page_says_of_them(folder):
    found = {name: [] for name in ('train.txt', 'mine.json', 'segments.json', 'labels_per_class', 'sorted/train')}
    for code in SNIPPETS:
        for name in found:
            if name in code:
                found[name].append(built(code)['train_dataset'])
    listed, own_order = found['train.txt']
    assert samples(listed) == [('jumping/IMG_0001.MOV', 0), ('running/cam2 (3).mkv', 1)]
    assert samples(own_order) == [('jumping/IMG_0001.MOV', 1), ('running/cam2 (3).mkv', 0)]
    assert samples(found['mine.json'][0]) == [('jumping/IMG_0001.MOV', 1), ('running/cam2 (3).mkv', 0)]
    assert samples(found['segments.json'][0]) == [('matches/final.mp4@1.5-3.25', 1), ('matches/final.mp4@3.25-9', 0)]
    assert samples(found['sorted/train'][0]) == [('jumping/day 1/a.mp4', 0), ('running/b.mp4', 1)]
    (few,) = found['labels_per_class']
    split = json.loads((folder / 'mine/split.json').read_text())['database']
    assert sorted(label for _, label in samples(few) if label != -1) == [0, 1]
    assert len(few) == sum(entry['subset'] == 'training' for entry in split.values())


def test_a_path_beside_the_config_file_is_written_as_the_page_says(tmp_path):
    from mmengine.config import Config

    assert "'{{ fileDirname }}/mine'" in PAGE
    (tmp_path / 'mine.py').write_text("data_root = '{{ fileDirname }}/mine'\n")
    assert Config.fromfile(tmp_path / 'mine.py').data_root == f'{tmp_path}/mine'
