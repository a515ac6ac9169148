"""Hadamard matrices: square, of 1 and -1, with orthogonal rows."""

import functools
import math

import torch
from torch import Tensor


def hadamard(order: int) -> Tensor:
    """A Hadamard matrix (order, order) in float64.

    Of order 1 and 2, by Paley's two constructions from a prime, and Kronecker products of these: all powers of two
    (Sylvester) and the channel numbers of common networks, 192, 384, 512, 768, 1024, 1152, 1280, 1408, 1536, 1664 …

    Raises:
        ValueError: none of this order is known here; the message names those next to it.

    >>> matrix = hadamard(12)
    >>> torch.equal(matrix @ matrix.T, 12 * torch.eye(12, dtype=torch.float64))
    True
    """
    factors = _factors(order)
    if factors is None:
        raise ValueError(
            f'no Hadamard matrix of order {order} is known here; those next to it are {_next(order, -1)} and '
            f'{_next(order, 1)}'
        )
    matrix = torch.ones(1, 1, dtype=torch.float64)
    for factor in factors:
        matrix = torch.kron(matrix, _of_one_construction(factor))
    return matrix


@functools.cache
def _factors(order: int) -> tuple[int, ...] | None:
    """Orders of single constructions whose product is ``order``; None if there are none."""
    if order in (1, 2) or _first(order) or _second(order):
        return (order,)
    for factor in range(2, math.isqrt(max(order, 0)) + 1):
        if order % factor == 0:
            few, many = _factors(factor), _factors(order // factor)
            if few and many:
                return (*few, *many)
    return None


def _first(order: int) -> bool:
    return order % 4 == 0 and _is_prime(order - 1)


def _second(order: int) -> bool:
    return order % 4 == 0 and order // 2 % 4 == 2 and _is_prime(order // 2 - 1)


def _of_one_construction(order: int) -> Tensor:
    if order <= 2:
        return torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)[:order, :order]
    prime = order - 1 if _first(order) else order // 2 - 1
    jacobsthal = _jacobsthal(prime)
    if _first(order):  # I + S, S skew: the Jacobsthal matrix with a border
        bordered = torch.zeros(order, order, dtype=torch.float64)
        bordered[0, 1:], bordered[1:, 0], bordered[1:, 1:] = 1, -1, jacobsthal
        return bordered + torch.eye(order, dtype=torch.float64)
    symmetric = torch.zeros(prime + 1, prime + 1, dtype=torch.float64)
    symmetric[0, 1:], symmetric[1:, 0], symmetric[1:, 1:] = 1, 1, jacobsthal
    plus = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    of_diagonal = torch.tensor([[1.0, -1.0], [-1.0, -1.0]], dtype=torch.float64)
    return torch.kron(symmetric, plus) + torch.kron(torch.eye(prime + 1, dtype=torch.float64), of_diagonal)


def _jacobsthal(prime: int) -> Tensor:
    """Whether the difference of row and column is a square modulo the prime: 1, -1 if not, 0 if they are equal."""
    character = torch.full((prime,), -1.0, dtype=torch.float64)
    character[torch.arange(1, prime).square() % prime] = 1
    character[0] = 0
    places = torch.arange(prime)
    return character[(places[:, None] - places) % prime]


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def _next(order: int, step: int) -> int:
    order = max(order + step, 1)
    while _factors(order) is None:
        order += step
    return order
