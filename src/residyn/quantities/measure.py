"""From states to results and curves: one walk gathers for all quantities, one formula each makes row 0 and the
rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from residyn.errors import UsageError
from residyn.numerics import nan, pca
from residyn.numerics.groups import few_at_once, weighted_mean
from residyn.quantities.replicates import Plan, plan_of, with_ends
from residyn.quantities.sums import Depth, Gather, Labels
from residyn.schema import (
    BOUND,
    BOUNDS,
    BY_KIND,
    CURVE,
    KINDS,
    SAMPLE,
    SUBLAYER,
    TRANSITION,
    TRANSITION_KIND,
    UNIT,
    along,
    check_states,
    label_result,
    transition_coords,
)
from residyn.walk import Progress, each_numbered_block

if TYPE_CHECKING:
    from residyn.quantities.record import Quantity

INTERVAL = "95 % interval over groups of documents"


@dataclass(frozen=True)
class Gathered:
    """What one walk left behind, by gather; and of some units left out, by their number and gather."""

    depth: Depth
    whole: Mapping[Gather, Any]
    without: Mapping[int, Mapping[Gather, Any]]


def depth_of(states: xr.DataArray) -> Depth:
    """The places of states in order of depth."""
    kind = (
        np.asarray(transition_coords(states)["kind"][1]) if states.sizes[SUBLAYER] > 1 else np.empty(0, dtype=str)
    )
    return Depth(states["layer"].values, states["site"].values, kind)


def gather(
    states: xr.DataArray,
    gathers: Iterable[Gather],
    plan: Plan,
    progress: Progress | None = None,
    *,
    without: Mapping[int, np.ndarray] | None = None,
    also: Iterable[Gather] = (),
) -> Gathered:
    """One reading of the states for all these gathers.

    `without` holds, by their number, the positions of units that are left out, for which the gathers `also` are
    made once more. Raises as `each_numbered_block` does.
    """
    depth = depth_of(states)
    chosen, again = list(dict.fromkeys(gathers)), list(dict.fromkeys(also))
    kept = {n: np.setdiff1d(np.arange(states.sizes[UNIT]), units) for n, units in (without or {}).items()}

    def reduce_block(block: np.ndarray, first: int) -> tuple[list[Any], list[list[Any]]]:
        group = plan.group[first : first + len(block)]
        parts = _of_block(chosen, block, group, depth)
        return parts, [_of_block(again, block[:, :, units], group, depth) for units in kept.values()]

    whole, rest = _Merging(chosen), {n: _Merging(again) for n in kept}
    with pca.one_thread():
        for parts, others in each_numbered_block(states, reduce_block, progress):
            whole.add(parts)
            for merging, of_others in zip(rest.values(), others, strict=True):
                merging.add(of_others)
    return Gathered(depth, whole.joined(), {n: merging.joined() for n, merging in rest.items()})


def _of_block(gathers: Sequence[Gather], block: np.ndarray, group: np.ndarray, depth: Depth) -> list[Any]:
    """Of each gather: what it says of the block, or by group of the block's samples of each."""
    members = {int(g): np.flatnonzero(group == g) for g in np.unique(group)}
    made: list[Any] = [None if one.by_group else one.reduce_block(block, depth) for one in gathers]
    if any(one.by_group for one in gathers):
        for i in (i for i, one in enumerate(gathers) if one.by_group):
            made[i] = {}
        for g, rows in members.items():
            samples = block[rows]
            for i, one in enumerate(gathers):
                if one.by_group:
                    made[i][g] = one.reduce_block(samples, depth)
    return made


class _Merging:
    """What blocks left behind, put together in their order as they come.

    Of each group one part is kept, so that sums of groups take no more memory the more blocks there are.
    """

    def __init__(self, gathers: Sequence[Gather]) -> None:
        self.gathers = gathers
        self.by_group: list[dict[int, Any]] = [{} for _ in gathers]
        self.parts: list[list[Any]] = [[] for _ in gathers]

    def add(self, block: Sequence[Any]) -> None:
        """Put the next block's parts, one for each gather, to those before it."""
        for one, made, so_far, parts in zip(self.gathers, block, self.by_group, self.parts, strict=True):
            if one.by_group:
                for g, part in made.items():
                    so_far[g] = one.merge([so_far[g], part]) if g in so_far else part
            else:
                parts.append(made)

    def joined(self) -> dict[Gather, Any]:
        """What all blocks left behind, by gather."""
        return {
            one: one.join([so_far[g] for g in sorted(so_far)]) if one.by_group else one.merge(parts)
            for one, so_far, parts in zip(self.gathers, self.by_group, self.parts, strict=True)
        }


