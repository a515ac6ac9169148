"""A part of a data set that is the same in every run, for a validation that is cheap."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence


def fixed_part(samples: Sequence[dict], max_per_class: int) -> list[dict]:
    """At most ``max_per_class`` samples of each class, in their order.

    Those whose ``sample_id`` has the smallest SHA-256: the choice depends on neither seed, machine nor the order of the
    samples, and a smaller part is a subset of a larger one.

    Raises:
        ValueError: the number is not 1 or more.

    >>> samples = [{'sample_id': name, 'label': 0} for name in ('a', 'b', 'c')]
    >>> [sample['sample_id'] for sample in fixed_part(samples, 2)]
    ['b', 'c']
    """
    if isinstance(max_per_class, bool) or not isinstance(max_per_class, int) or max_per_class < 1:
        raise ValueError(f'max_per_class={max_per_class!r}: expected a whole number, 1 or more')
    by_label: dict[int, list[tuple[bytes, str]]] = defaultdict(list)
    for sample in samples:
        digest = hashlib.sha256(sample['sample_id'].encode('utf-8', 'surrogateescape')).digest()
        by_label[sample['label']].append((digest, sample['sample_id']))
    chosen = {name for found in by_label.values() for _, name in sorted(found)[:max_per_class]}
    return [sample for sample in samples if sample['sample_id'] in chosen]
