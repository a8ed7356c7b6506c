"""Mutual information by nearest neighbours (KSG), and the scaling and jitter its data want."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import digamma

from residyn.errors import UsageError
from residyn.numerics.information.neighbours import estimate_unit, sort_axes
from residyn.numerics.information.pairs import checked_paths, estimate, room_for
from residyn.numerics.information.ranks import sorting
from residyn.numerics.threads import over_rows

_JITTER = 1e-10


def ksg(
    paths: np.ndarray, orders: np.ndarray | None = None, k: int = 3, *, threads: int | None = None
) -> np.ndarray:
    """KSG-1 mutual information of the values as given, nats, (R, U, S − 1).

    ψ(N) + ψ(k) − ⟨ψ(n_x + 1) + ψ(n_y + 1)⟩, where d is the distance from a sample to its k-th nearest
    neighbour in the larger of |x − x′| and |y − y′|, and n_x and n_y count the other samples closer than d
    along one axis, strictly. Where d = 0, k others being the same in both, the equal ones are counted. Unclipped:
    negative values are noise around 0. Scales matter only through the maximum: give both sublayers comparable
    spread, and break ties (`jittered`). With ties unbroken the estimate is not one of mutual information; with
    ties broken by jitter the jitter is counted as independent variation, which biases towards 0. Cannot
    exceed ψ(N) − ψ(k), and saturates from about ln N − 1 on.

    NaN everywhere for N ≤ k. Raises DataError or UsageError for malformed paths or orders, UsageError for
    k < 1. Kraskov, Stögbauer & Grassberger 2004, Phys. Rev. E 69, 066138; scikit-learn's
    mutual_info_regression is max(0, this) of data jittered alike.
    """
    return _ksg(paths, orders, k, threads, local=False)


def local_ksg(
    paths: np.ndarray, orders: np.ndarray | None = None, k: int = 3, *, threads: int | None = None
) -> np.ndarray:
    """What each sample says in `ksg`, ψ(N) + ψ(k) − ψ(n_x + 1) − ψ(n_y + 1), nats, (R, U, S − 1, N).

    `ksg` is the mean over samples, and NaN where all of them are. In row r, sample i is that of the pair of
    sample i at the earlier sublayer and orders[r, i] at the later. Raises as `ksg` does.
    """
    return _ksg(paths, orders, k, threads, local=True)


def _ksg(paths: np.ndarray, orders: np.ndarray | None, k: int, threads: int | None, *, local: bool) -> np.ndarray:
    if k < 1:
        raise UsageError(f"KSG measures the distance to the k-th nearest sample, k ≥ 1; k={k} was given.")
    n = paths.shape[-1]
    if n <= k:
        return np.full_like(estimate(_nothing, paths, orders, threads, local=local), np.nan)
    psi = digamma(np.arange(1, n + 1))

    def of_unit(path: np.ndarray, orders: np.ndarray, found: np.ndarray) -> None:
        estimate_unit(sort_axes(path, sorting(path)), orders, k, psi, room_for(found))

    return estimate(of_unit, paths, orders, threads, local=local)


def jittered(paths: np.ndarray, seed: int, unit_ids: Sequence[int], *, threads: int | None = None) -> np.ndarray:
    """Paths scaled to standard deviation 1 at each sublayer and jittered, as in scikit-learn, (U, S, N).

    Divides by the standard deviation over samples (N in the denominator) without centring, and adds
    1e-10·max(1, mean|x|)·N(0, 1) to the scaled x. A constant sublayer is not scaled. The noise of a unit follows
    from `seed` and its id alone: it is the same whichever units are computed together. Raises DataError for
    malformed paths, UsageError for ids that are not one nonnegative integer per unit.
    """
    paths = checked_paths(paths)
    if len(unit_ids) != len(paths) or min([seed, *unit_ids], default=0) < 0:
        raise UsageError(
            f"Each of the {len(paths)} units draws its noise from the seed and its own id, integers ≥ 0; "
            f"seed={seed} and {len(unit_ids)} ids came. Give the units' places in the model."
        )
    result = np.empty_like(paths)

    def work(start: int, stop: int) -> None:
        for unit in range(start, stop):
            result[unit] = _jittered_unit(paths[unit], np.random.default_rng((seed, int(unit_ids[unit]))))

    over_rows(work, len(paths), threads)
    return result


def _jittered_unit(path: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # The deviation of equal values is seldom exactly 0 in rounding, so equality is asked for itself.
    varies = path.min(axis=1, keepdims=True) < path.max(axis=1, keepdims=True)
    scaled = path / np.where(varies, path.std(axis=1, keepdims=True), 1.0)
    size = _JITTER * np.maximum(1.0, np.abs(scaled).mean(axis=1, keepdims=True))
    scaled += size * rng.standard_normal(path.shape)
    return scaled


def _nothing(path: np.ndarray, orders: np.ndarray, estimates: np.ndarray) -> None:
    """Leaves the estimates to the caller."""
