"""Linear maps of vectors, whether their matrix is at hand or only their products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Linear(Protocol):
    """A map that rows of vectors (k, D) can be sent through, J times each, and back, each times J."""

    @property
    def width(self) -> int: ...
    def forward(self, vectors: np.ndarray) -> np.ndarray: ...
    def backward(self, vectors: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Matrix:
    """A map whose matrix (D, D) is at hand."""

    values: np.ndarray

    @property
    def width(self) -> int:
        return len(self.values)

    def forward(self, vectors: np.ndarray) -> np.ndarray:
        return vectors @ self.values.T

    def backward(self, vectors: np.ndarray) -> np.ndarray:
        return vectors @ self.values


@dataclass(frozen=True)
class InTurn:
    """The map of a layer from those of its sublayers: (I + J_n) … (I + J_1) − I."""

    parts: Sequence[Linear]

    @property
    def width(self) -> int:
        return self.parts[0].width

    def forward(self, vectors: np.ndarray) -> np.ndarray:
        moved = vectors
        for part in self.parts:
            moved = moved + part.forward(moved)
        return moved - vectors

    def backward(self, vectors: np.ndarray) -> np.ndarray:
        moved = vectors
        for part in reversed(self.parts):
            moved = moved + part.backward(moved)
        return moved - vectors


def joined(parts: Sequence[Linear]) -> Linear:
    """(I + J_n) … (I + J_1) − I: a matrix where each part is one."""
    matrices = [part.values for part in parts if isinstance(part, Matrix)]
    if len(matrices) < len(parts):
        return InTurn(parts)
    product = matrices[0]
    for matrix in matrices[1:]:
        product = product + matrix + matrix @ product
    return Matrix(product)
