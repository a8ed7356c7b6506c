"""Teleports in numbers: by place, kind of target and radius, with intervals over hosts; models side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from residyn.errors import DataError
from residyn.numerics.groups import mean_interval
from residyn.teleports.flow import at_horizon
from residyn.teleports.groups import group_coords, groups_of, host_means, returned, without_rounding
from residyn.teleports.labels import (
    GROUP,
    HOST,
    INJECTED,
    KIND,
    OF_STATES,
    RADIUS,
    TARGET,
    along,
    label,
    provenance_of,
)

QUANTITY, MODEL = "quantity_of_flow", "model"
TRAINED, UNTRAINED, DIFFERENCE = "trained", "untrained ", "trained − untrained"
"""Names of models beside each other; an untrained one's has its number behind it."""

_AT_HORIZON = ("rho", "amplification", "relative_distance")
_AT_TARGET = (
    "pull",
    "pull_passive",
    "pull_plane",
    "pull_plane_passive",
    "kl",
    "top1_changed",
    "distance",
    "displacement_norm",
    "off_plane_share",
    "norm_ratio",
    "mahalanobis",
)
_SHARE, _COSINE, _SIZE = (0.0, 1.0), (-1.0, 1.0), (0.0, np.inf)
_BOUNDS = {
    **dict.fromkeys(("pull", "pull_passive", "pull_plane", "pull_plane_passive"), _COSINE),
    **dict.fromkeys(("returned", "top1_changed", "off_plane_share"), _SHARE),
    **dict.fromkeys(("amplification", "relative_distance", "kl", "distance", "displacement_norm"), _SIZE),
    **dict.fromkeys(("norm_ratio", "mahalanobis", OF_STATES), _SIZE),
    "pull_excess": (-2.0, 2.0),
}
"""The smallest and the largest value of a quantity, which no interval leaves."""
_ENDS = {
    "mean": "mean over hosts",
    "low": "lower end of the 95 % bootstrap interval over hosts",
    "high": "upper end of the 95 % bootstrap interval over hosts",
}


def summary(flow: xr.Dataset, *, resamples: int = 1000, seed: int = 0) -> xr.Dataset:
    """Every quantity of a flow, by place and by group of targets (kind and radius), with its interval over hosts.

    teleports_by_host (quantity_of_flow, host, injected, group): the mean over the group's targets, NaN left out.
    teleports_mean, teleports_low, teleports_high (quantity_of_flow, injected, group): the mean over hosts and its
    95 % bootstrap interval, widened for few hosts and kept within what the quantity can be; teleports_n_hosts
    counts the hosts that are defined. Hosts are resampled, not targets, which share a host and are no replicates;
    with one host the interval is NaN. The coordinates `target_kind` and `radius` (group) say what a group is;
    `n_targets` counts its targets. rho and amplification within 1e-9 of 1 are 1, pull and pull_excess within 1e-9
    of 0 are 0: the rest is rounding.

    Quantities: pull, pull_passive, pull_plane and pull_plane_passive; pull_excess = pull − pull_passive, above 0
    only where a state is pulled back; rho, amplification and relative_distance at the horizon; returned, the share
    of targets with amplification < 1; kl, top1_changed, distance, displacement_norm, off_plane_share, norm_ratio,
    mahalanobis and mahalanobis_of_states where the flow has them. Units differ: nats for kl, activation for
    distances, else 1. Raises DataError for another Dataset.

    >>> rd.summary(run.teleports["flow"])["teleports_mean"].dims
    ('quantity_of_flow', 'injected', 'group')
    """
    groups = groups_of(flow)
    values = {name: flow[name].transpose(HOST, INJECTED, TARGET).values for name in _AT_TARGET if name in flow}
    values["pull_excess"] = values["pull"] - values["pull_passive"]
    values |= {name: at_horizon(flow, name) for name in _AT_HORIZON} | {"returned": returned(flow)}
    if OF_STATES in flow.coords:
        # It is a number of the model: as a coordinate it would be one model's beside another's.
        values[OF_STATES] = np.broadcast_to(flow[OF_STATES].values[:, None], values["rho"].shape)
    names = list(values)
    by_host = np.stack([host_means(without_rounding(name, values[name]), groups) for name in names])
    coords = {
        **along(flow, HOST, INJECTED),
        **group_coords(groups),
        QUANTITY: np.array(names),
        "n_targets": (GROUP, np.array([len(group.targets) for group in groups])),
    }
    coords.pop(OF_STATES, None)
    return _estimated(
        xr.Dataset(coords=coords, attrs=provenance_of(flow)), by_host, _bounds(names), resamples, seed
    )