@pca.one_thread()
def rows_of(
    chosen: Iterable[Quantity], gathered: Mapping[Gather, Any], depth: Depth, plan: Plan
) -> dict[str, np.ndarray]:
    """The curves by name, each with its replicates, (1 + B, P); none of quantities without a curve."""
    with_curve = [quantity for quantity in chosen if quantity.summary is not None]
    made = {
        quantity.name: weighted_mean(
            _by_place(quantity.per_sample(gathered[quantity.gather], depth)), plan.group, plan.weights
        )
        for quantity in with_curve
        if quantity.per_sample is not None
    }
    others = [quantity for quantity in with_curve if quantity.per_sample is None]
    for one in dict.fromkeys(quantity.gather for quantity in others):
        sharing = [quantity for quantity in others if quantity.gather is one]
        made |= _replicated(sharing, one, gathered[one], depth, plan.weights)
    return {quantity.name: made[quantity.name] for quantity in with_curve}


def _replicated(
    sharing: Sequence[Quantity], by: Gather, joined: Any, depth: Depth, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Curves of quantities that share a gather, some replicates at a time."""
    first = by.weigh(joined, weights[:1])
    largest = max(quantity.in_replicates(weights[:1], first, depth).size for quantity in sharing)
    parts: dict[str, list[np.ndarray]] = {quantity.name: [] for quantity in sharing}
    for some in few_at_once(weights, largest):
        weighed = by.weigh(joined, some)
        for quantity in sharing:
            values = quantity.in_replicates(some, weighed, depth)
            summarize = quantity.summary if quantity.over == "unit" else None
            parts[quantity.name].append(values if summarize is None else summarize(values))
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def _by_place(values: np.ndarray) -> np.ndarray:
    return values if values.ndim > 1 else values[:, None]


def result_of(quantity: Quantity, states: xr.DataArray, progress: Progress | None = None) -> xr.DataArray:
    """The labelled result of a quantity, from one reading of the states."""
    _check_depth(quantity, states)
    plan = plan_of(states, 0)
    found = gather(states, [quantity.gather], plan, progress)
    return labelled(quantity, states, found, plan)


def curve_of(quantity: Quantity, states: xr.DataArray, resamples: int, seed: int) -> xr.DataArray:
    """The labelled curve of a quantity with its interval, from one reading of the states."""
    _check_depth(quantity, states)
    plan = plan_of(states, resamples, seed)
    found = gather(states, [quantity.gather], plan)
    rows = rows_of([quantity], found.whole, found.depth, plan)
    if quantity.name not in rows:
        raise UsageError(f"{quantity.name} is a map, and has no curve along depth; choose another quantity.")
    return labelled_curve(quantity, states, rows[quantity.name], plan)


def _check_depth(quantity: Quantity, states: xr.DataArray) -> None:
    check_states(states)
    if quantity.axis != "sublayer":
        transition_coords(states)


def labelled(quantity: Quantity, states: xr.DataArray, found: Gathered, plan: Plan) -> xr.DataArray:
    """A quantity's values as a result; the curve, without interval, of one that keeps no samples or units."""
    place, coords = places(quantity, states)
    one = np.ones((1, plan.n_groups))
    given = quantity.gather.weigh(found.whole[quantity.gather], one)
    if quantity.over is not None and not quantity.keeps:
        values = rows_of([quantity], found.whole, found.depth, plan.only_data)[quantity.name][0]
    elif quantity.per_sample is not None:
        values = quantity.per_sample(given, found.depth)
    else:
        values = quantity.in_replicates(one, given, found.depth)[0]
    dims, over = _dims(quantity, place)
    values = values.reshape(
        [{SAMPLE: states.sizes[SAMPLE], UNIT: states.sizes[UNIT]}.get(dim, -1) for dim in dims]
    )
    note = Labels() if quantity.note is None else quantity.note(states, given, values, found.depth)
    counted = {"n_undefined": int(np.isnan(values).sum())} if quantity.undefined else {}
    return label_result(
        values,
        dims,
        {**along(states, *over), **coords, **note.coords},
        states=states,
        **_words(quantity, quantity.definition),
        **{**counted, **note.attrs},
    )


def _dims(quantity: Quantity, place: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The dimensions of the values, and those among them that are not places."""
    if quantity.over is None or not quantity.keeps:
        return place, ()
    return ((SAMPLE, *place), (SAMPLE,)) if quantity.over == "sample" else ((*place, UNIT), (UNIT,))


def _words(quantity: Quantity, definition: str) -> dict[str, Any]:
    return {
        "quantity": quantity.name,
        "units": quantity.units,
        "definition": definition,
        "source": quantity.source,
        "parameters": quantity.parameters,
    }


def places(quantity: Quantity, states: xr.DataArray) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The dimension along depth, and its coordinates; none of a whole path."""
    if quantity.axis == "path":
        return (), {}
    if quantity.axis == "sublayer":
        return (SUBLAYER,), along(states, SUBLAYER)
    return (TRANSITION,), transition_coords(states)


def transitions_by_kind(kind: np.ndarray) -> dict[str, np.ndarray]:
    """Which transitions (T,) are of any kind, "all", and of each kind that occurs."""
    return {"all": np.ones(len(kind), dtype=bool), **{name: kind == name for name in KINDS if name in kind}}


def labelled_curve(quantity: Quantity, states: xr.DataArray, rows: np.ndarray, plan: Plan) -> xr.DataArray:
    """A quantity's curve (1 + B, P) as a result: (bound, place), its value and the ends of its interval."""
    dims, coords = places(quantity, states)
    of = f"{quantity.statistic} of: " if quantity.over else ""
    return label_result(
        with_ends(rows, plan, quantity.bounds).reshape([len(BOUNDS), *([-1] if dims else [])]),
        (BOUND, *dims),
        {BOUND: list(BOUNDS), **coords},
        states=states,
        **_words(quantity, f"{of}{quantity.definition}; low and high: {INTERVAL}"),
        statistic=quantity.statistic,
        **_drawn(quantity),
        **plan.describe(),
    )


def _drawn(quantity: Quantity) -> dict[str, Any]:
    """The attributes by which figures and report know a curve that has no panel of its own."""
    named = {name: text for name, text in (("title", quantity.title), ("label", quantity.label)) if text}
    generic = quantity.drawing == "curve" and quantity.axis != "path"
    return {**named, "generic_panel": 1} if generic else named


def labelled_by_kind(
    quantity: Quantity, states: xr.DataArray, rows: np.ndarray, depth: Depth, plan: Plan
) -> xr.DataArray:
    """The mean of a curve over all transitions and over those of each kind: (bound, transition_kind)."""
    masks = transitions_by_kind(depth.kind)
    means = np.stack([nan.finite_mean(rows[:, mask]) for mask in masks.values()], axis=1)
    counts = [int(mask.sum()) for mask in masks.values()]
    statistic = f"mean over transitions of the {quantity.statistic}"
    return label_result(
        with_ends(means, plan, quantity.bounds),
        (BOUND, TRANSITION_KIND),
        {BOUND: list(BOUNDS), TRANSITION_KIND: list(masks), "n_transitions": (TRANSITION_KIND, counts)},
        states=states,
        **_words(quantity, f"{statistic} of: {quantity.definition}; low and high: {INTERVAL}"),
        statistic=statistic,
        **plan.describe(),
    )


def labelled_all(
    chosen: Sequence[Quantity], states: xr.DataArray, found: Gathered, plan: Plan
) -> dict[str, xr.DataArray]:
    """The results of some quantities by name, their curves, NAME_curve, and these by kind, NAME_by_kind."""
    rows = rows_of(chosen, found.whole, found.depth, plan)
    made = {quantity.name: labelled(quantity, states, found, plan) for quantity in chosen}
    for quantity in (one for one in chosen if one.name in rows):
        curve = rows[quantity.name]
        made[f"{quantity.name}{CURVE}"] = labelled_curve(quantity, states, curve, plan)
        if quantity.axis == "transition":
            made[f"{quantity.name}{BY_KIND}"] = labelled_by_kind(quantity, states, curve, found.depth, plan)
    return made
