"""The transforms of a pipeline, as a config has them."""

from collections.abc import Iterator, Mapping, Sequence


def transforms_in(pipeline: Sequence) -> Iterator[Mapping]:
    """All transforms of a pipeline, also those inside of others.

    >>> choice = dict(type='RandomChoice', transforms=[[dict(type='Flip')]])
    >>> [transform['type'] for transform in transforms_in([choice])]
    ['RandomChoice', 'Flip']
    """
    for transform in pipeline:
        if isinstance(transform, Mapping):
            yield transform
            inside = transform.get('transforms', ())
            yield from transforms_in([inside] if isinstance(inside, (str, Mapping)) else inside)
        elif isinstance(transform, Sequence) and not isinstance(transform, str):
            yield from transforms_in(transform)
