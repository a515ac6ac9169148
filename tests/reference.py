"""Reference vectors of ``shared/reference``: what the authors' own code gave on seeded inputs."""

import json
from pathlib import Path

import numpy as np


def load_case(shared: Path, method: str, case: str) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the manifest entry (params, rtol, atol) of one case."""
    folder = shared / 'reference'
    for entry in json.loads((folder / 'manifest.json').read_text()):
        if (entry['method'], entry['case']) == (method, case):
            with np.load(folder / entry['file'], allow_pickle=False) as arrays:
                return dict(arrays), entry
    raise LookupError(f'{folder}/manifest.json has no case {case!r} of {method!r}')
