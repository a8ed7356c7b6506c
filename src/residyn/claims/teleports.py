"""Curves of teleports by place, with replicates over hosts: what claims about teleports are judged by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.claims.claim import ISOTROPIC, UNTRAINED, Part
from residyn.claims.curves import flips
from residyn.numerics.groups import groups_of, replicate_weights, weighted_mean
from residyn.quantities.curves import Curves
from residyn.schema import SiteMap
from residyn.teleports.labels import GROUP, HOST, INJECTED, KIND

DISCS = "discs"
"""The yardstick of `ISOTROPIC`: moves as far, in the plane."""
SAID = (
    "each host's value with a random sign",
    "how far each host's value is from none",
    "on which side of it it is",
)
_PULL = "pull_excess"


class Journeys(NamedTuple):
    """The evidence of teleports, and every curve by host, (H, places)."""

    evidence: Curves
    by_host: dict[str, np.ndarray]


def journeys(summary: xr.Dataset, resamples: int, seed: int) -> dict[str, Journeys]:
    """Curves by name: "model", "discs", "isotropic moves", "untrained 0", …; those that the summary knows.

    `summary` is that of `residyn.summary` or `residyn.beside`. Of the model and of untrained ones, the moves to
    the grid are judged; the control direction is the middle radius of "isotropic", beside that of "disc".
    """
    found = {}
    models = summary["model"].values.tolist() if "model" in summary.dims else [None]
    for model in models:
        one = summary if model is None else summary.sel(model=model)
        if model in (None, "trained"):
            names = {"model": "grid", DISCS: "disc", ISOTROPIC: "isotropic"}
        elif str(model).startswith(UNTRAINED):
            names = {str(model): "grid"}
        else:
            continue
        for name, kind in names.items():
            groups = np.flatnonzero(summary[KIND].values == kind)
            if len(groups):
                found[name] = _journeys(one.isel({GROUP: groups[len(groups) // 2]}), resamples, seed)
    return found


def _journeys(summary: xr.Dataset, resamples: int, seed: int) -> Journeys:
    pull = summary["teleports_by_host"].sel(quantity_of_flow=_PULL).transpose(HOST, INJECTED).values
    by_host = {name: pull[:, places] for name, places in _places(summary).items()}
    n = len(pull)
    group = groups_of(np.arange(n), n, seed)
    weights = replicate_weights(n, resamples, seed)
    curves = {name: weighted_mean(values, group, weights) for name, values in by_host.items()}
    return Journeys(Curves(curves, _NO_KINDS, n, n), by_host)


_NO_KINDS = np.empty(0, dtype=str)


def _places(summary: xr.Dataset) -> dict[str, np.ndarray]:
    """Which places belong to which curve: early and late by their layer over the model's last, inner and ends."""
    layers = summary["injected_layer"].values.astype(np.float64)
    sites: Any = summary.attrs.get("sites")
    last = SiteMap.from_json(sites).sublayers[-1].layer if sites else layers.max()
    depth = layers / max(last, 1)
    order = np.argsort(depth, kind="stable")
    return {
        "early": np.flatnonzero(depth <= 1 / 3),
        "late": np.flatnonzero(depth >= 2 / 3),
        "inner": order[1:-1],
        "ends": order[[0, -1]],
    }


def host_null(part: Part, journeys: Journeys, seed: int) -> np.ndarray:
    """Values of a statistic where each host's pull, at all places at once, has a random sign; see `flips`."""
    signs = 1.0 - 2.0 * flips(journeys.evidence.n_samples, np.random.default_rng(seed))
    return part.compute({name: _signed_mean(signs, journeys.by_host[name]) for name in part.needs}, _NO_KINDS)


def _signed_mean(signs: np.ndarray, values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    count = np.broadcast_to(known.sum(axis=0), (len(signs), values.shape[1]))
    total = signs @ np.where(known, values, 0.0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
