"""Dependence of successive states beyond what the skip path guarantees, and information beyond what r implies."""

from __future__ import annotations

import itertools
import json
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import dependence as numerics
from residyn.numerics import information, pca
from residyn.numerics.moments import LEAST_SAMPLES
from residyn.quantities.subsample import some_of
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION, UNIT, along, documents_of, label_result, transition_coords
from residyn.walk import Progress, Reading, read_together

LEAST_JOINT = 5
"""Fewest samples of either half that the whole step is regressed on."""
MOST_JOINT = 2000
"""Most samples of that regression: the eigenvalues of n samples cost n³."""

_PAIRED_VALUES = 1 << 20
"""Values of states and steps held at a time for the estimate of information: 8 MiB."""

_RESULTS = {
    "step_correlation": (
        "Pearson r",
        "correlation over samples of step and state",
        "a unit or its step is constant",
    ),
    "step_r2": (
        "1",
        "held-out R² of the step on the state by a line, each half of the samples predicted from the other, "
        "no document in both",
        "a unit is constant in a half of the samples, or its step in all",
    ),
    "step_information": (
        "nats",
        "Gaussian-copula mutual information of step and state, bias-corrected",
        "a unit or its step is constant",
    ),
}
"""Of each result per unit: its units, its definition, and where it is undefined."""
_JOINT = (
    "1",
    "held-out R² of the whole step on the whole state by ridge regression on all units, z-scored, total over the "
    "step's units, each half of the samples predicted from the other, no document in both; the penalty is the one "
    "that predicts best from one part of a half's documents to the other",
    "the states of a half of the samples are all the same or of one document, or all steps are the same",
)
_OF_DOCUMENTS = "of whole documents"


class _OfUnits(NamedTuple):
    """Of a band of units, (S − 1, d) each, named as the results."""

    step_correlation: np.ndarray
    step_r2: np.ndarray
    step_information: np.ndarray


class _Band(NamedTuple):
    """Shares of the transitions inside a band of sublayers, and the states at its ends, for those across."""

    shares: list[float]
    first: np.ndarray
    last: np.ndarray


def dependence(states: xr.DataArray, seed: int = 0, progress: Progress | None = None) -> xr.Dataset:
    """How much of the next state's dependence on this one is not the skip path's, with Δ = h′ − h the step.

    Per unit, (transition, unit), over samples (beside the quantities skip_correlation and correlation_excess):
    step_correlation: r of step and state, in [−1, 1]. step_r2: held-out R² of the step on the state, ≤ 1: a line
    fitted to one half of the samples predicts the other, and the other way round; negative where it predicts worse
    than the fitted half's mean. step_information: mutual information of step and state (gcmi), in nats, unclipped;
    infinite where the step is a monotone function of the state.

    Of all units together, (transition,):
    step_r2_joint: held-out R² of the whole step on the whole state, ≤ 1, by ridge regression on all units, each
    divided by its standard deviation in the fitted half. Its penalty is the one that predicts best from one part
    of that half's documents to the other. What attention and MLP write is a function of the state, and of the
    tokens before: a share near 1 says that the function is nearly linear over these samples. A low one need not
    say the contrary: where a half has fewer samples than the states have dimensions, no fit knows the whole map,
    and the share is a lower bound. At most 2000 samples, chosen by the seed.

    Of more than 4,000 samples so many are drawn by the seed (attribute `drawn_from`).

    The halves are random, by `seed`, and about equally large. Where the states have the coordinate `document`, no
    document is in both, because what its samples share would pass for dependence; samples of no known document
    count each for itself. Attributes of both shares: `halves`, "of whole documents" or "of samples", and
    `larger_half` and `smaller_half`, their numbers of samples.

    NaN where a unit, or its step, is constant, and for too few samples (3; in each half 3; jointly 5), so that
    nothing is held out where all samples are of one document, nor jointly where a half's are: attributes
    `n_undefined` and `note`. Memory beside the results: two blocks of the states and a few copies of a sublayer's.
    `progress` counts units and then sublayers. Raises DataError where the states break the data contract, are
    empty, have but one sublayer, or hold a non-finite value.

    >>> rd.dependence(states)["step_r2"].dims
    ('transition', 'unit')
    """
    states = some_of(states, seed)
    transition_coords(states)
    n_units, n_sublayers = states.sizes[UNIT], states.sizes[SUBLAYER]
    total = n_units + n_sublayers
    (by_unit,) = read_together(states, [unit_steps(states, seed)], _shifted(progress, 0, total), along=UNIT)
    with pca.one_thread():
        (joint,) = read_together(
            states, [joint_steps(states, seed)], _shifted(progress, n_units, total), along=SUBLAYER
        )
    return xr.Dataset({**by_unit, **joint})


def unit_steps(states: xr.DataArray, seed: int) -> Reading:
    """A walk along units that makes step_correlation, step_r2 and step_information; see `dependence`."""
    documents = documents_of(states)
    split = numerics.halves(documents, seed)

    def reduce_band(block: np.ndarray, _: int) -> _OfUnits:
        # Not merged from the halves: what does not depend on these is not to change with them in its last bits.
        whole = numerics.step_moments(block)
        return _OfUnits(numerics.step_correlation(whole), _halved(block, split), _information(block))

    def finish(bands: list[_OfUnits]) -> xr.Dataset:
        coords = {**along(states, UNIT), **transition_coords(states)}
        found = _OfUnits(*(np.concatenate(parts, axis=1) for parts in zip(*bands, strict=True)))
        halves = {"step_r2": _halves(split, documents)}
        results = (
            _label(states, values, coords, name, _RESULTS[name], seed=int(seed), **halves.get(name, {}))
            for name, values in found._asdict().items()
        )
        return xr.Dataset({str(result.name): result for result in results})

    return Reading(reduce_band, finish)


