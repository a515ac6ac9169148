"""Workarounds for the libraries below."""

from mmengine.config import Config
from mmengine.config import config as config_module
from yapf.yapflib import yapf_api

from kdtoolbox.engine import compat


def test_the_text_of_a_config_is_laid_out_once_and_is_mmengines(monkeypatch):
    laid_out = []
    own = yapf_api.FormatCode
    monkeypatch.setattr(config_module, 'FormatCode', own)
    config = Config(dict(model=dict(type='A', sizes=[1, 2]), seed=3))
    expected = config.pretty_text
    monkeypatch.setattr(compat, '_format', lambda *args, **options: laid_out.append(args) or own(*args, **options))
    compat._formatted.cache_clear()
    compat.format_configs_once()
    assert config.pretty_text == expected and config.pretty_text == expected and len(laid_out) == 1
    config.seed = 4
    assert 'seed = 4' in config.pretty_text and len(laid_out) == 2
