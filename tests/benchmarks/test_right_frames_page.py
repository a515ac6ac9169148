"""The page on wrong frames shows what its commands printed."""

import importlib
import json

from tests.conftest import REPOSITORY


def page() -> str:
    return (REPOSITORY / 'docs/right_frames.md').read_text()


def test_the_table_of_wrong_frames_is_the_stored_result(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    benchmark = importlib.import_module('benchmarks.right_frames')
    results = json.loads(benchmark.RESULTS.read_text())
    assert benchmark.BEGIN + benchmark.table(results) + benchmark.END in page()
    assert all(answers[0][0] == 0 for answers in results['rows'].values())  # ours


def test_the_table_of_loading_is_the_stored_result():
    results = json.loads((REPOSITORY / 'benchmarks/results/loading.json').read_text())
    folders = list(results['folders'].values())
    for row in folders[0]['ms']:
        cells = [f'{folder["ms"][row]["mean"]} ({folder["ms"][row]["mean / decord"]:.2f})' for folder in folders]
        assert f'| {" | ".join(cells)} |' in page(), row


def test_the_numbers_of_the_readme_stand_in_the_table():
    line = next(line for line in page().splitlines() if line.startswith('| hmdb51 '))
    assert '1271 of 1344' in line
    assert '1,271 of 1,344 frames of six real HMDB-51 files' in ' '.join((REPOSITORY / 'README.md').read_text().split())
