"""benchmarks/README.md is what its generator makes of the results."""

import json

from benchmarks import readme


def test_the_committed_page_is_the_generated_one():
    assert readme.PAGE.read_text(encoding='utf-8') == readme.page()


def test_a_missed_goal_is_kept_with_its_reason(tmp_path):
    name = 'kd / written by hand'
    goals = {name: {'goal': 'at most 1.03', 'found': 1.2, 'reached': False}}
    rows = {'kd': {'ms': 1.0, 'ratio': 1.2}}
    content = {
        'machine': {'device': 'CPU'},
        'size': {'batch_size': 4},
        'rows': rows,
        'goals': goals,
        'could not run': {},
    }
    (tmp_path / 'step.json').write_text(json.dumps(content))
    page = readme.page(tmp_path)
    assert f'- {name}: 1.2, goal at most 1.03: **missed**: {readme.WHY[name]}' in page
    assert '| kd | 1.0 | 1.2 |' in page and 'Sizes: batch_size 4.' in page


def test_the_parts_of_a_gpu_are_rendered_with_the_tables_they_gave(tmp_path):
    retrieval = {'torch': '2', 'size': [3, 4, 5], 'rows': {'kdtoolbox, exact': {'seconds': 1, 'ratio': 1.4}}}
    content = {
        'machine': {'device': 'a GPU'},
        'parts': {'step': {'outcome': 'failed (1)', 'seconds': 3}, 'retrieval': {'outcome': 'done', 'seconds': 4}},
        'tests': {'one': 'passed', 'other': 'skipped'},
        'numbers': {'retrieval': retrieval},
    }
    (tmp_path / 'gpu.json').write_text(json.dumps(content))
    page = readme.page(tmp_path)
    assert '| step | failed (1) | 3 |' in page and 'Tests: 1 passed, 1 skipped.' in page
    assert '### retrieval: Exact retrieval' in page and '1.4, goal at most 1.3: **missed**' in page
