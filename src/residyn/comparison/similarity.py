"""How alike two runs represent the same texts, at each of their depths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from residyn.errors import DataError
from residyn.numerics.pca import one_thread
from residyn.schema import SAMPLE, SUBLAYER, check_states
from residyn.walk import loaded

DEPTHS = 11
"""Relative depths at which states are compared: 0, 0.1, … 1."""
MOST_SAMPLES = 1000
"""Samples that are compared at the most: Gram matrices grow with their square."""
LEAST_SAMPLES = 4
"""Fewest samples for which the estimator is defined."""


def representation_similarity(states: xr.DataArray, other: xr.DataArray, *, seed: int = 0) -> xr.DataArray:
    """Linear CKA between two runs' states of the same texts, (depth, other_depth), at most 1.

    `states` and `other` are paired by the label `sample`, which has to name the same text in both (`paired` sees
    to that); each is taken at the sublayers nearest to the relative depths 0, 0.1, …, 1. With K and L the Gram
    matrices (sample × sample) of the two, CKA is HSIC(K, L) / √(HSIC(K, K) HSIC(L, L)), in which HSIC is the
    unbiased estimator: the plain one tends to 1 where there are more units than samples, whatever the states.
    1 for states that are equal up to rotation, translation and scale; about 0, and negative as often as positive,
    for unrelated ones. NaN where one of the states does not differ between samples (attribute `n_undefined`
    counts).

    At most 1000 samples are used, chosen by `seed` (attribute `n_samples`). Holds eleven Gram matrices of each
    run in float64, 88 MB at 1000 samples. Kornblith et al. 2019, arXiv:1905.00414; Song et al. 2012, JMLR 13;
    Nguyen et al. 2021, arXiv:2010.15327. Raises DataError where fewer than four samples have a pair.
    """
    check_states(states)
    check_states(other)
    labels = np.intersect1d(states[SAMPLE].values, other[SAMPLE].values)
    if len(labels) < LEAST_SAMPLES:
        raise DataError(
            f"Representations are compared on at least {LEAST_SAMPLES} samples that both runs have; "
            f"{len(labels)} labels along {SAMPLE!r} are shared. Capture both on the same texts."
        )
    if len(labels) > MOST_SAMPLES:
        labels = np.sort(np.random.default_rng(seed).permutation(labels)[:MOST_SAMPLES])
    with one_thread():
        grams, others = _grams(states, labels), _grams(other, labels)
        values = _cka(grams, others)
    depths = np.linspace(0.0, 1.0, DEPTHS)
    return xr.DataArray(
        values,
        dims=("depth", "other_depth"),
        coords={
            "depth": depths,
            "other_depth": depths,
            "sublayer": ("depth", states[SUBLAYER].values[nearest(states)]),
            "other_sublayer": ("other_depth", other[SUBLAYER].values[nearest(other)]),
        },
        name="representation_similarity",
        attrs={
            "quantity": "representation_similarity",
            "units": "1",
            "definition": "linear CKA between states of the same texts, unbiased HSIC",
            "source": "Kornblith et al. 2019, arXiv:1905.00414; Nguyen et al. 2021, arXiv:2010.15327",
            "n_samples": len(labels),
            "n_undefined": int(np.isnan(values).sum()),
            "seed": seed,
        },
    )


def paired(
    states: xr.DataArray, texts: Mapping[int, str], other: xr.DataArray, other_texts: Mapping[int, str]
) -> tuple[xr.DataArray, xr.DataArray]:
    """The states of the texts that two runs share, in one order, labelled 0, 1, … along `sample` in both.

    `texts` and `other_texts` give, for each label of the states, what tells texts apart (a sha256); labels alone
    do not, since runs number their texts each on its own. Of a text that a run has several times, the first in its
    order of labels is taken.
    """
    own, others = _by_text(states, texts), _by_text(other, other_texts)
    shared = sorted(own.keys() & others.keys())
    rows, other_rows = [own[text] for text in shared], [others[text] for text in shared]
    labels = np.arange(len(shared))
    return (
        states.isel({SAMPLE: rows}).assign_coords({SAMPLE: labels}),
        other.isel({SAMPLE: other_rows}).assign_coords({SAMPLE: labels}),
    )


def _by_text(states: xr.DataArray, texts: Mapping[int, str]) -> dict[str, int]:
    """The position of each text's first sample."""
    labels = states[SAMPLE].values
    found: dict[str, int] = {}
    for position in np.argsort(labels, kind="stable"):
        text = texts.get(int(labels[position]))
        if text is not None:
            found.setdefault(text, int(position))
    return found


