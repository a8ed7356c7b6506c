"""Mutual information as labelled results, with what is needed to judge each number.

gcmi    Gaussian copula (Ince et al. 2017): a lower bound, bias-corrected, unmoved by any monotone change of either
        state, and the fastest. The default.
ksg     Kraskov, Stögbauer & Grassberger 2004, algorithm 1: nearly unbiased for smooth densities; saturates where
        the two states determine each other; meaningless where many samples share one value.
kde     the paper's: Gaussian kernels of Scott's bandwidth, evaluated at the samples. Heavy tails push it up:
        independent data with one outlier can score more than a nat.
binned  equal-frequency bins with Miller & Madow's correction; saturates at the logarithm of the number of bins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.numerics import information
from residyn.quantities.information.estimates import ESTIMATORS, Estimates, Estimator, Options, estimates
from residyn.quantities.subsample import some_of
from residyn.schema import SAMPLE, TRANSITION, UNIT, along, label_result, transition_coords
from residyn.settings import Precision
from residyn.walk import Progress, Reading, read_together

ESTIMATOR = "estimator"
HEAVY_TIES = 0.1
"""Share of tied samples above which an estimate rests on few values: such pairs are counted in `n_tied`."""

_DEFINITIONS = {
    "gcmi": "−½ ln(1 − ρ²) of the rank-normalised activations, bias-corrected (Ince et al. 2017)",
    "ksg": "ψ(N) + ψ(k) − ⟨ψ(n_x + 1) + ψ(n_y + 1)⟩, maximum norm (Kraskov et al. 2004, algorithm 1)",
    "kde": "mean over samples of ln(joint / product) of Gaussian kernel densities (Scott's bandwidth)",
    "binned": "plug-in over equal-frequency bins, with Miller & Madow's correction",
}


def mutual_information(
    states: xr.DataArray,
    estimator: Estimator = "gcmi",
    *,
    minus: Literal["shuffle", "gaussian"] | None = None,
    repeats: int = 5,
    k: int = 3,
    bins: int | None = None,
    seed: int = 0,
    device: str | None = None,
    precision: Precision = "float32",
    progress: Progress | None = None,
) -> xr.DataArray:
    """Mutual information over samples of each unit at successive sublayers, (transition, unit), in nats. Panel G.

    Estimates are kept as they come: a bias-corrected one can be slightly negative. `minus="shuffle"` subtracts the
    mean of `repeats` estimates on the same data with the samples of the later state permuted (one seeded
    permutation a repeat, for all units and transitions), which is what the estimator makes of no dependence;
    `minus="gaussian"` subtracts −½ ln(1 − r²), what two jointly Gaussian variables of the same Pearson r share.
    Of more than 4,000 samples so many are drawn by the seed (attribute `drawn_from`).

    `k` is the number of neighbours (ksg), `bins` that of bins (binned; None: fitting the sample count). `device`,
    such as "cuda", computes gcmi, ksg and kde there with torch; None computes on the CPU's cores. `precision` is
    that of kde's kernels there: in "float32" an estimate is within 1e-6 nats of that in "float64", typically 1e-7.

    Coordinates (transition, unit): `tie_share`, the larger of the two states' shares of samples whose value
    another sample has too, and `gaussian_floor`, −½ ln(1 − r²). NaN where the unit is constant at either sublayer,
    and everywhere for too few samples: attribute `note` says so and `n_undefined` counts. `n_tied` counts the
    pairs with a tie_share above 0.1: there the estimate rests on few values (where most texts end in the same
    token, sublayer 0 is one of them). `last_token_entropy` is all that the first state can tell, in nats, where it
    is a function of the last token. `ceiling` is ln N − 1, near which ksg saturates; `n_above_ceiling` counts.
    gcmi is infinite where both states put the samples into the same order (`n_infinite`): leave such units out of
    a mean.

    Raises UsageError for an unknown option, DataError where the states break the data contract, are empty, have
    but one sublayer or hold a non-finite value, ResourceError where the device is not there.

    >>> rd.mutual_information(states, "ksg", minus="shuffle").dims
    ('transition', 'unit')
    """
    if minus not in (None, "shuffle", "gaussian"):
        raise UsageError(f'minus is None, "shuffle" or "gaussian"; got {minus!r}.')
    if minus == "shuffle" and repeats < 1:
        raise UsageError(f"A shuffle baseline needs at least 1 repeat; got {repeats!r}.")
    options = Options(k, bins, repeats if minus == "shuffle" else 0, seed, device, precision)
    found = mutual_informations(states, (estimator,), options, progress).isel({ESTIMATOR: 0})
    result = found["mutual_information"]
    if minus is None:
        return result
    if minus == "shuffle":
        floor, said = found["mutual_information_shuffle"].values, f"mean of {repeats} sample shuffles"
        result = result.assign_coords(shuffle=((TRANSITION, UNIT), floor))
    else:
        floor, said = result["gaussian_floor"].values, "−½ ln(1 − r²)"
    # A perfect correlation has an infinite floor, over which there is no excess to speak of.
    excess = result.copy(data=np.where(np.isfinite(floor), result.values, np.nan) - floor)
    excess.attrs["definition"] += f"; minus the {said}"
    return excess


def mutual_informations(
    states: xr.DataArray,
    estimators: Sequence[Estimator] = ESTIMATORS,
    options: Options | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Several estimators in one reading of the states.

    Returns `mutual_information` (estimator, transition, unit), each as the function of that name gives it, and,
    where `options.repeats` is not 0, `mutual_information_shuffle` of the same shape, the mean over the sample
    shuffles: NaN for units that are not shuffled (`options.shuffled_units`). Raises as `mutual_information` does.
    """
    options = options or Options()
    options.check()
    some = some_of(states, options.seed)
    (found,) = read_together(some, [informations(some, estimators, options)], progress, along=UNIT)
    return found


