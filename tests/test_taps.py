import pytest
import torch
from torch import nn

from kdtoolbox.taps import Taps, pool_to_vector


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 4)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.relu(self.relu(self.stem(x)) + 0))


def taps(*paths, network=None):
    return Taps(network or Network(), paths, classifier='head', owner='student')


def test_logits_and_features_are_what_the_classifier_gives_and_gets():
    network, x = Network(), torch.randn(3, 4)
    with taps('logits', 'features', network=network).listening() as outputs:
        out = network(x)
    assert torch.equal(outputs['logits'], out)
    assert torch.equal(network.head(outputs['features']), out)


def test_a_wrong_path_lists_the_nearest_valid_ones():
    with pytest.raises(ValueError, match=r"student tap 'steem': .*no module 'steem'.*Nearest: stem"):
        taps('steem')


def test_the_whole_network_is_not_a_path():
    with pytest.raises(ValueError, match='has no module'):
        taps('')


def test_hooks_are_there_only_while_listening():
    network = Network()
    listener = taps('stem', 'logits', 'features', network=network)
    with pytest.raises(ZeroDivisionError), listener.listening():
        raise ZeroDivisionError
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_only_some_paths_can_be_listened_to():
    network = Network()
    with taps('logits', 'features', network=network).listening(['logits']) as outputs:
        network(torch.randn(1, 4))
    assert list(outputs) == ['logits']


def test_a_module_used_twice_is_refused():
    network = Network()
    with pytest.raises(ValueError, match='ran 2 times'), taps('relu', network=network).listening():
        network(torch.randn(1, 4))


def test_a_module_that_does_not_run_is_refused():
    with pytest.raises(ValueError, match='ran 0 times'), taps('stem').listening():
        pass


def test_an_output_changed_in_place_behind_the_tap_is_refused():
    network = Network()
    with pytest.raises(ValueError, match='changed in place'), taps('stem', network=network).listening():
        network(torch.randn(1, 4))


def test_pooling_averages_space_time_and_clips():
    features = torch.randn(6, 5, 2, 3, 3)
    expected = features.reshape(2, 3, 5, 18).mean((1, 3))
    torch.testing.assert_close(pool_to_vector(features, 2), expected)
