"""Fitting a space: global as in the paper, or per sublayer; scaled, without units, with samples held out."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.numerics import pca
from residyn.numerics.subsamples import some_samples
from residyn.schema import DRAWN_FROM, SAMPLE, SUBLAYER, UNIT, along, check_states, label_result
from residyn.spaces.explained import label_explained
from residyn.spaces.methods import FittedArrays, fit_by_covariance, fit_by_search, fit_sublayers
from residyn.spaces.record import COMPONENT, QUANTILE, ROBUST, Space
from residyn.spaces.scaling import Variant, readings, scales, select, unscaled
from residyn.spaces.scatters import gather_scatters
from residyn.spaces.scores import label_scores
from residyn.spaces.scoring import Scored, score, spaces_a_reading
from residyn.spaces.spread import Spread, chosen_spread, groups_of, merge, spreads
from residyn.walk import Progress

Fit = Literal["global", "sublayer"]

WIDEST_EXACT = 4096
"""Most units whose covariance is formed. Of twice as many it and its copies fill 2 GiB, and the fit takes eight
times as long; wider states are searched by random directions instead (`pca.search`)."""


_OPTIONS: dict[str, Any] = {"equalize": False, "standardize": False, "without": None, "hold_out": 0.0}
"""What a variant of `fit_spaces` may choose, and the choice where it does not."""


class FittedSpace(NamedTuple):
    """A space, the share of variance `explained` (sublayer, component) as `explained_variance` returns it, and
    the `scores` of all states on its first axes as `pc_scores` returns them.

    What a space explains is judged by the samples it has held out, where there are any.
    """

    space: Space
    explained: xr.DataArray
    scores: xr.DataArray


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
    samples, drawn with `seed`, that the fit does not use; `Space.fitted` says which. Where documents are known
    none is on both sides, and the share is as near as whole documents allow.

    A global fit takes the exact eigenvectors of the covariance up to `WIDEST_EXACT` units, and beyond it a
    randomised search with the same `seed` (attributes `method` and `residual`, the largest ‖Cv − λv‖ / λ₁).
    A sublayer whose states are all the same has NaN axes (`n_undefined` counts them, `note` says so).

    Raises UsageError for an unknown option, fewer than one component, units that do not exist, a share that
    leaves no samples or documents on one side, and `equalize` with a fit per sublayer; DataError for states that
    break the data contract or hold a non-finite value, for fewer than two, and where all are the same.

    >>> space = rd.fit_space(states, n_components=5)
    >>> space.axes.sizes["component"]
    5
    """
    check_states(states)
    _check_options(n_components, fit, equalize)
    variant = Variant(select(states, without, hold_out, seed), equalize, standardize)
    if fit == "global":
        ((found, scored, _),) = _fit_together(
            states, [variant], int(n_components), 1, seed=seed, progress=progress
        )
        quantiles = scored.quantiles
    else:
        found, quantiles = _fit_each_sublayer(states, variant, int(n_components), progress)
    return _label(found, quantiles, states, _options(variant, fit, hold_out, n_components), seed)


def fit_spaces(
    states: xr.DataArray,
    variants: Mapping[str, Mapping[str, Any]],
    n_components: int = 100,
    *,
    n_scores: int = 3,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, FittedSpace]:
    """Several global spaces of the same states, each with what it explains, from three readings of the states.

    `variants` has under each name the options `equalize`, `standardize`, `without` and `hold_out` of `fit_space`;
    the spaces are the ones it returns. One reading measures means and spreads. One gathers scatter matrices, of
    each group of samples that some variant holds out and others do not, and of each equalised variant; they are
    shared: the covariance without some units is a part of that with them, and other units' scales rescale it. One
    makes all scores. States wider than `WIDEST_EXACT` take six readings for each variant in place of the second,
    and where the scores of which quantiles are taken are more than 1 GiB in all, a few spaces at a time share a
    reading.

    Raises as `fit_space` does, and UsageError for an option that it does not have.

    >>> fitted = rd.fit_spaces(states, {"plain": {}, "equal": {"equalize": True}}, n_components=3)
    >>> sorted(fitted)
    ['equal', 'plain']
    """
    check_states(states)
    _check_options(n_components, "global", False)
    asked = {}
    for name, options in variants.items():
        if unknown := sorted(set(options) - set(_OPTIONS)):
            raise UsageError(
                f"A variant has the options {', '.join(_OPTIONS)}; {name!r} has {', '.join(unknown)}."
            )
        given = {**_OPTIONS, **options}
        selection = select(states, given["without"], given["hold_out"], seed)
        asked[name] = Variant(selection, given["equalize"], given["standardize"])
    n, every = int(n_components), list(asked.values())
    fits = _fit_together(states, every, n, n_scores, seed=seed, progress=progress)
    made = {}
    for (name, variant), (found, scored, whole) in zip(asked.items(), fits, strict=True):
        share = variants[name].get("hold_out", 0.0)
        options = _options(variant, "global", share, n_components)
        space = _label(found, scored.quantiles, states, options, seed)
        samples = "held_out" if share else None
        made[name] = FittedSpace(
            space,
            label_explained(states, space, whole, scored.captured, samples=samples),
            label_scores(states, space, scored.first),
        )
    return made


