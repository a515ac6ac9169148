"""Rows and tables of the chain's benchmark."""

import numpy as np

from benchmarks.transformer_chain import row_of
from benchmarks.transformer_chain_tables import both_tables
from kdtoolbox.reporting.runs.outcomes import ACCURACY, Outcomes
from kdtoolbox.reporting.runs.run import Run


def test_a_row_has_the_share_of_right_videos_and_what_the_training_cost(tmp_path):
    (tmp_path / 'cpu_seconds.json').write_text('198')
    outcomes = Outcomes(
        query_ids=['a', 'b', 'c', 'd'], right={ACCURACY: np.array([True, True, True, False])}, chances={}
    )
    row = row_of('ViT', '3 a class', outcomes, Run(tmp_path, 'ViT'))
    assert row['videos'] == 4 and row['top-1']['value'] == 0.75 and row['cpu_seconds'] == 198
    difference = dict(first='ViT', second='R3D', labels='3 a class', value=-0.25, low=-0.5, high=0.0, p=0.125)
    text = both_tables({'rows': [row], 'differences': [difference]})
    assert '| ViT | 3 a class | 75.0 (30.1–95.4) | – | 198 |' in text
    assert '| ViT less R3D | 3 a class | -25.0 (-50.0 to +0.0) | 0.12 |' in text
