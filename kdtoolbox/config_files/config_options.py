"""``--cfg-options KEY=VALUE`` as mmengine reads them, but for spaces; without torch."""

import argparse
import re

from mmengine.config import DictAction


class ConfigOptions(DictAction):
    """``KEY=VALUE`` as mmengine reads it, but for spaces: those inside a value stay, a path may have them."""

    @staticmethod
    def _parse_iterable(val: str):
        if not (',' in val or val[:1] in ('[', '(')):
            return DictAction._parse_int_float_bool(val.strip('\'"'))
        # mmengine drops every space; here only those around brackets and commas, and the others are put back.
        kept = re.sub(r'\s*([\[\](),])\s*', r'\1', val.strip()).replace(' ', _SPACE)
        try:
            return _with_spaces(DictAction._parse_iterable(kept))
        except (RecursionError, AssertionError) as error:  # mmengine's, of a call in a list and of unequal brackets
            raise argparse.ArgumentError(
                None,
                f'--cfg-options …={val}: expected a value, or values in [] or (), all closed; '
                'what is a dict has its keys set one by one, such as test_evaluator.0.topk=[1,5]',
            ) from error


_SPACE = '\ue000'  # of Unicode's private use, so in no path


def _with_spaces(value):
    if isinstance(value, (list, tuple)):
        return type(value)(_with_spaces(item) for item in value)
    return value.replace(_SPACE, ' ') if isinstance(value, str) else value
