"""Gathering what a run directory holds into the record that the explorer shows."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from residyn import store
from residyn.axis_names import AxisNames, axis_names
from residyn.errors import StoreError
from residyn.explorer.curves import curves
from residyn.explorer.field import field, texts_by_id
from residyn.explorer.local_maps import map_curves, page_maps
from residyn.explorer.outputs import output_curves
from residyn.explorer.quantised import quantise
from residyn.explorer.record import Explorer, Fallback, PageNames, PagePlace, Scores
from residyn.explorer.samples import chosen_rows, oddness, samples
from residyn.explorer.units import units
from residyn.explorer.verdicts import verdicts
from residyn.figures.panel import Inputs
from residyn.figures.plot.trajectories import IN_THE_PLANE
from residyn.quantities.suite import not_computed
from residyn.quantities.summaries import places
from residyn.report.images import picture
from residyn.runs import layout
from residyn.runs.contents import (
    open_jacobian_results,
    open_noise_floor,
    open_output_results,
    open_run_results,
    open_teleport_results,
    open_verdicts,
    outdated,
)
from residyn.schema import SAMPLE, SUBLAYER, TRANSITION
from residyn.spaces import Space
from residyn.words import clean, counted

COMPONENTS = 12
"""Principal components on whose scores paths are shown."""
_STORED_ALONE = "The states are not at hand: only the components that are kept with the results are here."


def gather(directory: Path) -> Explorer:
    """What the explorer shows of a run directory. Raises as `write_explorer` does."""
    results = _results(directory)
    rows = chosen_rows(results.sizes.get(SAMPLE, 0))
    found, said = _scores(directory, results, rows)
    teleports = open_teleport_results(directory)
    networks = open_jacobian_results(directory)
    shown = (
        *curves(results, open_noise_floor(directory), rows),
        *map_curves(results, networks),
        *output_curves(results, open_output_results(directory)),
    )
    moved = field(directory, results, teleports.get("flow"), store.read_run(directory), texts_by_id(directory))
    maps = page_maps(results, networks)
    lacking, names = not_computed(results), axis_names(results.attrs)
    return Explorer(
        title=_title(results, names),
        subtitle=_subtitle(results),
        version=version("residyn"),
        notes=tuple(f"Not computed: {step}: {reason}" for step, reason in lacking.items()),
        names=PageNames(clean(names.depth), clean(names.unit), names.of_a_model),
        sublayers=_places(results, SUBLAYER, "layer", "site"),
        transitions=_places(results, TRANSITION, "from_layer", "kind"),
        samples=samples(directory, results, rows, np.full(len(rows), np.nan) if found is None else oddness(found)),
        scores=None if found is None else _quantised(results, found, said),
        curves=shown,
        units=units(results),
        field=moved,
        maps=maps,
        verdicts=verdicts(
            open_verdicts(directory),
            [curve.name for curve in shown],
            with_field=moved is not None,
            with_maps=maps is not None,
        ),
        fallback=_fallback(results),
    )


def _results(directory: Path) -> xr.Dataset:
    if not (directory / layout.RESULTS).exists():
        raise StoreError(
            f"The explorer is made of results, and {directory} has no {layout.RESULTS}. "
            f"Make them first: residyn analyze {directory}"
        )
    return open_run_results(directory)


def _subtitle(results: xr.Dataset) -> str:
    attrs = results.attrs
    of = "text" if axis_names(attrs).of_a_model else "sample"
    n = counted(int(attrs.get("n_samples", results.sizes.get(SAMPLE, 0))), of)
    where = {"end": "read at the last token", "random": "read at a random token"}
    position = str(attrs.get("position", ""))
    said = where.get(position, f"read at token {position}" if position else "")
    return ", ".join(part for part in (f"{n} of {attrs['texts']}" if attrs.get("texts") else n, said) if part)


def _title(results: xr.Dataset, names: AxisNames) -> str:
    of = results.attrs.get("model")
    if names.of_a_model:
        return f"The residual stream of {of or 'a network'}"
    return f"The states of {of}" if of else "States of a recording"


def _places(results: xr.Dataset, dim: str, layer: str, group: str) -> tuple[PagePlace, ...]:
    if dim not in results.dims:
        return ()
    columns = (results[name].values.tolist() for name in (layer, group))
    return tuple(
        PagePlace(clean(label), int(number), str(kind))
        for label, number, kind in zip(places(results, dim), *columns, strict=True)
    )


def _scores(directory: Path, results: xr.Dataset, rows: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Scores (component, sublayer, sample) of the samples in `rows`; of the states where they are at hand.

    What is said with them: why there are fewer components than the page has room for.
    """
    if "pc_axes" in results and (states := _states(directory, results)) is not None:
        chosen: Any = states if len(rows) == states.sizes[SAMPLE] else states.isel({SAMPLE: rows})
        scores = Space.from_dataset(results).project(chosen, n_components=COMPONENTS)
        return scores.transpose(..., SUBLAYER, SAMPLE).values.astype(np.float64), ""
    if "pc_scores" not in results:
        return None, ""
    stored = results["pc_scores"].isel({SAMPLE: rows}).transpose("pc", SUBLAYER, SAMPLE)
    return stored.values.astype(np.float64), _STORED_ALONE


def _states(directory: Path, results: xr.Dataset) -> xr.DataArray | None:
    """The states that the results are of, in the results' order; None where the run does not hold them."""
    if not store.has_manifest(directory):
        return None
    states = store.open_states(directory, allow_partial=True)
    same = np.array_equal(states[SAMPLE].values, results[SAMPLE].values)
    return None if outdated(directory, results, states) or not same else states


def _quantised(results: xr.Dataset, scores: np.ndarray, said: str) -> Scores:
    share = _explained(results)
    return Scores(
        values=quantise(scores, 16),
        explained=tuple(share[: len(scores)].tolist()),
        units=str(results["pc_scores"].attrs.get("units", "")) if "pc_scores" in results else "",
        note=said,
    )


def _explained(results: xr.Dataset) -> np.ndarray:
    if "pc_variance" in results and "pc_total_variance" in results:
        return results["pc_variance"].values / results["pc_total_variance"].values
    return results["explained"].values if "explained" in results.coords else np.zeros(0)


def _fallback(results: xr.Dataset) -> Fallback | None:
    inputs = Inputs(results)
    if not IN_THE_PLANE.can_be_drawn(inputs):
        return None
    alt = f"Panel {IN_THE_PLANE.letter}: {IN_THE_PLANE.title}."
    # Few browsers show it: it is to take little room.
    drawn = picture(IN_THE_PLANE, inputs, alt, dpi=150)
    return Fallback(drawn.address, drawn.width, drawn.height, drawn.alt)
