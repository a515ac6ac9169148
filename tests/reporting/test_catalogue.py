"""The catalogue that is read from source is the one that importing gives."""

import inspect

import pytest

from kdtoolbox import registry
from kdtoolbox.reporting.catalogue import KINDS, _summary, entries


@pytest.mark.parametrize('kind', KINDS)
def test_what_is_read_from_source_is_what_importing_registers(kind):
    name, package = KINDS[kind]
    kinds = getattr(registry, name)
    kinds.import_from_location()
    imported = {
        one: (_summary(vars(thing).get('__doc__')), getattr(thing, 'card', None))
        for one, thing in kinds.module_dict.items()
        if inspect.isclass(thing) and thing.__module__.startswith(f'{package}.')
    }
    read = {entry.name: (entry.summary, entry.card) for entry in entries(kind) if entry.source == 'kdtoolbox'}
    assert read == imported and read