def joint_steps(states: xr.DataArray, seed: int) -> Reading:
    """A walk along sublayers that makes step_r2_joint, of pairs inside bands of sublayers and across them."""
    documents = documents_of(states)
    rows = np.sort(np.random.default_rng(seed).permutation(states.sizes[SAMPLE])[:MOST_JOINT])
    split = numerics.halves(documents[rows], seed)
    parts = numerics.folds(documents[rows], split, seed) if len(split[1]) >= LEAST_JOINT else None

    def share(before: np.ndarray, after: np.ndarray) -> float:
        if parts is None:
            return float("nan")
        return numerics.joint_share(before, np.subtract(after, before, dtype=np.float64), split, parts)

    def reduce_band(block: np.ndarray, _: int) -> _Band:
        places = [block[rows, s] for s in (0, -1)]
        shares = [share(block[rows, s], block[rows, s + 1]) for s in range(block.shape[1] - 1)]
        return _Band(shares, *places)

    def finish(bands: list[_Band]) -> xr.Dataset:
        shares = list(bands[0].shares)
        for before, band in itertools.pairwise(bands):
            shares += [share(before.last, band.first), *band.shares]
        result = _label(
            states,
            np.array(shares),
            transition_coords(states),
            "step_r2_joint",
            _JOINT,
            seed=int(seed),
            parameters={"folds": numerics.FOLDS, "samples": len(rows)},
            **_halves(split, documents[rows]),
        )
        return xr.Dataset({str(result.name): result})

    return Reading(reduce_band, finish)


def information_excess(mutual_information: xr.DataArray) -> xr.DataArray:
    """Mutual information minus −½ ln(1 − r²), which two jointly Gaussian variables of the same r share, in nats.

    `mutual_information` is the result of that name, (estimator, transition, unit) or (transition, unit), with its
    coordinate `gaussian_floor`; the excess has its dimensions. Around 0 where the dependence is all in the
    correlation, more where it is not linear; below 0 is noise, or heavy tails, under which a few samples
    make r overstate what is shared. NaN where the information is, and where r is ±1 and the floor infinite:
    attributes `n_undefined` and `n_infinite_floor` count. Raises DataError for another result.

    >>> rd.information_excess(rd.mutual_information(states)).dims
    ('transition', 'unit')
    """
    result = mutual_information
    quantity = result.attrs.get("quantity") if isinstance(result, xr.DataArray) else type(result).__name__
    if quantity != "mutual_information" or "gaussian_floor" not in result.coords:
        raise DataError(
            "The excess of information is that of mutual_information(states), with its coordinate "
            f"'gaussian_floor'; got {quantity!r}. Pass that result whole."
        )
    floor = result["gaussian_floor"]
    known = np.isfinite(floor)
    excess = (result - floor.where(known)).transpose(*result.dims)
    kept = ("units", "source", "seed", "n_samples", "residyn_version", "states_hash", "model", "texts", "n_tied")
    excess.attrs = {name: result.attrs[name] for name in kept if name in result.attrs} | {
        "quantity": "information_excess",
        "definition": f"{result.attrs['definition']}; minus −½ ln(1 − r²)",
        "parameters": result.attrs.get("parameters", json.dumps({})),
        "n_undefined": int(np.isnan(excess.values).sum()),
        "n_infinite": int(np.isinf(excess.values).sum()),
        "n_infinite_floor": int(np.isinf(floor.values).sum()),
    }
    return excess.rename("information_excess")


def _halved(block: np.ndarray, split: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    if len(split[1]) < LEAST_SAMPLES:
        return np.full((block.shape[1] - 1, block.shape[2]), np.nan)
    return numerics.held_out_share(*(numerics.step_moments(block, rows) for rows in split))


def _information(block: np.ndarray) -> np.ndarray:
    n_samples, n_sublayers, _ = block.shape
    width = max(1, _PAIRED_VALUES // (2 * n_samples * n_sublayers))
    parts = [information.copula(paths)[0, :, ::2] for paths in numerics.paired(block, width)]
    return np.ascontiguousarray(np.concatenate(parts).T)


def _halves(split: tuple[np.ndarray, np.ndarray], documents: np.ndarray) -> dict[str, Any]:
    """The attributes that tell how the samples were halved."""
    return {
        "halves": _OF_DOCUMENTS if (documents >= 0).any() else "of samples",
        "larger_half": len(split[0]),
        "smaller_half": len(split[1]),
    }


def _shifted(progress: Progress | None, start: int, total: int) -> Progress | None:
    return None if progress is None else lambda done, _: progress(start + done, total)


def _label(
    states: xr.DataArray,
    values: np.ndarray,
    coords: dict[str, Any],
    quantity: str,
    said: tuple[str, str, str],
    **known: Any,
) -> xr.DataArray:
    units, definition, undefined_where = said
    undefined = int(np.isnan(values).sum())
    notes: dict[str, Any] = {"n_undefined": undefined, "n_infinite": int(np.isinf(values).sum())}
    if undefined:
        few = f"where {states.sizes[SAMPLE]} samples are too few"
        if "halves" in known:
            few = f"where halves of {known['larger_half']} and {known['smaller_half']} samples are too few"
            if not known["smaller_half"] and known["halves"] == _OF_DOCUMENTS:
                few = "because all samples are of one document, and none can be held out"
        notes["note"] = f"NaN in {undefined} places, where {undefined_where}, or {few}."
    return label_result(
        values,
        (TRANSITION, UNIT)[: values.ndim],
        coords,
        quantity=quantity,
        units=units,
        definition=definition,
        source="control: dependence beyond the skip path",
        states=states,
        **known,
        **notes,
    )
