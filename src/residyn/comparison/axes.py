"""Whether two networks share the axes of their units, beyond what a rotation of one would leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from residyn.comparison.depth import sublayer_depths
from residyn.comparison.similarity import MOST_SAMPLES, nearest, paired
from residyn.errors import DataError
from residyn.numerics.groups import groups_of
from residyn.numerics.matching import matched_units, mean_correlations, orthogonal_map, vary
from residyn.numerics.pca import one_thread
from residyn.numerics.surrogates import haar_rotation
from residyn.quantities.measure import INTERVAL
from residyn.quantities.replicates import Plan, plan_of, with_ends
from residyn.schema import BOUND, BOUNDS, SAMPLE, SUBLAYER, UNIT, check_states, documents_of
from residyn.walk import loaded
from residyn.words import number

MATCHED, ORTHOGONAL, ROTATED, SHUFFLED = "matched", "orthogonal", "rotated", "shuffled"
MAPS = (MATCHED, ORTHOGONAL, ROTATED, SHUFFLED)
DRAWS = 5
"""Random rotations, and random orders of the texts, that units are matched after."""
LEAST_SAMPLES = 8
"""Fewest samples, of which half are held out."""
MOST_UNITS = 2048
"""Units of the wider network, at the most: the cost of an assignment grows with their cube."""
_NAME = "shared_axes"


def shared_axes(states: xr.DataArray, other: xr.DataArray, *, seed: int = 0) -> xr.DataArray:
    """How well units of two networks, matched one to one, agree on held-out texts, (map, bound, depth), Pearson r.

    `states` and `other` are paired by the label `sample`, as for `representation_similarity`, at the sublayers
    nearest to eleven relative depths, each pair of sublayers once; `depth` is that of `states`. Units are matched
    on half of the documents of `states`, drawn by `seed`: each unit of the narrower network with one of the other,
    so that the sum of |r| is largest, since the sign of a unit is a convention. Values are of the other half,
    means over units of r, in [−1, 1]. Along `map`:

    matched      the units that were matched, with the sign of r on the first half
    orthogonal   each unit of the narrower network, and what the best orthogonal map makes of it (Procrustes,
                 fitted on the same half). It may do all that a matching does; where samples are few beside units
                 it has more to learn from them, and can be below
    rotated      as matched, after a random rotation of the wider network's units, each of unit variance: what is
                 left without shared axes, by the shapes of both clouds. Of unequal variances a few large units
                 would be in all units after a rotation, which would then all be alike
    shuffled     as matched, with the texts of one network in another order: chance

    Along `bound`: value; low and high, the ends of its 95 % interval over documents of the held-out half; of
    rotated and shuffled the mean of five draws, their smallest and their largest. The coordinate `n_matched` is
    how many pairs there are: units that are constant on either half are left out. NaN where none is left. At most
    1000 samples are used. Khosla et al. 2024, doi:10.1101/2024.06.20.599957; Brown et al. 2023, arXiv:2307.12941.

    Raises DataError for fewer than eight samples that both have, samples of one document, and more than 2048
    units.
    """
    check_states(states)
    check_states(other)
    labels = np.intersect1d(states[SAMPLE].values, other[SAMPLE].values)
    if len(labels) > MOST_SAMPLES:
        labels = np.sort(np.random.default_rng(seed).permutation(labels)[:MOST_SAMPLES])
    mine, theirs = (one.isel({SAMPLE: one.indexes[SAMPLE].get_indexer(labels)}) for one in (states, other))
    half = groups_of(documents_of(mine), 2, seed) if len(labels) else np.zeros(0, dtype=np.int64)
    if reason := _unfit(mine, theirs, half):
        raise DataError(f"Axes cannot be matched: {reason}.")
    plan = plan_of(mine.isel({SAMPLE: half == 1}), seed=seed)
    # Runs of few sublayers have the same one nearest to several depths: it counts once.
    places = list(dict.fromkeys(zip(nearest(mine), nearest(theirs), strict=True)))
    with one_thread():
        found = [_at(_points(mine, i), _points(theirs, j), half, plan, seed) for i, j in places]
    values = np.stack([value for value, _ in found], axis=-1)
    return xr.DataArray(
        values,
        dims=("map", BOUND, "depth"),
        coords={
            "map": list(MAPS),
            BOUND: list(BOUNDS),
            "depth": sublayer_depths(mine.sizes[SUBLAYER])[[i for i, _ in places]],
            "sublayer": ("depth", mine[SUBLAYER].values[[i for i, _ in places]]),
            "other_sublayer": ("depth", theirs[SUBLAYER].values[[j for _, j in places]]),
            "n_matched": ("depth", [n for _, n in found]),
        },
        name=_NAME,
        attrs={
            "quantity": _NAME,
            "units": "1",
            "definition": "mean r of units matched one to one, on held-out documents, and of orthogonal maps",
            "source": "Khosla et al. 2024, doi:10.1101/2024.06.20.599957; Brown et al. 2023, arXiv:2307.12941",
            "n_samples": len(labels),
            "n_held_out": int((half == 1).sum()),
            "n_undefined": int(np.isnan(values[:2, 0]).sum()),
            "draws": DRAWS,
            "seed": seed,
        },
    )


def shared_axes_table(
    runs: Mapping[str, tuple[xr.DataArray, Mapping[int, str]]], *, seed: int = 0
) -> tuple[pd.DataFrame | None, list[str]]:
    """`shared_axes` of the first run with each other one, as rows, and why others are left out, in sentences.

    `runs` are, by the name of the run, its states and what tells their texts apart (see `paired`). Columns: run,
    other, depth, sublayer, other_sublayer, map, value, low, high, interval, n_matched, n_samples. None where no
    pair can be matched. Runs without eight texts of the first are left out without a word, as of similarity.
    """
    frames, left_out = [], []
    first, *others = runs
    for other in others:
        mine, theirs = paired(*runs[first], *runs[other])
        if mine.sizes[SAMPLE] < LEAST_SAMPLES:
            continue
        try:
            found = shared_axes(mine, theirs, seed=seed)
        except DataError as error:
            left_out.append(f"{first} and {other}: {str(error)[:1].lower()}{str(error)[1:]}")
            continue
        frames.append(_rows(found, first, other))
    return pd.concat(frames, ignore_index=True) if frames else None, left_out


def said_of_axes(table: pd.DataFrame) -> list[str]:
    """A sentence for each pair of runs of `shared_axes_table`: how well matched units agree, beside the rest."""
    said = []
    for pair in dict.fromkeys(zip(table["run"], table["other"], strict=True)):
        rows = table.loc[(table["run"] == pair[0]) & (table["other"] == pair[1])]
        by_map = {name: rows.loc[rows["map"] == name].set_index("depth") for name in MAPS}
        means = {name: float(by_map[name]["value"].mean()) for name in MAPS}
        low, high = by_map[MATCHED]["low"], by_map[MATCHED]["high"]
        beyond = int((low > by_map[ROTATED]["high"]).sum())
        known = int(by_map[MATCHED]["value"].notna().sum())
        at = (
            f"at {beyond} of {known} depths its interval lies above that of every rotation"
            if low.notna().any() and high.notna().any()
            else "without an interval over documents"
        )
        said.append(
            f"Units of {pair[0]} and {pair[1]}, matched on one half of the documents, correlate by "
            f"{number(means[MATCHED])} on the other, mean over depth; {number(means[ROTATED])} where the axes of "
            f"one are rotated at random, and {number(means[SHUFFLED])} with texts out of order: {at}. The best "
            f"orthogonal map reaches {number(means[ORTHOGONAL])}."
        )
    return said


def _unfit(mine: xr.DataArray, theirs: xr.DataArray, half: np.ndarray) -> str:
    """Why two runs cannot be matched; empty where they can."""
    if len(half) < LEAST_SAMPLES:
        return (
            f"at least {LEAST_SAMPLES} samples that both runs have are needed, half of them to be held out; "
            f"{len(half)} are shared. Capture both on the same texts"
        )
    if not (half == 1).any():
        return "all samples are of one document, so that no document can be held out. Capture texts of several"
    widest = max(mine.sizes[UNIT], theirs.sizes[UNIT])
    if widest > MOST_UNITS:
        return f"an assignment of {widest:,} units takes too long, and at most {MOST_UNITS:,} are matched"
    return ""


def _points(states: xr.DataArray, place: int) -> np.ndarray:
    return loaded(states.isel({SUBLAYER: [int(place)]}))[:, 0].astype(np.float64)


def _at(one: np.ndarray, other: np.ndarray, half: np.ndarray, plan: Plan, seed: int) -> tuple[np.ndarray, int]:
    """Values (map, bound) of one pair of sublayers, and how many units were matched."""
    if one.shape[1] < other.shape[1]:
        one, other = other, one
    fitted = half == 0
    wide, narrow = (points[:, vary(points[fitted]) & vary(points[~fitted])] for points in (one, other))
    n = min(wide.shape[1], narrow.shape[1])
    if not n:
        return np.full((len(MAPS), len(BOUNDS)), np.nan), 0
    if wide.shape[1] < narrow.shape[1]:
        wide, narrow = narrow, wide
    rng = np.random.default_rng(seed)
    weights = plan.weights[:, plan.group]
    wide, narrow = _centred(wide), _centred(narrow)
    rows = [_matched(wide, narrow, fitted, weights), _orthogonal(wide, narrow, fitted, weights)]
    once = weights[:1]
    alike = wide / wide[fitted].std(axis=0)
    rotated = [_matched(alike @ haar_rotation(wide.shape[1], rng), narrow, fitted, once) for _ in range(DRAWS)]
    shuffled = [_matched(wide[_reordered(fitted, rng)], narrow, fitted, once) for _ in range(DRAWS)]
    ends = [with_ends(row[:, None], plan, (-1.0, 1.0))[:, 0] for row in rows]
    return np.array([*ends, *(_range(np.concatenate(draws)) for draws in (rotated, shuffled))]), n


def _centred(points: np.ndarray) -> np.ndarray:
    """Points around their mean, scaled by one number, so that products of very large ones are finite."""
    centred = points - points.mean(axis=0)
    return centred / np.abs(centred).max()


def _reordered(fitted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An order of the samples in which those of each half stay among each other."""
    order = np.arange(len(fitted))
    for half in (fitted, ~fitted):
        order[half] = rng.permutation(order[half])
    return order