def similarity_table(
    runs: Mapping[str, tuple[xr.DataArray, Mapping[int, str]]], *, seed: int = 0
) -> pd.DataFrame | None:
    """How alike the first run represents the texts that it shares with each other one, as rows.

    `runs` are, by the name of the run, its states and what tells their texts apart (see `paired`). Columns: run,
    other, depth, sublayer, other_depth, other_sublayer, value (`representation_similarity`) and n_samples. Runs
    that share fewer than four texts with the first are left out; None where that leaves none.
    """
    frames = []
    first, *others = runs
    for other in others:
        pair = paired(*runs[first], *runs[other])
        if pair[0].sizes[SAMPLE] >= LEAST_SAMPLES:
            frames.append(_rows(representation_similarity(*pair, seed=seed), first, other))
    return pd.concat(frames, ignore_index=True) if frames else None


def _rows(similarity: xr.DataArray, run: str, other: str) -> pd.DataFrame:
    values = similarity.values
    return pd.DataFrame(
        {
            "run": run,
            "other": other,
            **{name: np.repeat(similarity[name].values, values.shape[1]) for name in ("depth", "sublayer")},
            **{name: np.tile(similarity[name].values, len(values)) for name in ("other_depth", "other_sublayer")},
            "value": values.ravel(),
            "n_samples": similarity.attrs["n_samples"],
        }
    )


def nearest(states: xr.DataArray) -> np.ndarray:
    """Positions of the sublayers nearest to each relative depth."""
    return np.rint(np.linspace(0.0, states.sizes[SUBLAYER] - 1, DEPTHS)).astype(int)


def _grams(states: xr.DataArray, labels: np.ndarray) -> np.ndarray:
    """Gram matrices with a diagonal of 0, centred for the unbiased estimator, (DEPTHS, n, n), each of norm 1."""
    rows = states.indexes[SAMPLE].get_indexer(labels)
    made = np.empty((DEPTHS, len(rows), len(rows)))
    for gram, place in zip(made, nearest(states), strict=True):
        points = loaded(states.isel({SUBLAYER: [int(place)]}))[rows, 0].astype(np.float64)
        gram[:] = _centred(points)
    return made


def _centred(points: np.ndarray) -> np.ndarray:
    """The U-centred Gram matrix (n, n) of points (n, D), of norm 1; NaN where the points are all the same.

    Its inner product with another one is the unbiased HSIC, up to a factor that CKA does not see (Székely & Rizzo
    2014).
    """
    centred = points - points.mean(axis=0)
    size, spread = np.abs(points).max(), np.abs(centred).max()
    n = len(points)
    if not np.isfinite(size) or spread <= 1e-12 * size:
        return np.full((n, n), np.nan)
    centred /= spread
    gram = centred @ centred.T
    np.fill_diagonal(gram, 0.0)
    row = gram.sum(axis=1) / (n - 2)
    gram -= row[:, None] + row[None, :] - row.sum() / (n - 1)
    np.fill_diagonal(gram, 0.0)
    norm = np.linalg.norm(gram)
    return gram / norm if norm > 0 else np.full((n, n), np.nan)


def _cka(grams: np.ndarray, others: np.ndarray) -> np.ndarray:
    return grams.reshape(len(grams), -1) @ others.reshape(len(others), -1).T
