"""What curves are without the most massive units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import nan, pca
from residyn.quantities.dimensions import ratios_without
from residyn.quantities.massive import massive_units
from residyn.quantities.measure import Gathered, gather, rows_of
from residyn.quantities.record import Quantity
from residyn.quantities.registry import quantities
from residyn.quantities.replicates import plan_of
from residyn.quantities.subsample import some_of
from residyn.quantities.sums import Gather
from residyn.schema import SUBLAYER, TRANSITION, UNIT, along, label_result, transition_coords
from residyn.walk import Progress, read_together

LEFT_OUT = "left_out"
SUFFIX = "_without_massive"


def without_massive(
    states: xr.DataArray,
    results: xr.Dataset,
    leave_out: Sequence[int] = (1, 3, 10),
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Curves along depth again, without the 0, 1, 3, 10, … most massive units.

    `results` holds massive_ratio of the same states, which says which units go, and may hold mutual_information
    (its first estimator is taken). Returns, each under its name and "_without_massive", the curve of every
    quantity that takes part (its record says so), participation_ratio and mutual_information: (left_out, sublayer)
    or (left_out, transition). The row left_out = 0 is with every unit. Numbers of units to leave out that would
    leave none are cut to all but one.

    participation_ratio is of at most 4,000 samples, drawn by the seed.

    The explained variance without them is a fit of its own: fit_space(states, without=massive_units(ratio, 3)).
    Raises DataError where the ratio is missing or the states break the data contract.

    >>> without = rd.without_massive(states, rd.analyze(states), leave_out=(1,))
    >>> without["cosine_without_massive"].dims
    ('left_out', 'transition')
    """
    if "massive_ratio" not in results:
        raise DataError(
            "Which units are massive is seen in massive_ratio, which is missing. Pass analyze(states)."
        )
    gone = units_left_out(results["massive_ratio"], leave_out)
    chosen = taking_part()
    found = gather(
        states,
        [quantity.gather for quantity in chosen],
        plan_of(states, 0),
        without=rest(gone),
        also=gathered_again(chosen),
    )
    some = some_of(states, seed)
    with pca.one_thread():
        (ratios,) = read_together(some, [ratios_without(list(gone.values()))], progress, along=SUBLAYER)
    made = walked(states, chosen, found, gone) | labelled_ratios(some, ratios, gone)
    if "mutual_information" in results:
        made |= informations(states, results["mutual_information"], gone)
    return xr.Dataset(made)


def units_left_out(ratio: xr.DataArray, leave_out: Sequence[int]) -> dict[int, np.ndarray]:
    """Positions of the units that are left out, by their number; none for 0.

    Numbers that were cut to all but one unit are the same.
    """
    sets = [massive_units(ratio, top) for top in (0, *leave_out)]
    return {len(units): units for units in sets}


def rest(gone: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Those that leave something out."""
    return {top: units for top, units in gone.items() if top}


def taking_part() -> list[Quantity]:
    """The quantities whose curves are made again without massive units."""
    return [quantity for quantity in quantities().values() if quantity.without_massive]


def gathered_again(chosen: Iterable[Quantity]) -> list[Gather]:
    """What is gathered anew without some units: sums over units are; of single units, others are left out."""
    return [quantity.gather for quantity in chosen if quantity.over != "unit"]


def walked(
    states: xr.DataArray, chosen: Iterable[Quantity], found: Gathered, gone: Mapping[int, np.ndarray]
) -> dict[str, xr.DataArray]:
    """The curves of quantities without each set of units, of what a walk gathered."""
    plan = plan_of(states, 0)
    one = plan.weights
    made = {}
    for quantity in chosen:
        rows = []
        for top, units in gone.items():
            if quantity.over != "unit":
                gathered = found.whole if not top else found.without[top]
                rows.append(rows_of([quantity], gathered, found.depth, plan)[quantity.name][0])
                continue
            weighed = quantity.gather.weigh(found.whole[quantity.gather], one)
            values = quantity.in_replicates(one, weighed, found.depth)
            rows.append(quantity.summary(np.delete(values, units, axis=-1))[0])  # type: ignore[misc]
        made |= _labelled(
            states,
            quantity.name,
            np.stack(rows),
            gone,
            units=quantity.units,
            definition=f"{quantity.statistic} of: {quantity.definition}",
        )
    return made


def labelled_ratios(
    states: xr.DataArray, ratios: np.ndarray, gone: Mapping[int, np.ndarray]
) -> dict[str, xr.DataArray]:
    """participation_ratio without each set of units."""
    said = "(Σλ)²/Σλ² of the sublayer's covariance"
    return _labelled(states, "participation_ratio", ratios, gone, units="dimensions", definition=said)


def informations(
    states: xr.DataArray, nats: xr.DataArray, gone: Mapping[int, np.ndarray]
) -> dict[str, xr.DataArray]:
    """mutual_information of the first estimator, the mean over units that are left."""
    values = nats.isel(estimator=0).transpose(TRANSITION, UNIT).values
    rows = np.stack([nan.finite_mean(np.delete(values, units, axis=1)) for units in gone.values()])
    return _labelled(states, "mutual_information", rows, gone, units="nats", definition="mean over units")


def _labelled(
    states: xr.DataArray,
    name: str,
    rows: np.ndarray,
    gone: Mapping[int, np.ndarray],
    *,
    units: str,
    definition: str,
) -> dict[str, xr.DataArray]:
    depth = SUBLAYER if rows.shape[1] == states.sizes[SUBLAYER] else TRANSITION
    places: dict[str, Any] = along(states, SUBLAYER) if depth == SUBLAYER else transition_coords(states)
    quantity = f"{name}{SUFFIX}"
    return {
        quantity: label_result(
            rows,
            (LEFT_OUT, depth),
            {LEFT_OUT: np.array(list(gone)), **places},
            quantity=quantity,
            units=units,
            definition=f"{definition}, without the most massive units",
            source="control: massive units",
            states=states,
            parameters={"leave_out": [int(top) for top in gone if top]},
        )
    }


def without_massive_table(results: xr.Dataset) -> pd.DataFrame:
    """Those results as rows: quantity, left_out, the sublayer or transition, its layer and kind, value."""
    rows = list(_rows(results))
    return pd.DataFrame(rows, columns=["quantity", "left_out", "place", "layer", "kind", "value"])


def _rows(results: xr.Dataset) -> Iterator[tuple[Any, ...]]:
    for name, result in results.data_vars.items():
        if LEFT_OUT not in result.dims:
            continue
        depth, layer, kind = (
            (SUBLAYER, "layer", "site") if SUBLAYER in result.dims else (TRANSITION, "from_layer", "kind")
        )
        for row, top in enumerate(result[LEFT_OUT].values):
            places = zip(result[depth].values, result[layer].values, result[kind].values, strict=True)
            for column, place in enumerate(places):
                yield (str(name).removesuffix(SUFFIX), int(top), *place, float(result.values[row, column]))
