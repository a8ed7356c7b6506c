"""A quantity beside its null: effect, interval, p."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from residyn.analysis.nulls.catalogue import null_named, surrogate
from residyn.analysis.stream import Progress
from residyn.errors import DataError, UsageError
from residyn.numerics.multiple import Alternative, benjamini_hochberg, p_values
from residyn.schema import SAMPLE, check_states, provenance_of

QUANTILES_FROM = 40
"""Fewest draws whose 2.5 % quantile lies inside them."""

Quantity = Callable[[xr.DataArray], xr.DataArray]


def against_null(
    quantity: Quantity,
    states: xr.DataArray,
    null: str | Sequence[xr.DataArray],
    repeats: int = 20,
    seed: int = 0,
    *,
    alternative: Alternative = "two-sided",
    n_samples: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """A quantity of the states beside what it is under a null, element by element.

    `quantity` takes states and returns a DataArray of the same shape every time, such as
    `residyn.unit_correlation`. `null` is a name of `residyn.NULLS`, of which `repeats` surrogates are drawn; or
    other states, captured like these, such as those of three untrained models: each is one draw, and `repeats`
    is not used. `n_samples` compares on a seeded choice of samples, for the observed value and the surrogates
    alike.

    Returns, with the quantity's dimensions: observed; null_mean, null_sd over the draws; effect, observed minus
    null_mean, with effect_low and effect_high, observed minus the 97.5 % and 2.5 % quantile of the draws (of
    fewer than 40, minus the largest and the smallest: attribute `interval`); z, effect over null_sd; n_draws
    that are defined; p, (1 + draws at least as extreme) / (1 + draws), so never below 1/(1 + draws); and
    p_adjusted over all elements (Benjamini & Hochberg 1995). NaN where the quantity is.

    One surrogate is in memory at a time. Raises UsageError for an unknown null, no repeats or an unknown
    alternative; DataError where the quantity is no DataArray or changes its shape, or the states break the data
    contract.
    """
    check_states(states)
    if alternative not in ("two-sided", "greater", "less"):
        raise UsageError(f'alternative is "two-sided", "greater" or "less"; got {alternative!r}.')
    states = _some(states, n_samples, seed)
    drawn, said = _draws(states, null, repeats, seed)
    observed = _checked(quantity(states), None)
    values = []
    for done, other in enumerate(drawn):
        values.append(_checked(quantity(other), observed).values)
        if progress is not None:
            progress(done + 1, said["repeats"])
    return _compared(observed, np.stack(values).astype(np.float64), alternative).assign_attrs(
        {**provenance_of(states), **said, "seed": seed, "alternative": alternative}
    )


def _some(states: xr.DataArray, n_samples: int | None, seed: int) -> xr.DataArray:
    if n_samples is None or n_samples >= states.sizes[SAMPLE]:
        return states
    if n_samples < 1:
        raise UsageError(f"A quantity is compared on at least one sample; got n_samples={n_samples}.")
    rows = np.random.default_rng(seed).permutation(states.sizes[SAMPLE])[:n_samples]
    return states.isel({SAMPLE: np.sort(rows)})


def _draws(
    states: xr.DataArray, null: str | Sequence[xr.DataArray], repeats: int, seed: int
) -> tuple[Iterator[xr.DataArray], dict[str, Any]]:
    """The draws, one after the other, and what is said of them."""
    if isinstance(null, str):
        chosen = null_named(null)
        if repeats < 1:
            raise UsageError(f"A null takes at least one draw; got repeats={repeats}.")
        seeds = np.random.SeedSequence(seed).generate_state(repeats, np.uint64)
        said = {"null": null, "preserves": chosen.preserves, "destroys": chosen.destroys, "repeats": repeats}
        return (surrogate(states, null, seed=int(one)) for one in seeds), said
    if not len(null):
        raise UsageError("A null is a name, or states captured as a control; got none. Give at least one.")
    names = ", ".join(str(one.attrs.get("model", "control")) for one in null)
    said = {"null": f"captured: {names}", "preserves": "what the controls share with the states"}
    return iter(null), {**said, "destroys": "what the controls lack", "repeats": len(null)}


def _checked(value: Any, like: xr.DataArray | None) -> xr.DataArray:
    if not isinstance(value, xr.DataArray):
        raise DataError(
            f"A quantity takes states and returns a DataArray; got {type(value).__name__}. Choose a variable of a "
            'Dataset: lambda states: residyn.dimensions(states)["two_nn"].'
        )
    if like is not None and (value.dims != like.dims or value.shape != like.shape):
        raise DataError(
            f"A quantity has one shape whatever the states; it was {dict(like.sizes)} and is {dict(value.sizes)} "
            "for a draw. Take a mean over what changes, such as samples."
        )
    return value


def _compared(observed: xr.DataArray, draws: np.ndarray, alternative: Alternative) -> xr.Dataset:
    known = np.isfinite(draws)
    count = known.sum(axis=0)
    value = observed.values.astype(np.float64)
    mean = _ratio(np.where(known, draws, 0.0).sum(axis=0), count)
    square = np.where(known, (np.where(known, draws, 0.0) - mean) ** 2, 0.0).sum(axis=0)
    sd = np.sqrt(_ratio(square, np.maximum(count - 1, 0)))
    enough = len(draws) >= QUANTILES_FROM
    low, high = _ends(draws, known, (0.025, 0.975) if enough else (0.0, 1.0))
    p = p_values(value, draws, alternative)
    made = {
        "observed": value,
        "null_mean": mean,
        "null_sd": sd,
        "effect": value - mean,
        "effect_low": value - high,
        "effect_high": value - low,
        "z": _ratio(value - mean, sd),
        "n_draws": count,
        "p": p,
        "p_adjusted": benjamini_hochberg(p),
    }
    dataset = xr.Dataset({name: observed.copy(data=array) for name, array in made.items()})
    for name in made:
        units = observed.attrs.get("units", "1") if name in _IN_UNITS else "1"
        dataset[name].attrs = {
            "units": units,
            "quantity": f"{observed.attrs.get('quantity', observed.name)}: {name}",
        }
    interval = "2.5 % and 97.5 % quantiles of the draws" if enough else "smallest and largest of the draws"
    return dataset.assign_attrs(interval=interval, quantity=str(observed.attrs.get("quantity", observed.name)))


_IN_UNITS = ("observed", "null_mean", "null_sd", "effect", "effect_low", "effect_high")


def _ends(draws: np.ndarray, known: np.ndarray, at: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles over the draws that are defined; NaN where none is."""
    flat = np.where(known, draws, np.nan).reshape(len(draws), -1)
    ends = np.full((2, flat.shape[1]), np.nan)
    some = known.reshape(len(draws), -1).any(axis=0)
    if some.any():
        ends[:, some] = np.nanquantile(flat[:, some], at, axis=0)
    low, high = ends.reshape(2, *draws.shape[1:])
    return low, high


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    quotient = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator) > 0)
