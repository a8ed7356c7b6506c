"""Curves of teleports by place, with replicates over hosts: what claims about teleports are judged by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from residyn.claims.claim import Criterion
from residyn.claims.depth_nulls import flips
from residyn.numerics.groups import groups_of, replicate_weights, weighted_mean
from residyn.quantities.replicates import Plan
from residyn.quantities.sums import Depth
from residyn.sitemap import SiteMap
from residyn.teleports.labels import GROUP, HOST, INJECTED, KIND

MODEL, UNTRAINED = "model", "untrained"
NO_DEPTH = Depth(np.empty(0, int), np.empty(0, str), np.empty(0, str))
"""Places of teleports are few, and have no kinds."""
_QUANTITIES = ("rho", "amplification")


class Trajectories(NamedTuple):
    """Curves of teleported trajectories with their replicates, (1 + B, places); by host, (H, places); the plan."""

    curves: dict[str, np.ndarray]
    by_host: dict[str, np.ndarray]
    plan: Plan


def trajectories(summary: xr.Dataset, resamples: int, seed: int) -> dict[str, Trajectories]:
    """Curves by name: "model", "disc", "isotropic", "untrained 0", …; those that the summary knows.

    `summary` is that of `residyn.summary` or `residyn.beside`. Of the model and of untrained ones, the moves to
    the grid are judged; "isotropic" and "disc" at their middle radius.
    """
    found = {}
    models = summary["model"].values.tolist() if "model" in summary.dims else [None]
    for model in models:
        one = summary if model is None else summary.sel(model=model)
        if model in (None, "trained"):
            names = {MODEL: "grid", "disc": "disc", "isotropic": "isotropic"}
        elif str(model).startswith(UNTRAINED):
            names = {str(model): "grid"}
        else:
            continue
        for name, kind in names.items():
            groups = np.flatnonzero(summary[KIND].values == kind)
            if len(groups):
                found[name] = _trajectories(one.isel({GROUP: groups[len(groups) // 2]}), resamples, seed)
    return found


def _trajectories(summary: xr.Dataset, resamples: int, seed: int) -> Trajectories:
    places = _places(summary)
    by_host = {}
    for quantity in _QUANTITIES:
        values = summary["teleports_by_host"].sel(quantity_of_flow=quantity).transpose(HOST, INJECTED).values
        by_host |= {f"{quantity}_{name}": values[:, chosen] for name, chosen in places.items()}
    n = summary.sizes[HOST]
    group = groups_of(np.arange(n), n, seed)
    plan = Plan(group, replicate_weights(n, resamples, seed), seed)
    curves = {name: weighted_mean(values, group, plan.weights) for name, values in by_host.items()}
    return Trajectories(curves, by_host, plan)


def _places(summary: xr.Dataset) -> dict[str, np.ndarray]:
    """Which places belong to which curve: early and late by their layer over the model's last, inner and ends.

    Of the places with the longest horizon alone: over fewer sublayers, less can come back.
    """
    layers = summary["injected_layer"].values.astype(np.float64)
    sites: Any = summary.attrs.get("sites")
    last = SiteMap.from_json(sites).sublayers[-1].layer if sites else layers.max()
    depth = layers / max(last, 1)
    whole = np.flatnonzero(summary["horizon_steps"].values == summary["horizon_steps"].values.max())
    order = whole[np.argsort(depth[whole], kind="stable")]
    return {
        "early": order[depth[order] <= 1 / 3],
        "late": order[depth[order] >= 2 / 3],
        "inner": order[1:-1],
        "ends": order[[0, -1]],
    }


def host_null(criterion: Criterion, found: Trajectories, seed: int) -> np.ndarray:
    """Values of a statistic of one curve where each host's distance from the threshold, at all places at once, has
    a random sign; see `flips`.
    """
    signs = 1.0 - 2.0 * flips(found.plan.n_groups, np.random.default_rng(seed))
    (name,) = criterion.needs
    drawn = criterion.threshold + signed_mean(signs, found.by_host[name] - criterion.threshold)
    return criterion.compute({name: drawn}, NO_DEPTH)


def signed_mean(signs: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Means over hosts or texts of values (H, P) with the signs of each draw (draws, H), NaN left out."""
    known = np.isfinite(values)
    count = np.broadcast_to(known.sum(axis=0), (len(signs), values.shape[1]))
    total = signs @ np.where(known, values, 0.0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
