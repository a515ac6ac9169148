"""The shipped configs, which hundreds of tests read, are parsed once in a process of tests."""

import copy
import os

import pytest
from mmengine.config import Config

from tests.conftest import REPOSITORY

CONFIGS = f'{REPOSITORY / "configs"}{os.sep}'


def parse_once(patch: pytest.MonkeyPatch) -> None:
    """From now on, what mmengine parsed of a file of ``configs/`` is copied the next time.

    A config has a dozen files as ``_base_``, in all 30 ms. Files and environment that changed are parsed again.
    """
    parse, kept = Config._file2dict, {}

    def parsed_once(filename, *args, **options):
        file = os.path.abspath(filename)
        if not file.startswith(CONFIGS):
            return parse(filename, *args, **options)
        variables = frozenset(item for item in os.environ.items() if item[0] != 'PYTEST_CURRENT_TEST')
        key = file, os.stat(file).st_mtime_ns, args, tuple(options.items()), variables
        if key not in kept:
            kept[key] = parse(filename, *args, **options)
        return copy.deepcopy(kept[key])

    patch.setattr(Config, '_file2dict', staticmethod(parsed_once))