def _fit_together(
    states: xr.DataArray,
    variants: Sequence[Variant],
    n: int,
    n_scores: int,
    *,
    seed: int,
    progress: Progress | None,
) -> list[tuple[FittedArrays, Scored, Spread]]:
    """Of each variant the axes, the scores, and the spread of the samples it is judged by."""
    wide = states.sizes[UNIT] > WIDEST_EXACT
    size = spaces_a_reading(states, min(n, states.sizes[UNIT]))
    batches = [slice(start, start + size) for start in range(0, len(variants), size)]
    searched = pca.READINGS * len(variants) if wide else 1
    passes = iter(readings(progress, 1 + searched + len(batches), states))
    fitted = [one.selection.fitted for one in variants]
    groups = groups_of(fitted)
    # Those held out judge a space where there are any, and all samples where there are none.
    judged = [chosen if chosen.all() else ~chosen for chosen in fitted]
    with pca.one_thread():
        known = spreads(states, groups, next(passes))
        if wide:
            fits = [
                fit_by_search(
                    states,
                    one,
                    chosen_spread(known, groups, one.selection.fitted),
                    n=n,
                    seed=seed,
                    passes=passes,
                )
                for one in variants
            ]
        else:
            gathered = gather_scatters(states, variants, groups, known, next(passes))
            fits = list(fit_by_covariance(states, variants, groups, gathered, n))
            del gathered
        mean = functools.reduce(merge, known.values()).mean
        scored = [
            one
            for batch in batches
            for one in score(states, fits[batch], judged[batch], n_scores, next(passes), about=mean)
        ]
    wholes = [chosen_spread(known, groups, chosen) for chosen in judged]
    return list(zip(fits, scored, wholes, strict=True))


def _fit_each_sublayer(
    states: xr.DataArray, variant: Variant, n: int, progress: Progress | None
) -> tuple[FittedArrays, np.ndarray]:
    """The axes of each sublayer and the quantiles of their scores."""
    passes = iter(readings(progress, variant.standardize + 1, states))
    selection, scaling = variant.selection, unscaled(states)
    with pca.one_thread():
        if variant.standardize:
            groups = groups_of([selection.fitted])
            known = spreads(states, groups, next(passes))
            scaling, selection = scales(variant, chosen_spread(known, groups, selection.fitted))
        return fit_sublayers(states, selection, scaling, n, next(passes))


def _options(variant: Variant, fit: Fit, hold_out: float, n_components: int) -> dict[str, Any]:
    """The options of a fit, as results keep them."""
    return {
        "fit": fit,
        "equalize": bool(variant.equalize),
        "standardize": bool(variant.standardize),
        "without": np.flatnonzero(~variant.selection.used).tolist(),
        "hold_out": hold_out,
        "n_components": int(n_components),
    }


def _label(
    found: FittedArrays, quantiles: np.ndarray, states: xr.DataArray, options: dict[str, Any], seed: int
) -> Space:
    selection, scaling = found.selection, found.scaling
    per = (SUBLAYER,) if options["fit"] == "sublayer" else ()
    component = {COMPONENT: np.arange(1, found.variance.shape[-1] + 1)}
    of_sublayer, of_unit = along(states, *per), along(states, UNIT)
    axes = label_result(
        found.axes,
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
        **found.notes,
    )
    return Space(
        axes=axes,
        mean=xr.DataArray(found.mean, dims=(*per, UNIT), coords={**of_sublayer, **of_unit}),
        variance=xr.DataArray(found.variance, dims=(*per, COMPONENT), coords={**of_sublayer, **component}),
        total_variance=xr.DataArray(found.total, dims=per, coords=of_sublayer),
        score_quantiles=xr.DataArray(
            quantiles,
            dims=(*per, QUANTILE, COMPONENT),
            coords={**of_sublayer, QUANTILE: list(ROBUST), **component},
            attrs={} if per else _drawn(int(selection.fitted.sum())),
        ),
        unit_scale=xr.DataArray(scaling.unit, dims=(UNIT,), coords=of_unit),
        sublayer_scale=xr.DataArray(scaling.sublayer, dims=(SUBLAYER,), coords=along(states, SUBLAYER)),
        unit_used=xr.DataArray(selection.used, dims=(UNIT,), coords=of_unit),
        fitted=xr.DataArray(selection.fitted, dims=(SAMPLE,), coords=along(states, SAMPLE)),
    )


def _drawn(n_fitted: int) -> dict[str, int]:
    """How many samples the quantiles of scores are of, and of how many these were drawn, where they were."""
    n = len(some_samples(n_fitted))
    return {"n_samples": n, DRAWN_FROM: n_fitted} if n < n_fitted else {}


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