def informations(states: xr.DataArray, estimators: Sequence[Estimator], options: Options) -> Reading:
    """A walk along units that makes what `mutual_informations` returns. Raises as that does."""
    options.check()
    if not estimators or not set(estimators) <= set(ESTIMATORS) or len(set(estimators)) < len(estimators):
        raise UsageError(f"Estimators are one or more of {', '.join(ESTIMATORS)}, each once; got {estimators!r}.")
    transition_coords(states)
    gathered = estimates(states.sizes[SAMPLE], states.sizes[UNIT], estimators, options)
    return Reading(gathered.reduce, lambda bands: _labelled(states, estimators, options, gathered.finish(bands)))


def _labelled(
    states: xr.DataArray, estimators: Sequence[Estimator], options: Options, found: Estimates
) -> xr.Dataset:
    transitions = transition_coords(states)
    n_samples = states.sizes[SAMPLE]
    definition = " | ".join(_DEFINITIONS[name] for name in estimators)
    parameters: dict[str, Any] = {"estimators": list(estimators)}
    if "ksg" in estimators:
        parameters["k"] = int(options.k)
    if "binned" in estimators:
        parameters["bins"] = int(options.bins or information.default_bins(n_samples))
    dims = (ESTIMATOR, TRANSITION, UNIT)
    coords = {
        ESTIMATOR: np.array(list(estimators)),
        **transitions,
        **along(states, UNIT),
        "tie_share": ((TRANSITION, UNIT), found.ties),
        "gaussian_floor": ((TRANSITION, UNIT), found.gaussian),
    }
    if "kde" in estimators and not options.device:
        parameters["precision"] = options.precision
    said: dict[str, Any] = {
        "units": "nats",
        "source": "Fernando & Guitchounts 2025, Fig. 1G, H",
        "states": states,
        "seed": int(options.seed),
    }
    values = np.stack([found.values[name] for name in estimators])
    results = {
        "mutual_information": label_result(
            values,
            dims,
            coords,
            quantity="mutual_information",
            definition=definition,
            parameters=parameters,
            **said,
            **_qualified(values, found, states),
        )
    }
    if options.repeats:
        results["mutual_information_shuffle"] = label_result(
            np.stack([found.shuffled[name] for name in estimators]),
            dims,
            coords,
            quantity="mutual_information_shuffle",
            definition=f"mean over {options.repeats} permutations of the later state's samples of: {definition}",
            parameters={**parameters, "repeats": int(options.repeats)},
            n_units_shuffled=min(states.sizes[UNIT], options.shuffled_units or states.sizes[UNIT]),
            **said,
        )
    return xr.Dataset(results)


def _qualified(values: np.ndarray, found: Estimates, states: xr.DataArray) -> dict[str, Any]:
    """What a reader must know of the numbers, as attributes."""
    n_samples = states.sizes[SAMPLE]
    ceiling = math.log(n_samples) - 1
    undefined = int(np.isnan(values).sum())
    tied = int((found.ties > HEAVY_TIES).sum())
    notes: dict[str, Any] = {
        "n_undefined": undefined,
        "n_constant": int(found.constant.sum()),
        "n_tied": tied,
        "ceiling": ceiling,
        "n_above_ceiling": int((values > ceiling).sum()),
        "n_infinite": int(np.isinf(values).sum()),
    }
    if "last_token" in states.coords:
        notes["last_token_entropy"] = _entropy(states["last_token"].values)
    said = []
    if undefined:
        said.append(f"NaN in {undefined} places, where a unit is constant or {n_samples} samples are too few.")
    if tied:
        said.append(
            f"In {tied} pairs of a unit and a transition more than {HEAVY_TIES:.0%} of the samples share a value "
            "with another: these estimates rest on few values."
        )
    if said:
        notes["note"] = " ".join(said)
    return notes


def _entropy(symbols: np.ndarray) -> float:
    """Plug-in entropy of symbols, in nats."""
    share = np.unique(symbols, return_counts=True)[1] / len(symbols)
    return float(-(share * np.log(share)).sum())
