"""How much of each sublayer's variance the axes of a space capture (panels J and K)."""

from __future__ import annotations

import functools
import json
from typing import Any, Literal

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics import pca
from residyn.schema import SAMPLE, SUBLAYER, along, check_states, label_result
from residyn.spaces.record import COMPONENT, Space
from residyn.spaces.spread import Spread, merge, rows_where, spread
from residyn.walk import Progress, each_numbered_block

_SOURCE = "Fernando & Guitchounts 2025, Fig. "


def explained_variance(
    states: xr.DataArray,
    space: Space,
    about: Literal["sublayer", "global"] = "sublayer",
    samples: Literal["held_out"] | None = None,
    *,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Share of each sublayer's variance that the first k axes capture, cumulative: (sublayer, component). Panel J.

    In [0, 1], rising with k; component is labelled k. Variance is measured in the units of the space, over the
    units it uses. `about` "sublayer" takes it about the mean of the sublayer's own states: what axes capture of
    the differences between samples. "global" takes mean squares about the mean that the space was fitted
    about: the way that all samples go together then counts too, and in a model whose stream drifts with depth
    it is most of it. The paper does not say which; the first is the default, because panel J is read as a
    statement about samples. `samples` "held_out" uses only those the fit did not.

    NaN where a sublayer has no variance; attribute `n_undefined` counts such sublayers. Raises UsageError
    for an unknown option and where nothing was held out, DataError for states the space was not fitted to.

    >>> space = rd.fit_space(states, n_components=5)
    >>> rd.explained_variance(states, space).dims
    ('sublayer', 'component')
    """
    check_states(states)
    if about not in ("sublayer", "global"):
        raise UsageError(f"about is 'sublayer' or 'global', got {about!r}.")
    chosen = _chosen(states, space, samples)
    here = space.coordinates(states[SUBLAYER].values)
    if here.axes.shape[2] != states.shape[2]:
        raise DataError(
            f"The space has {here.axes.shape[2]} units and the states {states.shape[2]}. Use the states it was "
            "fitted to."
        )

    def reduce_block(block: np.ndarray, first: int) -> tuple[Spread, Spread] | None:
        rows = chosen[first : first + len(block)]
        if not rows.any():
            return None
        block = rows_where(block, rows)
        return spread(block), spread(here.scores(block))

    with pca.one_thread():
        found = (part for part in each_numbered_block(states, reduce_block, progress) if part is not None)
        whole, captured = functools.reduce(lambda a, b: (merge(a[0], b[0]), merge(a[1], b[1])), found)
    return label_explained(states, space, whole, captured, about=about, samples=samples)


def label_explained(
    states: xr.DataArray,
    space: Space,
    whole: Spread,
    captured: Spread,
    *,
    about: Literal["sublayer", "global"] = "sublayer",
    samples: Literal["held_out"] | None = None,
) -> xr.DataArray:
    """What `explained_variance` returns, of the spread of the states and of their scores."""
    here, used = space.coordinates(states[SUBLAYER].values), space.unit_used.values
    total, along_axes = whole.m2 / here.scale**2, captured.m2
    if about == "global":
        total = total + whole.count * (whole.mean / here.scale - here.mean) ** 2
        along_axes = along_axes + captured.count * captured.mean**2
    share = _share(np.cumsum(along_axes, axis=1), total[:, used].sum(axis=1))
    undefined = int(np.isnan(share[:, 0]).sum())
    notes: dict[str, Any] = {"n_undefined": undefined, "n_samples_used": whole.count}
    if undefined:
        notes["note"] = f"NaN at {undefined} sublayers, whose states do not vary."
    return label_result(
        share,
        (SUBLAYER, COMPONENT),
        {**along(states, SUBLAYER), COMPONENT: space.axes[COMPONENT].values},
        quantity="explained_variance",
        units="share of variance",
        definition=f"variance about the {about} mean along the first k axes, over that along all",
        source=_SOURCE + "1J",
        states=states,
        parameters={
            "about": about,
            "samples": samples or "all",
            "space": json.loads(space.axes.attrs["parameters"]),
        },
        seed=space.axes.attrs["seed"],
        n_components=space.n_components,
        **notes,
    )


def explained_variance_by_sublayer(explained: xr.DataArray) -> xr.DataArray:
    """Share of each sublayer's variance that all axes capture, (sublayer,), in [0, 1]. Panel K.

    `explained` is `explained_variance`, whose last component this is; attribute `n_components` says how many
    there are, 100 in the paper. Raises DataError for another result.

    >>> explained = rd.explained_variance(states, rd.fit_space(states, n_components=5))
    >>> rd.explained_variance_by_sublayer(explained).dims
    ('sublayer',)
    """
    if not isinstance(explained, xr.DataArray) or explained.dims != (SUBLAYER, COMPONENT):
        came = getattr(explained, "dims", type(explained).__name__)
        raise DataError(
            f"Expected explained variance with dimensions {(SUBLAYER, COMPONENT)}, got {came}. "
            "Pass residyn.explained_variance(states, space)."
        )
    result = explained.isel({COMPONENT: -1}, drop=True).rename("explained_variance_by_sublayer")
    result.attrs = {
        **explained.attrs,
        "quantity": "explained_variance_by_sublayer",
        "definition": explained.attrs["definition"].replace("first k", str(explained.sizes[COMPONENT])),
        "source": _SOURCE + "1K",
    }
    return result


def _chosen(states: xr.DataArray, space: Space, samples: str | None) -> np.ndarray:
    """Which samples count, (N,) bool."""
    n = states.sizes[SAMPLE]
    if samples is None:
        return np.ones(n, dtype=bool)
    if samples != "held_out":
        raise UsageError(f"samples is 'held_out' or None for all, got {samples!r}.")
    held_out = ~space.fitted.values
    if not held_out.any():
        raise UsageError("This space was fitted to all samples. Fit it with fit_space(..., hold_out=0.2).")
    if len(held_out) != n or not np.array_equal(_names(states), _names(space.fitted)):
        raise DataError(
            f"Which samples were held out is known of the {len(held_out)} that the space was fitted to; these are "
            f"{n} others. Pass the states that fit_space was given."
        )
    return held_out


def _names(array: xr.DataArray) -> np.ndarray:
    """The samples' labels, or their positions where they have none."""
    return array[SAMPLE].values


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """The quotient of part (S, K) and whole (S,), NaN where the latter is 0. Rounding alone is clipped."""
    share = np.full(part.shape, np.nan)
    np.divide(part, whole[:, None], out=share, where=whole[:, None] > 0)
    return np.where(share <= 1 + 1e-9, np.minimum(share, 1.0), share)
