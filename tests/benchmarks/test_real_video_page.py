"""The tables of docs/real_video.md are those of benchmarks/results."""

import importlib.util
import json

import pytest

from tests.conftest import REPOSITORY

RESULTS = REPOSITORY / 'benchmarks/results'


@pytest.mark.parametrize('name', ['real_video', 'real_video_image_stem'])
def test_every_row_of_the_results_is_on_the_page(name):
    spec = importlib.util.spec_from_file_location('real_video', REPOSITORY / 'benchmarks/real_video.py')
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    seeds = json.loads((RESULTS / f'{name}.json').read_text())['seeds']
    table = benchmark.table({seed: content['rows'] for seed, content in seeds.items()})
    assert table in (REPOSITORY / 'docs/real_video.md').read_text()
