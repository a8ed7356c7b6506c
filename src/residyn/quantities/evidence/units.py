"""Curves of units over depth, in each replicate: from sums over groups of samples."""

from __future__ import annotations

import numpy as np

from residyn.numerics.moments import LEAST_SAMPLES
from residyn.numerics.trends import pairs_of_kinds
from residyn.quantities.evidence.sums import Read

STRONG = 0.8
"""Correlation that counts as strong: the paper's r > 0.8."""
THROUGHOUT = 0.9
"""Share of a unit's transitions that count as all of them."""

_AT_ONCE_VALUES = 1 << 22
"""Values of one array of replicates in memory: 32 MiB."""
_LEAST_VARIANCE = 1e-12
"""Share of a variance that is rounding: of a unit's mean square, where a replicate holds one value only."""


def unit_curves(read: Read, sizes: np.ndarray, weights: np.ndarray, kind: np.ndarray) -> dict[str, np.ndarray]:
    """Curves (R, P) of the units of states read with groups of these `sizes` (G,).

    sign_kept (R, S); correlation and skip_correlation (R, T), medians over units; strong_throughout and
    skip_strong_throughout (R, 1), the share of units with r above `STRONG` at `THROUGHOUT` of their transitions;
    information_floor (R, T), the mean of −½ ln(1 − r²) over units with |r| < 1; straightness (R, 1) and offset
    (R, L) of the mean path.
    """
    _, n_sublayers, n_units = read.sums.deviation.shape
    rows = max(1, _AT_ONCE_VALUES // (n_sublayers * n_units))
    pairs = pairs_of_kinds(kind)
    parts = [_curves(read, sizes, weights[i : i + rows], pairs) for i in range(0, len(weights), rows)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _curves(read: Read, sizes: np.ndarray, weights: np.ndarray, pairs: np.ndarray) -> dict[str, np.ndarray]:
    shift, variance, covariance = _moments(read, sizes, weights)
    mean = read.mean + shift
    spread = variance[:, :-1]
    step = np.maximum(spread + variance[:, 1:] - 2 * covariance, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.clip(covariance / np.sqrt(spread * variance[:, 1:]), -1.0, 1.0)
        skip = np.sqrt(spread / (spread + step))
        left = (1 - r) * (1 + r)
        # Of a unit that does not change, rounding decides how far r is from 1.
        floor = np.where(left > _LEAST_VARIANCE, -0.5 * np.log(left), np.inf)
    sign = np.sign(mean)
    return {
        "sign_kept": (sign == sign[:, -1:]).mean(axis=2),
        "correlation": _median(r),
        "skip_correlation": _median(skip),
        "strong_throughout": _strong_throughout(r),
        "skip_strong_throughout": _strong_throughout(skip),
        "information_floor": _finite_mean(floor),
        "straightness": _straightness(mean),
        "offset": _offset(mean, pairs),
    }


def _moments(read: Read, sizes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of the deviations and variances (R, S, D), covariances of successive sublayers (R, S − 1, D).

    Variances are NaN where a replicate's values are all the same, and everywhere for fewer than `LEAST_SAMPLES`.
    """
    count = (weights @ sizes)[:, None, None]

    def of(sums: np.ndarray) -> np.ndarray:
        flat = weights @ sums.reshape(len(sums), -1)
        return flat.reshape(len(weights), *sums.shape[1:]) / count

    shift, square = of(read.sums.deviation), of(read.sums.square)
    variance = square - shift**2
    variance[(variance <= _LEAST_VARIANCE * square) | (sizes.sum() < LEAST_SAMPLES)] = np.nan
    covariance = of(read.sums.product) - shift[:, :-1] * shift[:, 1:]
    return shift, variance, covariance


def _median(values: np.ndarray) -> np.ndarray:
    """Median over units without NaN, (R, P); NaN where there is nothing else."""
    ordered = np.sort(values, axis=2)
    n_known = np.isfinite(ordered).sum(axis=2, keepdims=True)
    low, high = np.maximum(n_known - 1, 0) // 2, np.minimum(n_known // 2, ordered.shape[2] - 1)
    middle = (np.take_along_axis(ordered, low, 2) + np.take_along_axis(ordered, high, 2)) / 2
    return np.where(n_known > 0, middle, np.nan)[:, :, 0]


def _strong_throughout(r: np.ndarray) -> np.ndarray:
    known = np.isfinite(r)
    with np.errstate(invalid="ignore"):
        strong = (r > STRONG).sum(axis=1) >= THROUGHOUT * known.sum(axis=1)
    told = known.any(axis=1)
    n_told = told.sum(axis=1)
    share = np.full(len(r), np.nan)
    np.divide((strong & told).sum(axis=1), n_told, out=share, where=n_told > 0)
    return share[:, None]


def _finite_mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    count = known.sum(axis=2)
    total = np.where(known, values, 0.0).sum(axis=2)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _straightness(mean: np.ndarray) -> np.ndarray:
    """Distance between the ends of the mean path over its length, (R, 1), in [0, 1]; NaN where it has none."""
    length = np.linalg.norm(np.diff(mean, axis=1), axis=2).sum(axis=1)
    ends = np.linalg.norm(mean[:, -1] - mean[:, 0], axis=1)
    return np.divide(ends, length, out=np.full(len(mean), np.nan), where=length > 0)[:, None]


def _offset(mean: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Distance of each mean state before an MLP from the line between the states before and after it, (R, L).

    Over the length of that line; NaN where it has none. Empty without layers of two sublayers.
    """
    start, middle, stop = (mean[:, pairs[:, 0] + i] for i in range(3))
    chord, side = stop - start, middle - start
    length = np.einsum("rld,rld->rl", chord, chord)
    along = np.einsum("rld,rld->rl", side, chord)
    square = np.maximum(np.einsum("rld,rld->rl", side, side) * length - along**2, 0.0)
    return np.divide(np.sqrt(square), length, out=np.full(length.shape, np.nan), where=length > 0)
