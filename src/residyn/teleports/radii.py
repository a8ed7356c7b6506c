"""How far a state may be moved and still come back: the return fraction against the radius."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics.flow import half_radius, half_radius_interval
from residyn.numerics.groups import mean_interval
from residyn.teleports.groups import groups_of, host_means, returned
from residyn.teleports.labels import INJECTED, KIND, RADIUS, along, label, provenance_of

_SOURCE = "control: return fraction against radius"


def return_fraction(flow: xr.Dataset, *, resamples: int = 1000, seed: int = 0) -> xr.Dataset:
    """Share of targets at each radius whose displacement is shorter at the horizon than at the write.

    return_fraction (injected, target_kind, radius), in [0, 1]: the mean over hosts of each host's share of targets
    with amplification A_h < 1 (by more than rounding), with return_fraction_low and return_fraction_high, the 95 %
    bootstrap interval over hosts, widened for few hosts. Kinds are those with a radius: in the plane, isotropic,
    towards other samples, all at equal norm.
    r50 (injected, target_kind), in σ of the sublayer: the radius at which the share falls to one half, by a
    monotone fit and linear interpolation; r50_low and r50_high, its interval, whose ends are 0 and ∞ where they
    lie beyond the radii: shares are widened for few hosts, and their radius of one half found after. Where no
    radius is the one, r50 is NaN and its coordinate `r50_reason` says why: "below one half everywhere", "above one
    half everywhere", "undefined".

    NaN shares where no sublayer follows or a kind lacks a radius; with one host, intervals are NaN. A share may be
    1 without attraction towards the host where every path contracts, and is to be read beside the other kinds and
    beside an untrained model. Raises DataError for another Dataset, or targets without radius.

    >>> rd.return_fraction(run.teleports["flow"])["return_fraction"].dims
    ('injected', 'target_kind', 'radius')
    """
    groups = groups_of(flow)
    if not any(np.isfinite(group.radius) for group in groups):
        raise DataError(
            "None of these targets has a radius. Return fractions are of discs, isotropic targets or swaps."
        )
    groups = [group for group in groups if np.isfinite(group.radius)]
    kinds = list(dict.fromkeys(group.kind for group in groups))
    radii = np.unique([group.radius for group in groups])
    by_host = host_means(returned(flow), groups)
    n_hosts, n_places = by_host.shape[:2]
    shares = np.full((n_hosts, n_places, len(kinds), len(radii)), np.nan)
    for g, group in enumerate(groups):
        shares[:, :, kinds.index(group.kind), np.searchsorted(radii, group.radius)] = by_host[:, :, g]
    found = mean_interval(shares.reshape(n_hosts, -1), resamples=resamples, seed=seed)
    estimates = {"": found.mean, "_low": np.clip(found.low, 0, 1), "_high": np.clip(found.high, 0, 1)}
    provenance = {**provenance_of(flow), "seed": seed}
    where = {**along(flow, INJECTED), KIND: np.array(kinds)}
    made = {
        f"return_fraction{end}": label(
            values.reshape(shares.shape[1:]),
            (INJECTED, KIND, RADIUS),
            {**where, RADIUS: radii},
            quantity=f"return_fraction{end}",
            units="1",
            definition=f"share of targets with A < 1 at the horizon, mean over hosts{_END[end]}",
            source=_SOURCE,
            provenance=provenance,
            parameters={"resamples": resamples},
        )
        for end, values in estimates.items()
    }
    halves, reasons = _halves(radii, shares, made["return_fraction"].values, resamples, seed)
    for end, values in halves.items():
        made[f"r50{end}"] = label(
            values,
            (INJECTED, KIND),
            {**where, "r50_reason": ((INJECTED, KIND), reasons)},
            quantity=f"r50{end}",
            units="σ of the sublayer",
            definition=f"radius at which the return fraction falls to one half{_END[end]}",
            source=_SOURCE,
            provenance=provenance,
            parameters={"resamples": resamples},
        )
    return xr.Dataset(made, attrs=dict(flow.attrs))


_END = {
    "": "",
    "_low": "; lower end of its 95 % bootstrap interval over hosts",
    "_high": "; upper end of its 95 % bootstrap interval over hosts",
}


def _halves(
    radii: np.ndarray, shares: np.ndarray, mean: np.ndarray, resamples: int, seed: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """r50 with its ends, each (injected, target_kind), and the reasons, of shares (H, P, kinds, radii)."""
    places = mean.shape[:2]
    halves = {end: np.full(places, np.nan) for end in _END}
    reasons = np.empty(places, dtype=object)
    for place in np.ndindex(*places):
        halves[""][place], reasons[place] = half_radius(radii, mean[place])
        ends = half_radius_interval(radii, shares[:, *place], resamples=resamples, seed=seed)
        halves["_low"][place], halves["_high"][place] = ends
    return halves, reasons.astype(str)