def _matched(wide: np.ndarray, narrow: np.ndarray, fitted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    rows, columns, signs = matched_units(wide[fitted], narrow[fitted])
    return mean_correlations(wide[~fitted][:, rows] * signs, narrow[~fitted][:, columns], weights)


def _orthogonal(wide: np.ndarray, narrow: np.ndarray, fitted: np.ndarray, weights: np.ndarray) -> np.ndarray:
    made = wide[~fitted] @ orthogonal_map(wide[fitted], narrow[fitted])
    return mean_correlations(made, narrow[~fitted], weights)


def _range(draws: np.ndarray) -> np.ndarray:
    return np.array([draws.mean(), draws.min(), draws.max()])


def _rows(found: xr.DataArray, run: str, other: str) -> pd.DataFrame:
    def of_map(name: str) -> Iterator[tuple[str, object]]:
        yield from (("run", run), ("other", other), ("depth", found["depth"].values))
        yield from ((place, found[place].values.astype(str)) for place in ("sublayer", "other_sublayer"))
        yield "map", name
        yield from ((end, found.sel({"map": name, BOUND: end}).values) for end in BOUNDS)
        yield "interval", INTERVAL if name in (MATCHED, ORTHOGONAL) else f"smallest and largest of {DRAWS} draws"
        yield from (("n_matched", found["n_matched"].values), ("n_samples", found.attrs["n_samples"]))

    return pd.concat([pd.DataFrame(dict(of_map(name))) for name in MAPS], ignore_index=True)
