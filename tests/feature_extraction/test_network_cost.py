"""What a report says a network costs: operations by hand, and the median of the timed runs."""

import torch
from torch import nn

from kdtoolbox.feature_extraction import network_cost
from kdtoolbox.feature_extraction.network_cost import cost_of


def test_operations_are_counted_and_time_is_the_median_of_the_runs_after_a_warm_up(monkeypatch):
    monkeypatch.setattr(network_cost, 'NUM_WARM_UP', 2)  # as they are where tests take no shortcuts
    monkeypatch.setattr(network_cost, 'NUM_TIMED', 7)
    now, runs = [0.0], []
    monkeypatch.setattr(network_cost.time, 'perf_counter', lambda: now[0])
    network = nn.Linear(4, 3)

    def run(inputs):
        runs.append(inputs)
        now[0] += len(runs)  # seconds: 1 where operations are counted, 2 and 3 to warm up, then 4 to 10
        return network(inputs)

    cost = cost_of(network, torch.zeros(1, 4), run)
    assert len(runs) == 1 + 2 + 7 and cost.milliseconds == 7000
    assert (cost.operations, cost.parameters, cost.input_shape) == (12, 15, (1, 4))
