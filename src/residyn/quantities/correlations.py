"""The distribution of each unit's correlations over transitions (panel D)."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.quantities.measure import transitions_by_kind
from residyn.schema import STATES_PROVENANCE, TRANSITION, TRANSITION_KIND, UNIT, along


def correlation_density(r: xr.DataArray, bins: int = 50) -> xr.DataArray:
    """Share of each unit's transitions whose r falls into each bin of [0, 1]. Panel D.

    `r` is `unit_correlation` (transition, unit). Returns (transition_kind, bin, unit): the kind "all", then
    each kind that occurs; `bin` is labelled by its centre, with `bin_left` and `bin_right`. Bins hold their
    left edge, the last one its right edge too. NaN correlations are not counted as transitions of the unit,
    and `n_undefined` (transition_kind, unit) says how many there were; a unit without any other is NaN.
    `share_negative` (transition_kind, unit) is the share with r < 0, so that with the bins it adds up to 1.
    Attributes `n_negative` and `n_undefined` count over all units and transitions.
    Raises DataError for another result, UsageError for fewer than one bin.

    >>> rd.correlation_density(rd.unit_correlation(states), bins=10)["transition_kind"].values.tolist()
    ['all', 'within', 'cross']
    """
    if not isinstance(r, xr.DataArray) or r.dims != (TRANSITION, UNIT) or "kind" not in r.coords:
        came = getattr(r, "dims", type(r).__name__)
        raise DataError(
            f"A density of correlations needs r with dimensions {(TRANSITION, UNIT)} and the coordinate 'kind', "
            f"got {came}. Pass residyn.unit_correlation(states)."
        )
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 1:
        raise UsageError(f"bins is a whole number of at least 1, got {bins!r}.")
    values, kind = r.values, r["kind"].values
    masks = transitions_by_kind(kind)
    edges = np.linspace(0, 1, int(bins) + 1)
    counted = [_count(values[mask], edges) for mask in masks.values()]
    inside, negative, undefined = (np.stack(part) for part in zip(*counted, strict=True))
    defined = inside.sum(axis=1) + negative
    labels = (TRANSITION_KIND, UNIT)
    return xr.DataArray(
        _share(inside, defined[:, None]),
        dims=(TRANSITION_KIND, "bin", UNIT),
        coords={
            TRANSITION_KIND: np.array(list(masks)),
            "bin": (edges[:-1] + edges[1:]) / 2,
            "bin_left": ("bin", edges[:-1]),
            "bin_right": ("bin", edges[1:]),
            "share_negative": (labels, _share(negative, defined)),
            "n_undefined": (labels, undefined),
            **along(r, UNIT),
        },
        name="correlation_density",
        attrs={
            "quantity": "correlation_density",
            "units": "share of transitions",
            "definition": "share of the unit's transitions of that kind whose r falls into the bin; NaN left out",
            "source": "Fernando & Guitchounts 2025, Fig. 1D",
            "parameters": json.dumps({"bins": int(bins)}),
            **{k: r.attrs[k] for k in ("n_samples", "residyn_version", *STATES_PROVENANCE) if k in r.attrs},
            "n_negative": int(negative[0].sum()),
            "n_undefined": int(undefined[0].sum()),
        },
    )


def _count(r: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of r (T, D), per unit: entries in each bin (bins, D), below 0 (D,), NaN (D,)."""
    n_bins, n_units = len(edges) - 1, r.shape[1]
    unit = np.broadcast_to(np.arange(n_units), r.shape)
    inside = r >= 0
    index = np.minimum(np.searchsorted(edges, r[inside], side="right") - 1, n_bins - 1)
    counts = np.bincount(index * n_units + unit[inside], minlength=n_bins * n_units)
    return counts.reshape(n_bins, n_units), (r < 0).sum(axis=0), np.isnan(r).sum(axis=0)


def _share(count: np.ndarray, total: np.ndarray) -> np.ndarray:
    share = np.full(count.shape, np.nan)
    return np.divide(count, total, out=share, where=np.broadcast_to(total > 0, count.shape))
