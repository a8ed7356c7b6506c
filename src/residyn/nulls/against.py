"""A quantity beside its null: effect, interval, p."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, get_args

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.nulls.comparison import compared
from residyn.nulls.null import Null
from residyn.nulls.surrogate import null_of, surrogate
from residyn.numerics.multiple import Alternative
from residyn.schema import SAMPLE, check_states, provenance_of
from residyn.walk import Progress

Quantity = Callable[[xr.DataArray], xr.DataArray]


def against_null(
    quantity: Quantity,
    states: xr.DataArray,
    null: str | Null | Sequence[xr.DataArray],
    repeats: int = 20,
    seed: int = 0,
    *,
    alternative: Alternative = "two-sided",
    n_samples: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """A quantity of the states beside what it is under a null, element by element.

    `quantity` takes states and returns a DataArray of the same shape every time, such as
    `residyn.unit_correlation`. `null` is a name of `NULLS` or a `Null` of your own, of which `repeats` surrogates
    are drawn; or other states, captured like these, such as those of three untrained models: each is one draw,
    and `repeats` is not used. `n_samples` compares on at most as many samples, a seeded choice of those that
    states and controls have in common by label; without it all samples of each are used. `progress` is called
    after each draw with the number done and their total.

    Returns, with the quantity's dimensions and coordinates, NaN where the quantity is:

    - observed; null_mean and null_sd over the draws (sd with R − 1);
    - effect, observed minus null_mean; effect_low and effect_high, observed minus the 97.5 % and the 2.5 %
      quantile of the draws, or of fewer than 40 minus the largest and the smallest (attribute `interval`). The
      attribute `level` says how much of the null they span: 0.95 by the quantiles, and by the range of R draws
      (R − 1) / (R + 1), the chance that one more draw lies within it: 0.90 for 20, 0 for one, and less where draws
      are not finite. The quantiles are estimates, and of 40 draws span 0.90 of it as well, of 200 draws 0.94;
    - z, effect over null_sd, NaN where draws differ by rounding alone;
    - n_draws, those that are finite: others are left out;
    - p, (1 + draws at least as extreme) / (1 + n_draws), so never below 1 / (1 + repeats). Two-sided, extreme is
      far from the mean of the observed value and all draws. A difference below 1e-6 of the observed value is
      rounding, and counts as none;
    - p_adjusted over all elements (Benjamini & Hochberg 1995).

    Attributes: null, preserves, destroys, repeats, seed, alternative, interval, level, and the provenance of the
    result. One surrogate is in memory at a time, beside the states. Raises UsageError for an unknown null, no
    repeats, no controls, no samples, a negative seed or an unknown alternative; DataError where the quantity is no
    DataArray or changes its shape, controls share no sample with the states, or states break the data contract.

    >>> beside = rd.against_null(rd.cosine, states, "shuffle_samples", repeats=19)
    >>> sorted(beside.data_vars)[:4]
    ['effect', 'effect_high', 'effect_low', 'n_draws']
    """
    check_states(states)
    if alternative not in get_args(Alternative):
        raise UsageError(f'alternative is "two-sided", "greater" or "less"; got {alternative!r}.')
    described = _described(null, repeats, seed)
    controls = () if isinstance(null, str | Null) else tuple(null)
    if n_samples is not None:
        states, *controls = _chosen((states, *controls), n_samples, seed)
    if isinstance(null, str | Null):
        states = states.compute()
        seeds = np.random.SeedSequence(seed).generate_state(repeats, np.uint64)
        values = (quantity(surrogate(states, null, seed=int(one))) for one in seeds)
    else:
        values = (quantity(one) for one in controls)
    observed = _array(quantity(states))
    draws = np.stack(list(_alike(values, observed, described["repeats"], progress)))
    return compared(observed, draws, alternative).assign_attrs(
        {**provenance_of(states), **described, "seed": seed, "alternative": alternative}
    )


def _described(null: str | Null | Sequence[xr.DataArray], repeats: int, seed: int) -> dict[str, Any]:
    """The attributes that describe the null, and the number of its draws."""
    if seed < 0:
        raise UsageError(f"seed is an integer, 0 or more; got {seed}.")
    if isinstance(null, str | Null):
        chosen = null_of(null)
        if repeats < 1:
            raise UsageError(f"A null takes at least one draw; got repeats={repeats}.")
        return {
            "null": chosen.name,
            "preserves": chosen.preserves,
            "destroys": chosen.destroys,
            "repeats": repeats,
        }
    if isinstance(null, xr.DataArray) or not len(null):
        came = "one array" if isinstance(null, xr.DataArray) else "none"
        raise UsageError(f"A null is a name, or a list of states captured as controls; got {came}. Give a list.")
    names = ", ".join(str(one.attrs.get("model", "control")) for one in null)
    return {
        "null": f"captured: {names}",
        "preserves": "what the controls share with the states",
        "destroys": "what the controls lack",
        "repeats": len(null),
    }


def _chosen(sets: Sequence[xr.DataArray], n_samples: int, seed: int) -> Iterator[xr.DataArray]:
    """The same seeded choice of samples, by label, of all states; each keeps its own order."""
    if n_samples < 1:
        raise UsageError(f"A quantity is compared on at least one sample; got n_samples={n_samples}.")
    common = functools.reduce(np.intersect1d, [one[SAMPLE].values for one in sets])
    if not len(common):
        raise DataError(
            "States are compared with controls on samples of the same labels; these have none in common. "
            "Capture the controls on the same texts, or leave n_samples out."
        )
    labels = np.random.default_rng(seed).permutation(common)[:n_samples]
    return (one.isel({SAMPLE: np.flatnonzero(np.isin(one[SAMPLE].values, labels))}) for one in sets)


def _alike(
    values: Iterator[xr.DataArray], observed: xr.DataArray, total: int, progress: Progress | None
) -> Iterator[np.ndarray]:
    """The draws' numbers, one after the other."""
    for done, value in enumerate(values, start=1):
        drawn = _array(value)
        if drawn.dims != observed.dims or drawn.shape != observed.shape:
            raise DataError(
                f"A quantity has one shape whatever the states; {observed.name!r} was {dict(observed.sizes)} "
                f"and is {dict(drawn.sizes)} for draw {done}. Take a mean over what changes, such as samples."
            )
        yield drawn.values.astype(np.float64)
        if progress is not None:
            progress(done, total)


def _array(value: Any) -> xr.DataArray:
    if not isinstance(value, xr.DataArray):
        raise DataError(
            f"A quantity takes states and returns a DataArray; got {type(value).__name__}. Choose a variable of a "
            'Dataset: lambda states: residyn.dimensions(states)["two_nn"].'
        )
    return value
