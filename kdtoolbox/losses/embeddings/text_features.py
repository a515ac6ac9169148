"""Stored text features of class names or captions, to compare with image embeddings."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kdtoolbox.losses.shared.frame_vectors import unit_vectors
from kdtoolbox.plain_files import load_arrays

CONTENT = "an .npz of 'features' (K, D), float32, and 'classes' (K,), strings, as numpy.savez writes it"


def load_text_features(file: str | Path) -> tuple[Tensor, list[str]]:
    """Read text features, without running code from the file.

    Args:
        file: an ``.npz`` of ``features`` (K, D) and the K names ``classes``, one row for each.

    Returns:
        The features (K, D), float32, each of length 1, and the names.

    Raises:
        ValueError: the file does not exist, is no ``.npz``, or has other arrays.
    """
    if not Path(file).is_file():
        raise ValueError(f'text features {file}: no such file. Expected {CONTENT}')
    try:
        content = load_arrays(file)
        if not {'features', 'classes'} <= content.keys():
            raise ValueError(f'it holds {sorted(content)}')
        features, classes = content['features'], content['classes']
    except ValueError as error:
        raise ValueError(f'text features {file} ({error}): expected {CONTENT}') from error
    if (
        features.ndim != 2
        or features.dtype.kind != 'f'
        or classes.dtype.kind != 'U'
        or classes.shape != features.shape[:1]
        or not len(classes)
    ):
        raise ValueError(
            f'text features {file}: got features {features.shape} {features.dtype} and classes '
            f'{classes.shape} {classes.dtype}; expected {CONTENT}'
        )
    vectors = torch.from_numpy(features.astype(np.float32))
    if not (vectors.isfinite().all() and vectors.abs().amax(1).min() > 0):
        raise ValueError(f'text features {file}: a row is zero or not finite')
    return unit_vectors(vectors, dim=1), classes.tolist()


def text_similarity(embeddings: Tensor, text: Tensor) -> Tensor:
    """Cosine similarity of each embedding with each text.

    Args:
        embeddings: (..., D).
        text: (K, D), of length 1 each.

    Returns:
        (..., K).

    Raises:
        ValueError: the two differ in D.

    >>> text_similarity(torch.tensor([[2., 0.]]), torch.tensor([[1., 0.], [0., 1.], [-1., 0.]]))
    tensor([[ 1.,  0., -1.]])
    """
    if embeddings.shape[-1] != text.shape[1]:
        raise ValueError(
            f'embeddings {tuple(embeddings.shape)} and text features {tuple(text.shape)} differ in their '
            f'last dimension: bring embeddings to {text.shape[1]} channels (LinearProjection or '
            'MLPProjection), or take the text features of the same model'
        )
    return unit_vectors(embeddings, dim=-1) @ text.to(embeddings.dtype).t()
