"""The product of the maps over depth: probes carried through it, its effective rank; and those of random maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from residyn.model.jacobians.linear import Linear, Matrix
from residyn.numerics import linear_maps as of

PROBES = 8
"""Directions that are carried through all sublayers, for exponents."""
_RANK, _RANDOM_RANK = "layer_product_rank", "layer_ginibre_product_rank"


class Chain:
    """Probes and the product through all sublayers so far, and beside them those of Ginibre matrices.

    These are random matrices of independent normal entries with the Frobenius norms of the maps.
    """

    def __init__(self, width: int, exact: bool, seed: Sequence[int]) -> None:
        self.width, self.exact, self.rng = width, exact, np.random.default_rng([*seed, 1])
        n = min(PROBES, width)
        self.probes, self.others = (np.linalg.qr(self.rng.standard_normal((width, n)))[0] for _ in range(2))
        self.product, self.random = (np.eye(width) if exact else None for _ in range(2))
        self.found: dict[str, list[object]] = {}

    def carry(self, one: Linear, *, ends: bool) -> None:
        """Go on through one map; where a layer `ends`, the product is ranked."""
        self.probes, stretch = _stretched(self.probes + one.forward(self.probes.T).T)
        self._note("stretch", stretch)
        if isinstance(one, Matrix):
            self.product = _through(self.product, one.values)
        if ends:
            self._note(_RANK, np.nan if self.product is None else of.effective_rank(of.squares_of(self.product)))

    def carry_random(self, size: float, *, ends: bool) -> None:
        """The same through a random matrix whose Frobenius norm is `size`; NaN where matrices are not made."""
        if self.random is None:
            stretch, rank = np.full(self.others.shape[1], np.nan), np.nan
        else:
            drawn = self._drawn(size)
            self.random = _through(self.random, drawn)
            self.others, stretch = _stretched(self.others + drawn @ self.others)
            rank = of.effective_rank(of.squares_of(self.random)) if ends else np.nan
        self._note("ginibre_stretch", stretch)
        if ends:
            self._note(_RANDOM_RANK, rank)

    def arrays(self) -> dict[str, np.ndarray]:
        """What was noted of each map, by name; in the order of names, whichever thread noted first."""
        return {name: np.array(self.found[name]) for name in sorted(self.found)}

    def _note(self, name: str, value: object) -> None:
        self.found.setdefault(name, []).append(value)

    def _drawn(self, size: float) -> np.ndarray:
        drawn = self.rng.standard_normal((self.width, self.width))
        return drawn * (size / np.linalg.norm(drawn))


def _stretched(moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probes made orthonormal again, and the logarithm of how much each was stretched beyond those before it."""
    basis, triangle = np.linalg.qr(moved)
    with np.errstate(divide="ignore"):
        return basis, np.log(np.abs(np.diag(triangle)))


def _through(product: np.ndarray | None, matrix: np.ndarray) -> np.ndarray:
    """The product with one more map, scaled so that it neither grows nor vanishes."""
    assert product is not None
    longer = product + matrix @ product
    return longer / np.linalg.norm(longer)
