"""Mistyped losses and connectors are answered before torch is imported, and no name that may be known is refused."""

import pytest

from kdtoolbox.config_files import mistyped_parts
from kdtoolbox.config_files.finding import find_config
from kdtoolbox.config_files.mistyped_parts import refuse_mistyped_parts

KD = find_config('kd_r2d_to_r3d_hmdb51')
LOSS, CONNECTOR = 'model.terms.kd.loss.type', 'model.terms.kd.student_connector'


@pytest.fixture(autouse=True)
def _nothing_was_imported(monkeypatch):
    """As in a process that has only read its command line."""
    monkeypatch.setattr(mistyped_parts, '_may_know_more', lambda: False)


@pytest.mark.parametrize(
    'options, words',
    [
        (
            {LOSS: 'KLDivergense'},
            r"terms.kd.loss: there is no model called 'KLDivergense': did you mean 'KLDivergence'",
        ),
        ({CONNECTOR: {'type': 'LinearProjektion'}}, "kd.student_connector: .* did you mean 'LinearProjection'"),
        ({'model.terms.kd.loss': {'type': 'VideoMean', 'loss': {'type': 'L22'}}}, "kd.loss.loss: .* mean 'L2'"),
        ({LOSS: 'Qqqqqqqq'}, "'Qqqqqqqq': no name is near it. A class of your own"),
    ],
)
def test_a_name_that_nothing_registers_is_refused_with_the_nearest(options, words):
    with pytest.raises(ValueError, match=words):
        refuse_mistyped_parts(KD, options, safe=False)


@pytest.mark.parametrize(
    'options',
    [
        None,
        {LOSS: 'CrossEntropyLoss'},  # mmaction2's
        {LOSS: 'PixelUnshuffle'},  # torch's
        {LOSS: 'mmaction.KLDivergense'},
        {LOSS: 5},
        {'model.terms.kd.loss.type.no': 'place'},
        {LOSS: 'KLDivergense', 'custom_imports': {'imports': ['json']}},
        {LOSS: 'KLDivergense', 'default_scope': 'mmaction'},
    ],
)
def test_what_may_be_known_is_left_to_the_check_that_knows_the_registries(options):
    refuse_mistyped_parts(KD, options, safe=False)


def test_what_was_imported_or_is_no_python_is_left_alone(monkeypatch, tmp_path):
    refuse_mistyped_parts(tmp_path / 'no.yml', None, safe=False)
    monkeypatch.setattr(mistyped_parts, '_may_know_more', lambda: True)
    refuse_mistyped_parts(KD, {LOSS: 'KLDivergense'}, safe=False)
