"""Where to move the stream: vectors to be `to=` of a teleport with residual="drop".

Each function returns vectors as float32, with the coordinate `target_kind` along the targets and, where targets
lie at a set distance from the host, `radius`: that distance ‖x′ − x‖ in σ of the sublayer, the root mean square
distance of its states from their mean. Discs, isotropic targets and swaps at equal radii are equally far from
the host and differ in direction only. Draws are seeded, and each host has draws of its own, which do not depend on
how many other hosts there are. `combine` joins several sets into one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from residyn.errors import DataError, UsageError
from residyn.numerics.flow import unit_rows
from residyn.schema import SAMPLE, UNIT
from residyn.spaces import Space
from residyn.teleports.labels import (
    DISC,
    GRID,
    HOST,
    INJECTED,
    ISOTROPIC,
    KIND,
    NO_OP,
    RADIUS,
    SAMPLE_STATE,
    SWAP,
    TARGET,
)
from residyn.teleports.places import (
    At,
    InjectionPlaces,
    check_count,
    check_radii,
    find,
    hosts_at,
    states_at,
    widths,
)

__all__ = ["combine", "discs", "grid", "isotropic", "no_op", "swaps"]

RADII = (0.5, 1.0, 2.0, 4.0)
_DIMS = (HOST, INJECTED, TARGET, UNIT)


def grid(space: Space, n: int = 10, extent: Literal["robust"] | float = "robust") -> xr.DataArray:
    """The paper's n × n points of PC1 × PC2, (target, unit), the same for every host and sublayer.

    x′ = z₁ axis₁ + z₂ axis₂ + mean: all that the plane does not hold is dropped. Coordinates `pc1`, `pc2` are the
    scores. `extent` as in `Space.grid`: "robust", or a number for −extent … extent (the paper: 15). Panel L.

    >>> rd.targets.grid(rd.fit_space(states), n=3).dims
    ('target', 'unit')
    """
    vectors = space.grid(n, extent).astype(np.float32)
    return _kinds(vectors, GRID).assign_attrs(definition="points of the plane of the first two components")


def discs(
    states: xr.DataArray,
    space: Space,
    hosts: xr.DataArray,
    injected: At,
    *,
    radii: Sequence[float] = RADII,
    directions: int = 8,
    seed: int = 0,
) -> xr.DataArray:
    """The host's own state moved within the plane of PC1 and PC2, (host, injected, target, unit).

    x′ = x + r σ u: only the two scores change, the rest of the state is kept. The directions u are evenly spaced,
    turned by a seeded angle of the host's, and the same at every radius and sublayer. Targets run through
    the directions of the first radius, then of the next.

    states: labelled states of a run, which σ is measured on. hosts: the hosts' own states (host, sublayer, unit).
    injected: layers or labels, as for the teleport. Raises UsageError for places, radii or counts that make no
    targets, and for a space of one component; DataError for hosts of another model, and where σ is 0.

    >>> hosts = states.isel(sample=[0, 1]).rename(sample="host")
    >>> rd.targets.discs(states, rd.fit_space(states), hosts, [0, 2], radii=(1.0,), directions=4).dims
    ('host', 'injected', 'target', 'unit')
    """
    if space.n_components < 2:
        raise UsageError("A disc lies in the plane of two components; this space has one. Fit it with more.")
    places, start, r = _begin(states, hosts, injected, radii)
    plane = np.stack([_plane(space, label) for label in places.labels])
    n = check_count(directions, "directions")
    moves = np.empty((len(start), len(places.labels), n, start.shape[2]))
    for host in range(len(start)):
        angles = _rng(seed, host).uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(n) / n
        moves[host] = unit_rows(np.stack([np.cos(angles), np.sin(angles)], axis=1) @ plane)
    return _at_radii(states, places, start, moves, radii=r, kind=DISC)


def isotropic(
    states: xr.DataArray,
    hosts: xr.DataArray,
    injected: At,
    *,
    radii: Sequence[float] = RADII,
    directions: int = 8,
    seed: int = 0,
) -> xr.DataArray:
    """The host's own state moved as far, in directions drawn evenly from the whole space: the control of discs.

    (host, injected, target, unit); order, arguments and errors as of `discs`.

    >>> hosts = states.isel(sample=[0, 1]).rename(sample="host")
    >>> rd.targets.isotropic(states, hosts, [0, 2]).sizes["target"]
    32
    """
    places, start, r = _begin(states, hosts, injected, radii)
    n, n_units = check_count(directions, "directions"), start.shape[2]
    drawn = np.stack([_rng(seed, host).standard_normal((n, n_units)) for host in range(len(start))])
    moves = np.broadcast_to(unit_rows(drawn)[:, None], (len(start), len(places.labels), n, n_units))
    return _at_radii(states, places, start, moves, radii=r, kind=ISOTROPIC)


def swaps(
    states: xr.DataArray,
    hosts: xr.DataArray,
    injected: At,
    *,
    radii: Sequence[float] = RADII,
    partners: int = 8,
    seed: int = 0,
) -> xr.DataArray:
    """The host's own state moved towards other samples' states at the same sublayer, and put at these states.

    (host, injected, target, unit): first the same radii as `discs`, partner by partner (`target_kind` "swap"),
    then the partners' states themselves, which lie on the manifold ("sample", no radius). Partners are drawn
    without replacement at each sublayer, in one seeded order of the host's; samples whose state is the host's
    own, such as the host itself, are passed over. Raises as `discs` does, and DataError where fewer than
    `partners` samples differ from a host.

    >>> hosts = states.isel(sample=[0, 1]).rename(sample="host")
    >>> sorted(set(rd.targets.swaps(states, hosts, [0, 2], partners=3)["target_kind"].values.tolist()))
    ['sample', 'swap']
    """
    places, start, r = _begin(states, hosts, injected, radii)
    n = check_count(partners, "partners")
    others = np.empty((len(start), len(places.labels), n, start.shape[2]))
    orders = [_rng(seed, host).permutation(states.sizes[SAMPLE]) for host in range(len(start))]
    for p, index in enumerate(places.positions):
        points = states_at(states, index)
        for host, order in enumerate(orders):
            others[host, p] = _partners(points, order, start[host, p], n, places.labels[p])
    towards = unit_rows(others - start[:, :, None])
    scaled = _at_radii(states, places, start, towards, radii=r, kind=SWAP)
    return combine(scaled, _labelled(others, places, SAMPLE_STATE))


def no_op(states: xr.DataArray, hosts: xr.DataArray, injected: At) -> xr.DataArray:
    """The host's own state, (host, injected, 1 target, unit): a teleport that must change nothing.

    >>> hosts = states.isel(sample=[0]).rename(sample="host")
    >>> rd.targets.no_op(states, hosts, [0, 2]).sizes["target"]
    1
    """
    places = find(states, injected)
    return _labelled(hosts_at(hosts, states, places)[:, :, None], places, NO_OP)


def combine(*targets: xr.DataArray) -> xr.DataArray:
    """Several sets of targets as one, in the order given, numbered anew.

    (target, unit) where all are so, else with the dimensions host and injected of those that have them, repeating
    the others. Coordinates along the targets are kept; a set that lacks one has NaN there. Raises UsageError for
    none, DataError where sets differ in their units, hosts or places.

    >>> grid = rd.targets.grid(rd.fit_space(states), n=3)
    >>> rd.targets.combine(grid, grid).sizes["target"]
    18
    """
    if not targets:
        raise UsageError("No targets to combine were given. Give one set or more.")
    dims = tuple(dim for dim in _DIMS if any(dim in one.dims for one in targets))
    sizes: dict[str, int] = {}
    for one in targets:
        for dim in one.dims:
            if dim != TARGET and sizes.setdefault(str(dim), one.sizes[dim]) != one.sizes[dim]:
                raise DataError(
                    f"Targets that are combined have one number of {dim}s; got {sizes[str(dim)]} and "
                    f"{one.sizes[dim]}. Make them for the same hosts, places and model."
                )
    places = {tuple(str(name) for name in one[INJECTED].values) for one in targets if INJECTED in one.coords}
    if len(places) > 1:
        raise DataError(
            f"Targets that are combined are for the same places; got {' and '.join(map(str, sorted(places)))}."
        )
    values = [_broadcast(one, dims, sizes) for one in targets]
    joined = np.concatenate(values, axis=dims.index(TARGET))
    names = [name for one in targets for name in one.coords if one[name].dims == (TARGET,) and name != TARGET]
    coords: dict[str, Any] = {
        str(name): (TARGET, np.concatenate([_along(one, str(name)) for one in targets]))
        for name in dict.fromkeys(names)
    }
    if places:
        coords[INJECTED] = np.array(places.pop())
    numbers = np.arange(joined.shape[dims.index(TARGET)])
    return xr.DataArray(joined, dims=dims, coords={TARGET: numbers, **coords}, attrs={"units": "activation"})


def _begin(
    states: xr.DataArray, hosts: xr.DataArray, injected: At, radii: Sequence[float]
) -> tuple[InjectionPlaces, np.ndarray, np.ndarray]:
    places = find(states, injected)
    return places, hosts_at(hosts, states, places), check_radii(radii)


def _plane(space: Space, sublayer: str) -> np.ndarray:
    """Two vectors (2, D) that span the moves which change the first two scores and nothing else."""
    here = space.coordinates([sublayer], slice(2))
    return here.axes[0] * here.scale[0]


def _at_radii(
    states: xr.DataArray,
    places: InjectionPlaces,
    start: np.ndarray,
    moves: np.ndarray,
    *,
    radii: np.ndarray,
    kind: str,
) -> xr.DataArray:
    """Targets x + r σ u of unit moves u (H, P, n, D), radius by radius."""
    length = widths(states, places)[:, None] * radii
    n_hosts, n_places, n, n_units = moves.shape
    vectors = start[:, :, None, None] + length[None, :, :, None, None] * moves[:, :, None]
    labelled = _labelled(vectors.reshape(n_hosts, n_places, -1, n_units), places, kind)
    return labelled.assign_coords({RADIUS: (TARGET, np.repeat(radii, n))})


def _labelled(vectors: np.ndarray, places: InjectionPlaces, kind: str) -> xr.DataArray:
    coords = {INJECTED: np.array(places.labels), TARGET: np.arange(vectors.shape[2])}
    made = xr.DataArray(vectors.astype(np.float32), dims=_DIMS, coords=coords, attrs={"units": "activation"})
    return _kinds(made, kind)


def _kinds(vectors: xr.DataArray, kind: str) -> xr.DataArray:
    return vectors.assign_coords({KIND: (TARGET, np.full(vectors.sizes[TARGET], kind))})


def _partners(points: np.ndarray, order: np.ndarray, own: np.ndarray, n: int, place: str) -> np.ndarray:
    """The first n points (n, D), in this order, that are not the host's own state."""
    distance = np.linalg.norm(points - own, axis=1)
    # The host itself, captured in another batch, differs from its own state by rounding.
    other = distance > 1e-4 * np.linalg.norm(own)
    chosen = order[other[order]][:n]
    if len(chosen) < n:
        raise DataError(
            f"{n} partners were asked for, and {len(chosen)} of {len(points)} samples differ from the host's "
            f"state at {place}. Ask for fewer, or give states of more different texts."
        )
    return points[chosen]


def _rng(seed: int, host: int) -> np.random.Generator:
    return np.random.default_rng([seed, host])


def _broadcast(one: xr.DataArray, dims: tuple[str, ...], sizes: dict[str, int]) -> np.ndarray:
    present = [dim for dim in dims if dim in one.dims]
    values = one.transpose(*present).values.astype(np.float32)
    values = np.expand_dims(values, tuple(i for i, dim in enumerate(dims) if dim not in present))
    return np.broadcast_to(values, [one.sizes[dim] if dim == TARGET else sizes[dim] for dim in dims])


def _along(one: xr.DataArray, name: str) -> np.ndarray:
    if name in one.coords:
        return one[name].values
    return np.full(one.sizes[TARGET], "" if name == KIND else np.nan)


def __dir__() -> list[str]:
    """The functions that make targets."""
    return sorted(__all__)
