"""Configs in YAML and JSON, which are data: they take registered names only, and with --safe-config no code at all."""

from collections.abc import Mapping
from pathlib import Path

from kdtoolbox.plain_files import read_json
from kdtoolbox.yaml_experiments import read_yaml

SUFFIXES = ('.yml', '.yaml', '.json')
MAX_BASES = 50


def data_config_files(file: Path, *, packaged: list[Path], safe: bool) -> list[tuple[Path, Mapping]]:
    """A config of data and the bases of data that it is made from, with their contents; none for a Python config.

    Args:
        packaged: folders of the configs that came with kdtoolbox, whose Python is trusted.
        safe: refuse what would run code: Python files of anybody else, and modules to import.

    Raises:
        ValueError: there is some, a file is not there or no mapping, or the bases do not end.
    """
    found: list[tuple[Path, Mapping]] = []
    pending = [file]
    while pending:
        one = pending.pop()
        if one.suffix not in SUFFIXES:
            if safe and not any(one.resolve().is_relative_to(folder.resolve()) for folder in packaged):
                raise ValueError(
                    f'--safe-config: {one} may be code, which would run: only YAML and JSON are read, and the configs '
                    'that came with kdtoolbox. If you know what it does, leave --safe-config out'
                )
            continue
        content = read_json(one) if one.suffix == '.json' else read_yaml(one)
        if not isinstance(content, Mapping):
            raise ValueError(f'{one} holds {type(content).__name__}, expected keys and values')
        if safe and content.get('custom_imports'):
            raise ValueError(f'--safe-config: {one} has custom_imports, and modules are code: take them out')
        found.append((one, content))
        if len(found) > MAX_BASES:
            raise ValueError(f'{file} has more than {MAX_BASES} bases: does one of them name itself?')
        bases = content.get('_base_') or []
        for base in [bases] if isinstance(bases, str) else bases:
            if not isinstance(base, str):
                raise ValueError(f'{one}: _base_ holds {str(base)[:60]!r}, expected names of files')
            pending.append(Path(base) if '::' in base else one.parent / base)
    return found
