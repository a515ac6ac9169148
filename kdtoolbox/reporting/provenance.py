"""The old place of :mod:`kdtoolbox.provenance`, for one version."""

from kdtoolbox.provenance import (
    CONTENT,
    PROVENANCE,
    as_built,
    config_name,
    named_by_content,
    origin_of,
    write_metrics,
)

__all__ = ['CONTENT', 'PROVENANCE', 'as_built', 'config_name', 'named_by_content', 'origin_of', 'write_metrics']
