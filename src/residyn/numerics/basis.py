"""Whether the basis of the units is privileged: tails of a state over its units, in this basis and in others."""

from __future__ import annotations

import numpy as np

from residyn.numerics.threads import over_rows

_TILE_VALUES = 1 << 16
"""Values converted to float64 at a time, which a core's cache holds."""


def kurtosis(block: np.ndarray) -> np.ndarray:
    """Fourth standardised moment over units of each state of a block (n ≥ 1, S, D), (n, S), ≥ 1.

    D Σ(h − h̄)⁴ / (Σ(h − h̄)²)² with h̄ the mean over the state's units: 3 for a Gaussian, 1 where half of the units
    are at one value and half at another, at most D − 2 + 1/(D − 1), where one unit differs from all others. NaN
    for a state whose units are all equal. Biased, as scipy's `kurtosis(fisher=False)`.
    """
    n, n_sublayers, n_units = block.shape
    found = np.full((n, n_sublayers), np.nan)
    height = max(1, _TILE_VALUES // (n_sublayers * n_units))
    for start in range(0, n, height):
        # Deviations are taken from the first unit first, so that equal units leave exact zeros.
        deviation = block[start : start + height].astype(np.float64)
        deviation -= deviation[:, :, :1].copy()
        deviation -= deviation.mean(axis=2, keepdims=True)
        deviation *= deviation
        variance, fourth = deviation.sum(axis=2), np.einsum("nsd,nsd->ns", deviation, deviation)
        np.divide(n_units * fourth, variance**2, out=found[start : start + height], where=variance**2 > 0)
    return found


def kurtosis_rotated(block: np.ndarray, rotation: np.ndarray, *, threads: int | None = None) -> np.ndarray:
    """`kurtosis` of the block's states after a common rotation h → hQ, Q (D, D), (n, S).

    The product is in Q's width: float32 is twice as fast. Over all rotations the mean is 3(D − 1)/(D + 1),
    whatever the state. Each sample is multiplied on its own, so that its numbers depend on it alone; call it
    within `pca.one_thread()`.
    """
    found = np.empty(block.shape[:2])

    def work(start: int, stop: int) -> None:
        for sample in range(start, stop):
            found[sample] = kurtosis((block[sample].astype(rotation.dtype, copy=False) @ rotation)[None])[0]

    over_rows(work, len(block), threads)
    return found


def isotropic_kurtosis(n_units: int) -> float:
    """Mean kurtosis of a state in a random basis, 3(D − 1)/(D + 1): the Gaussian's 3, less for few units."""
    return 3 * (n_units - 1) / (n_units + 1)
