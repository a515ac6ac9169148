"""Fixtures of the tests of distillers."""

import pytest
from mmengine.logging import MessageHub


@pytest.fixture(autouse=True)
def no_training_runs(request):
    """Progress is 0, whatever trainings other tests have left behind: mmengine's hub of the last one is the current."""
    MessageHub.get_instance(request.node.nodeid)
