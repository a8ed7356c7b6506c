"""Fitting a space: global as in the paper, or per sublayer; scaled, without units, with samples held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.numerics import pca
from residyn.schema import SAMPLE, SUBLAYER, UNIT, along, check_states, label_result
from residyn.spaces.methods import Fitted, fit_by_search, fit_global, fit_sublayers
from residyn.spaces.record import COMPONENT, QUANTILE, ROBUST, Space
from residyn.spaces.scaling import Scaling, Selection, measure, readings, select, unscaled
from residyn.walk import Progress

Fit = Literal["global", "sublayer"]

WIDEST_EXACT = 4096
"""Most units whose covariance is formed. Of twice as many it and its copies fill 2 GiB, and the fit takes eight
times as long; wider states are searched by random directions instead (`pca.search`)."""


def fit_space(
    states: xr.DataArray,
    n_components: int = 100,
    *,
    fit: Fit = "global",
    equalize: bool = False,
    standardize: bool = False,
    without: Sequence[int] | np.ndarray | None = None,
    hold_out: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Space:
    """Principal components of states (sample, sublayer, unit), by readings in bounded memory.

    `fit` "global" (the paper): one PCA of all N·S states, centred on their common mean; "sublayer": one PCA of
    the N states of each sublayer, centred on its own. `n_components` is cut to what there is, min(states − 1,
    units used); attribute `n_components` says how many there are. Axes past the rank of the states are orthonormal
    and have variance 0. The sign of each axis makes its largest |loading| positive.

    `equalize` divides each sublayer's states by the root of its total variance about its own mean first, so that
    late sublayers, which are large, do not own the axes; a sublayer without variance is left out of such a fit
    (`n_constant_sublayers`). `standardize` divides each unit by its standard deviation over all samples and
    sublayers; constant units stay as they are. With both, units come first. `without` names units by position,
    such as massive ones: axes are 0 there, and `lift` leaves the mean there. `hold_out` is the share of the
    samples, drawn with `seed`, that the fit does not use; `Space.fitted` says which.

    A global fit takes the exact eigenvectors of the covariance up to `WIDEST_EXACT` units, and beyond it a
    randomised search with the same `seed` (attributes `method` and `residual`, the largest ‖Cv − λv‖ / λ₁).
    A sublayer whose states are all the same has NaN axes (`n_undefined` counts them, `note` says so).

    Raises UsageError for an unknown option, fewer than one component, units that do not exist, a share that
    leaves no samples on one side, and `equalize` with a fit per sublayer; DataError for states that break the
    data contract or hold a non-finite value, for fewer than two, and where all are the same.
    """
    check_states(states)
    _check_options(n_components, fit, equalize)
    selection = select(states, without, hold_out, seed)
    n, wide = int(n_components), states.sizes[UNIT] > WIDEST_EXACT
    scaling, moments = unscaled(states), None
    measured = equalize or standardize or (wide and fit == "global")
    passes = iter(readings(progress, measured + _n_readings(fit, wide), states))
    with pca.one_thread():
        if measured:
            scaling, selection, moments = measure(
                states, selection, equalize=equalize, standardize=standardize, progress=next(passes)
            )
        if fit == "sublayer":
            fitted = fit_sublayers(states, selection, scaling, n, next(passes))
        elif wide and moments is not None:
            fitted = fit_by_search(states, selection, scaling, moments, n=n, seed=seed, passes=list(passes))
        else:
            fitted = fit_global(states, selection, scaling, n, list(passes))
    options = {
        "fit": fit,
        "equalize": bool(equalize),
        "standardize": bool(standardize),
        "without": np.flatnonzero(~selection.used).tolist(),
        "hold_out": hold_out,
        "n_components": n,
    }
    return _label(states, selection, scaling, fitted, options=options, seed=seed)


def _label(
    states: xr.DataArray,
    selection: Selection,
    scaling: Scaling,
    fitted: Fitted,
    *,
    options: dict[str, Any],
    seed: int,
) -> Space:
    per = (SUBLAYER,) if options["fit"] == "sublayer" else ()
    component = {COMPONENT: np.arange(1, fitted.variance.shape[-1] + 1)}
    of_sublayer, of_unit = along(states, *per), along(states, UNIT)
    axes = label_result(
        fitted.axes,
        (*per, COMPONENT, UNIT),
        {**of_sublayer, **component, **of_unit},
        quantity="pc_axes",
        units="1",
        definition="orthonormal eigenvectors of the covariance of the scaled states; largest |loading| positive",
        source="Fernando & Guitchounts 2025, Fig. 1I",
        states=states,
        parameters=options,
        seed=seed,
        n_components=len(component[COMPONENT]),
        n_samples_fitted=int(selection.fitted.sum()),
        n_constant_sublayers=int((~selection.varying).sum()),
        **fitted.notes,
    )
    return Space(
        axes=axes,
        mean=xr.DataArray(fitted.mean, dims=(*per, UNIT), coords={**of_sublayer, **of_unit}),
        variance=xr.DataArray(fitted.variance, dims=(*per, COMPONENT), coords={**of_sublayer, **component}),
        total_variance=xr.DataArray(fitted.total, dims=per, coords=of_sublayer),
        score_quantiles=xr.DataArray(
            fitted.quantiles,
            dims=(*per, QUANTILE, COMPONENT),
            coords={**of_sublayer, QUANTILE: list(ROBUST), **component},
        ),
        unit_scale=xr.DataArray(scaling.unit, dims=(UNIT,), coords=of_unit),
        sublayer_scale=xr.DataArray(scaling.sublayer, dims=(SUBLAYER,), coords=along(states, SUBLAYER)),
        unit_used=xr.DataArray(selection.used, dims=(UNIT,), coords=of_unit),
        fitted=xr.DataArray(selection.fitted, dims=(SAMPLE,), coords=along(states, SAMPLE)),
    )


def _n_readings(fit: Fit, wide: bool) -> int:
    """How often a fit reads the states, once they are measured."""
    if fit == "sublayer":
        return 1
    return (pca.READINGS if wide else 1) + 1


def _check_options(n_components: int, fit: str, equalize: bool) -> None:
    if isinstance(n_components, bool) or not isinstance(n_components, int | np.integer) or n_components < 1:
        raise UsageError(f"n_components is a whole number of at least 1, got {n_components!r}.")
    if fit not in ("global", "sublayer"):
        raise UsageError(f"fit is 'global' or 'sublayer', got {fit!r}.")
    if equalize and fit == "sublayer":
        raise UsageError(
            "equalize brings sublayers that share axes to one variance; with fit='sublayer' each has axes of its "
            "own. Leave one of the two out."
        )
