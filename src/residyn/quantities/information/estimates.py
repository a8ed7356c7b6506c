"""The estimates as plain arrays: one walk over the states by bands of units, every estimator on each band."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, get_args

import numpy as np

from residyn.errors import UsageError
from residyn.numerics import information, moments
from residyn.numerics.information import on_device
from residyn.settings import Estimator, Precision
from residyn.walk import Reading

ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)


@dataclass(frozen=True)
class Options:
    """How mutual information is estimated.

    k        neighbours (ksg)
    bins     bins (binned); None takes what `numerics.information.default_bins` says for the sample count
    repeats  sample shuffles whose mean is the baseline; 0 for none
    seed     decides the shuffles, and the jitter of ksg
    device   where gcmi, ksg and kde are computed with torch, such as "cuda"; None: on the CPU's cores
    precision   of kde's kernels on the CPU
    shuffled_units   units, drawn by the seed, that have a baseline; None for all
    """

    k: int = 3
    bins: int | None = None
    repeats: int = 0
    seed: int = 0
    device: str | None = None
    precision: Precision = "float32"
    shuffled_units: int | None = None

    def check(self) -> None:
        """Raise UsageError for a number out of its range."""
        for name, least in (("k", 1), ("bins", 2), ("repeats", 0), ("seed", 0)):
            value = getattr(self, name)
            allowed = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least
            if not (allowed or (name == "bins" and value is None)):
                raise UsageError(f"{name} is a whole number of at least {least}; got {value!r}.")
        if self.precision not in get_args(Precision):
            raise UsageError(f"precision is {' or '.join(get_args(Precision))}; got {self.precision!r}.")


class Estimates(NamedTuple):
    """Of some units: `values` and `shuffled` by estimator, (T, d) in nats, and what qualifies them, (T, d).

    `shuffled` is the mean over the sample shuffles, NaN for units that were not shuffled, empty where there are no
    shuffles. `gaussian` is −½ ln(1 − r²);
    `ties` the larger of the two states' shares of tied samples; `constant` where the unit is constant at either.
    """

    values: dict[str, np.ndarray]
    shuffled: dict[str, np.ndarray]
    gaussian: np.ndarray
    ties: np.ndarray
    constant: np.ndarray


def estimates(n_samples: int, n_units: int, estimators: Sequence[Estimator], options: Options) -> Reading:
    """A walk along units that makes all units' `Estimates`.

    Memory beside the result: two bands of units, in float64 and sorted.
    """
    own, shuffles = np.split(orders_of(n_samples, options), [1])
    shuffled = drawn_units(n_units, options)
    chosen = {name: _ESTIMATORS[name] for name in estimators}

    def reduce_band(block: np.ndarray, first: int) -> Estimates:
        paths = np.ascontiguousarray(block.transpose(2, 1, 0), dtype=np.float64)
        units = list(range(first, first + len(paths)))
        some = shuffled[first : first + len(paths)]
        found = {name: function(paths, own, units, options)[0].T for name, function in chosen.items()}
        baselines = {}
        for name, function in chosen.items() if len(shuffles) else ():
            baselines[name] = np.full_like(found[name], np.nan)
            if some.any():
                ids = [unit for unit, one in zip(units, some, strict=True) if one]
                baselines[name][:, some] = function(paths[some], shuffles, ids, options).mean(axis=0).T
        measured = moments.from_block(block)
        constant = moments.constant(measured)
        ties = information.tie_share(paths).T
        with np.errstate(divide="ignore"):
            gaussian = -0.5 * np.log1p(-(moments.correlation(measured) ** 2))
        return Estimates(
            found,
            baselines,
            gaussian,
            np.maximum(ties[:-1], ties[1:]),
            constant[:-1] | constant[1:],
        )

    return Reading(reduce_band, partial(_joined, estimators=estimators))


def _joined(bands: list[Estimates], *, estimators: Sequence[Estimator]) -> Estimates:
    joined = Estimates(
        {name: _beside([band.values[name] for band in bands]) for name in estimators},
        {name: _beside([band.shuffled[name] for band in bands]) for name in bands[0].shuffled},
        *(_beside([getattr(band, name) for band in bands]) for name in ("gaussian", "ties", "constant")),
    )
    # A constant carries no information, but an estimate of 0 would look like a measurement.
    for values in (*joined.values.values(), *joined.shuffled.values()):
        values[joined.constant] = np.nan
    return joined


def orders_of(n_samples: int, options: Options) -> np.ndarray:
    """The samples in their own order, then in `repeats` random ones, (1 + repeats, N)."""
    rng = np.random.default_rng(options.seed)
    return np.stack([np.arange(n_samples), *(rng.permutation(n_samples) for _ in range(options.repeats))])


def drawn_units(n_units: int, options: Options) -> np.ndarray:
    """Which units are shuffled, (D,) bool: as many as the options say, drawn by their seed."""
    order = np.random.default_rng(options.seed).permutation(n_units)
    return np.isin(np.arange(n_units), order[: options.shuffled_units])


def _beside(parts: list[np.ndarray]) -> np.ndarray:
    # In the order of memory in which results are read again: sums over units come out the same then.
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def _gcmi(paths: np.ndarray, orders: np.ndarray, _units: list[int], options: Options) -> np.ndarray:
    if options.device:
        return on_device.copula(paths, orders, device=options.device)
    return information.copula(paths, orders)


def _ksg(paths: np.ndarray, orders: np.ndarray, units: list[int], options: Options) -> np.ndarray:
    moved = information.jittered(paths, options.seed, units)
    if options.device:
        return on_device.ksg(moved, orders, k=options.k, device=options.device)
    return information.ksg(moved, orders, k=options.k)


def _kde(paths: np.ndarray, orders: np.ndarray, _units: list[int], options: Options) -> np.ndarray:
    return (
        on_device.kde(paths, orders, device=options.device)
        if options.device
        else information.kde(paths, orders, single=options.precision == "float32")
    )


def _binned(paths: np.ndarray, orders: np.ndarray, _units: list[int], options: Options) -> np.ndarray:
    return information.binned(paths, orders, bins=options.bins)


_ESTIMATORS: dict[str, Callable[[np.ndarray, np.ndarray, list[int], Options], np.ndarray]] = {
    "gcmi": _gcmi,
    "ksg": _ksg,
    "kde": _kde,
    "binned": _binned,
}
