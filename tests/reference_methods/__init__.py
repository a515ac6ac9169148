"""How the methods of a folder of reference vectors are computed with kdtoolbox, one module a family.

Each module has two tables:

- ``METHODS``: manifest name -> function ``(inputs, params) -> value``. ``inputs`` maps the names of the manifest to
  float64 tensors (integers stay integers), those with a reference gradient requiring one. The value is a scalar tensor
  to be compared with ``loss``, or a dict of tensors whose key ``'loss'`` is, the others being compared with the arrays
  ``out.<key>``. Conversions between their convention and ours are written here, from ``params`` and shapes, never as a
  bare number.
- ``LEFT_OUT``: manifest name -> why we do not have it, or why its gradient or value cannot be ours.
"""

from tests.reference_methods import (
    adversarial,
    feature_maps,
    feature_relations,
    learned_features,
    logits,
    retrieval,
    tokens,
)

FAMILIES = (logits, feature_maps, feature_relations, learned_features, adversarial, retrieval, tokens)


def _merged(table: str) -> dict:
    merged: dict = {}
    for family in FAMILIES:
        clash = merged.keys() & getattr(family, table).keys()
        assert not clash, f'{sorted(clash)} are claimed by two families'
        merged.update(getattr(family, table))
    return merged


METHODS = _merged('METHODS')
LEFT_OUT = _merged('LEFT_OUT')