def beside(
    trained: xr.Dataset, untrained: Sequence[xr.Dataset], *, resamples: int = 1000, seed: int = 0
) -> xr.Dataset:
    """Summaries of one experiment on a trained model and on untrained ones, along a dimension `model`.

    `model` is "trained", "untrained 0", "untrained 1", …, and last "trained − untrained": by host, the trained
    model's value minus the mean over the untrained ones, with an interval over the same hosts as `summary` has it.
    That interval is for these untrained models: how they differ is seen in their own rows. Same variables as
    `summary`, of the quantities that all models have. Raises DataError for no untrained model, and where hosts,
    places or groups differ.

    >>> trained = rd.summary(run.teleports["flow"])
    >>> rd.beside(trained, [trained])["model"].values.tolist()
    ['trained', 'untrained 0', 'trained − untrained']
    """
    if not untrained:
        raise DataError("A trained model is put beside untrained ones; none was given. Give at least one summary.")
    for one in (trained, *untrained):
        if "teleports_by_host" not in one:
            raise DataError("Expected what summary(flow) returns. Pass summaries, not flows or teleports.")
    # A model without a head at hand has no prediction to change; the others are compared in what all have.
    common = [
        name
        for name in trained[QUANTITY].values.tolist()
        if all(name in one[QUANTITY].values for one in (trained, *untrained))
    ]
    trained, *untrained = (one.sel({QUANTITY: common}) for one in (trained, *untrained))
    for one in untrained:
        for name in (HOST, INJECTED, GROUP, "text_id", "n_tokens"):
            ours, theirs = (part[name].values if name in part.coords else None for part in (trained, one))
            if not np.array_equal(np.asarray(ours), np.asarray(theirs)):
                raise DataError(
                    f"Models are compared on one experiment; they differ in {name}: {ours} and {theirs}. "
                    "Teleport both from the same hosts, at the same places, to the same kinds of targets."
                )
    others = np.stack([one["teleports_by_host"].values for one in untrained])
    apart = trained["teleports_by_host"].values - others.mean(axis=0)
    apart = np.stack(
        [without_rounding(name, values, difference=True) for name, values in zip(common, apart, strict=True)]
    )
    low, high = _bounds(common)
    difference = _estimated(trained, apart, (low - high, high - low), resamples, seed)
    labels = [TRAINED, *(f"{UNTRAINED}{i}" for i in range(len(untrained))), DIFFERENCE]
    index = pd.Index(labels, name=MODEL)
    parts = [trained, *untrained, difference]
    return xr.concat(
        parts, dim=index, data_vars="all", coords="minimal", compat="override", combine_attrs="override"
    )


def teleport_table(summaries: xr.Dataset) -> pd.DataFrame:
    """A summary, or several beside each other, as rows: one per quantity, place and group (and model).

    Columns: model (where there are several), quantity, injected, layer, site, horizon_steps, target_kind, radius,
    n_targets, n_hosts, mean, ci_low, ci_high.
    """
    dims = tuple(dim for dim in (MODEL, QUANTITY, INJECTED, GROUP) if dim in summaries["teleports_mean"].dims)
    columns = {"n_hosts": "n_hosts", "mean": "mean", "low": "ci_low", "high": "ci_high"}
    frame = pd.DataFrame(
        {new: summaries[f"teleports_{old}"].transpose(*dims).values.ravel() for old, new in columns.items()}
    )
    shape = [summaries.sizes[dim] for dim in dims]
    positions = dict(zip(dims, np.indices(shape).reshape(len(dims), -1), strict=True))
    said = [
        (MODEL, MODEL, MODEL),
        ("quantity", QUANTITY, QUANTITY),
        (INJECTED, INJECTED, INJECTED),
        ("layer", "injected_layer", INJECTED),
        ("site", "injected_site", INJECTED),
        ("horizon_steps", "horizon_steps", INJECTED),
        (KIND, KIND, GROUP),
        (RADIUS, RADIUS, GROUP),
        ("n_targets", "n_targets", GROUP),
    ]
    present = [(column, name, dim) for column, name, dim in said if name in summaries.coords and dim in positions]
    for at, (column, name, dim) in enumerate(present):
        frame.insert(at, column, summaries[name].values[positions[dim]])
    return frame


def _bounds(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The smallest and the largest value of each quantity, (quantity_of_flow,) each."""
    low, high = np.array([_BOUNDS.get(name, (-np.inf, np.inf)) for name in names]).T
    return low, high


def _estimated(
    like: xr.Dataset, by_host: np.ndarray, bounds: tuple[np.ndarray, np.ndarray], resamples: int, seed: int
) -> xr.Dataset:
    """The variables of a summary of values (quantity_of_flow, host, injected, group), labelled as `like`."""
    n_quantities, n_hosts, *rest = by_host.shape
    columns = by_host.swapaxes(0, 1).reshape(n_hosts, -1)
    found = mean_interval(columns, resamples=resamples, seed=seed)
    lowest, highest = (np.repeat(ends, columns.shape[1] // n_quantities) for ends in bounds)
    estimates = {
        "n_hosts": found.n,
        "mean": found.mean,
        "low": np.clip(found.low, lowest, highest),
        "high": np.clip(found.high, lowest, highest),
    }
    dims = (QUANTITY, INJECTED, GROUP)
    common = {
        "units": "those of the quantity",
        "source": "Fernando & Guitchounts 2025, Fig. 1L, with controls",
        "provenance": {**like.attrs, "seed": seed},
        "parameters": {"resamples": resamples},
    }
    made = {
        "teleports_by_host": label(
            by_host,
            (QUANTITY, HOST, INJECTED, GROUP),
            along(like, QUANTITY, HOST, INJECTED, GROUP),
            quantity="teleports_by_host",
            definition="mean over the targets of a group",
            **common,
        )
    }
    for end, definition in {**_ENDS, "n_hosts": "hosts that the mean is over"}.items():
        made[f"teleports_{end}"] = label(
            estimates[end].reshape(n_quantities, *rest),
            dims,
            along(like, *dims),
            quantity=f"teleports_{end}",
            definition=definition,
            **common,
        )
    return xr.Dataset(made, attrs=dict(like.attrs))
