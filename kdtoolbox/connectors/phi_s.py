"""PHI-S: a teacher's features rotated so that all channels have the same variance, and scaled by one number."""

import math

import torch
from mmengine.dist import all_reduce, broadcast
from torch import Tensor

from kdtoolbox.connectors.hadamard import hadamard
from kdtoolbox.connectors.standardize import Standardize
from kdtoolbox.registry import MODELS


@MODELS.register_module()
class PHIStandardize(Standardize):
    """PCA-Hadamard isotropic standardization, PHI-S (Ranzinger et al., 2024, arXiv:2410.01680, section 2).

    y = H U^T (x - mean) / phi, with the eigenvectors U of the covariance, a Hadamard matrix H with rows of length 1,
    and phi the root of the mean eigenvalue. All channels then have mean 0 and variance 1, and all directions were
    scaled alike. The student learns y; :meth:`inverse` brings its answer back.

    Mean, rotation and phi are found from the first ``fit_clips`` clips of the training, in all processes, and stay as
    they are from then on; of maps and tokens each position counts as one. While they are being found the target is
    that of ``Standardize(scale='all')``, without rotation: let this end in the warm-up. Vectors with infinite or NaN
    features are left out.

    Args:
        channels: C, the order of a Hadamard matrix, see :func:`hadamard`.
        fit_clips: above C. Default: 4 C.
        eps: added to phi.

    Raises:
        ValueError: no Hadamard matrix of this order is known, or ``fit_clips`` are too few for C channels.

    >>> phi_s = PHIStandardize(4, fit_clips=100).train()
    >>> features = torch.randn(100, 4) * torch.tensor([1.0, 2.0, 3.0, 40.0])
    >>> _ = phi_s(features)
    >>> torch.allclose(phi_s(features).std(0, correction=0), torch.ones(4), atol=1e-4)
    True
    """

    products: Tensor
    mean: Tensor
    rotation: Tensor
    phi: Tensor

    def __init__(self, channels: int, *, fit_clips: int | None = None, eps: float = 1e-6) -> None:
        super().__init__(channels, eps, scale='all')
        try:
            hadamard(channels)
        except ValueError as error:
            raise ValueError(
                f"PHIStandardize channels={channels}: {error}. Take Standardize(scale='all'), or project the teacher's "
                'features to one of these'
            ) from None
        self.fit_clips = 4 * channels if fit_clips is None else fit_clips
        if self.fit_clips <= channels:
            raise ValueError(
                f'PHIStandardize fit_clips={fit_clips}: expected more than channels={channels}, whose covariance is '
                'found from them'
            )
        self.register_buffer('products', torch.zeros(channels, channels, dtype=torch.float64))
        self.register_buffer('mean', torch.zeros(channels))
        self.register_buffer('rotation', torch.zeros(channels, channels))
        self.register_buffer('phi', torch.zeros(()))  # 0 until it is found
        self._is_fitted: bool | None = None

    def standardized(self, x: Tensor) -> Tensor:
        """Vectors (N, C) -> (N, C); while training, the first count in what is found."""
        if not self.is_fitted:
            standardized = super().standardized(x)
            if self.training and int(self.count) >= self.fit_clips:
                self._fit()
            return standardized
        with torch.autocast(x.device.type, enabled=False):
            return ((x.float() - self.mean) @ self.rotation.T / self.phi).to(x.dtype)

    def inverse(self, x: Tensor) -> Tensor:
        """The features (N, C) or (N, C, ...) whose standardized form is given.

        Raises:
            ValueError: the input has another shape, or the rotation has not been found yet.
        """
        return self._of_vectors(self._features_of, x)

    def _features_of(self, x: Tensor) -> Tensor:
        if not self.is_fitted:
            raise ValueError(
                f'PHIStandardize has seen {int(self.count)} of the {self.fit_clips} clips it is found from'
            )
        with torch.autocast(x.device.type, enabled=False):
            return (x.float() * self.phi @ self.rotation + self.mean).to(x.dtype)

    @property
    def is_fitted(self) -> bool:
        """Whether mean, rotation and phi have been found; the host asks the device once."""
        if self._is_fitted is None:
            self._is_fitted = bool(self.phi)
        return self._is_fitted

    def _load_from_state_dict(self, *args, **options) -> None:
        super()._load_from_state_dict(*args, **options)
        self._is_fitted = None

    @torch.no_grad()
    def _update(self, x: Tensor) -> None:
        super()._update(x)
        finite = x.where(x.isfinite().all(1, keepdim=True), 0).to(self.products.dtype)
        products = finite.T @ finite
        all_reduce(products)
        self.products += products

    @torch.no_grad()
    def _fit(self) -> None:
        mean = (self.sum / self.count).cpu()
        covariance = (self.products / self.count).cpu() - mean[:, None] * mean
        eigenvalues, vectors = torch.linalg.eigh(covariance)
        largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
        vectors = vectors * largest.sign()  # a sign is as good as the other: one for all machines
        channels = len(mean)
        found = {
            self.mean: mean,
            self.rotation: hadamard(channels) @ vectors.T / math.sqrt(channels),
            self.phi: eigenvalues.clamp(min=0).mean().sqrt() + self.eps,
        }
        for buffer, value in found.items():
            buffer.copy_(value)
            broadcast(buffer)
        self._is_fitted = True
