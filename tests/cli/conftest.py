"""Commands on small data."""

import pytest


@pytest.fixture(autouse=True)
def few_strengths_of_probes(monkeypatch):
    """Weak penalties take a second each on the separable features of these tests; the grid has tests of its own."""
    monkeypatch.setattr('kdtoolbox.evaluation.linear_probe.L2_GRID', (1.0, 0.1, 0.01))
