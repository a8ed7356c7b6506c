"""Gathering what a run directory holds into the record that the page shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from residyn import store
from residyn.claims import Verdicts
from residyn.errors import DataError, StoreError
from residyn.figures import drawers, figure1
from residyn.figures.drawers import Teleports
from residyn.quantities.massive import massive_table
from residyn.report.abstract import abstract, key_numbers
from residyn.report.captions import Entry, controls_of, entry_of
from residyn.report.citation import citation
from residyn.report.command import repeat_command
from residyn.report.images import is_wide, picture
from residyn.report.limits import limits
from residyn.report.provenance import corpus, licences, provenance
from residyn.report.record import Panel, Report, Table
from residyn.report.words import counted, number
from residyn.runs import layout
from residyn.runs.results import open_results
from residyn.runs.verdicts import read_verdicts
from residyn.schema import SAMPLE

_TOP = 10
"""Massive units that are listed."""


class Found(NamedTuple):
    """What a run directory holds."""

    results: xr.Dataset
    run: Mapping[str, Any]
    verdicts: Verdicts | None
    teleports: Teleports | None
    noise: xr.Dataset | None


def gather(directory: Path) -> Report:
    """The report on a run directory. Raises as `write_report` does."""
    noise = layout.noise_floor(directory)
    found = Found(
        results=_results(directory),
        run=store.read_run(directory),
        verdicts=read_verdicts(directory / layout.CLAIMS),
        teleports=_teleports(directory),
        noise=open_results(noise) if noise.exists() else None,
    )
    results, run = found.results, found.run
    first, further = _panels(found)
    return Report(
        title=f"The residual stream of {results.attrs.get('model') or 'a network'}",
        subtitle=_subtitle(run, results),
        abstract=abstract(found.verdicts),
        key_numbers=key_numbers(run, results),
        missing=tuple(_missing(found)),
        verdicts=found.verdicts,
        panels=first,
        further=further,
        massive=_massive(results),
        limits=limits(results, found.noise),
        warnings=tuple(dict.fromkeys(_warnings(found))),
        provenance=provenance(run, results),
        command=repeat_command(run),
        citation=citation(),
        licences=licences(run),
        version=version("residyn"),
    )


def _results(directory: Path) -> xr.Dataset:
    path = directory / layout.RESULTS
    if not path.exists():
        raise StoreError(
            f"A report is made of results, and {directory} has no {layout.RESULTS}. "
            "Make them first: residyn analyze DIR."
        )
    results = open_results(path)
    lacking = [name for name in figure1.DRAWN if name not in results]
    if lacking:
        raise DataError(
            f"A report needs the results {', '.join(figure1.DRAWN)}; missing in {path}: {', '.join(lacking)}. "
            "Finish them first: residyn analyze DIR."
        )
    return results


def _teleports(directory: Path) -> Teleports | None:
    paths = {name: layout.teleport_result(directory, name) for name in ("flow", "summary", "return_fraction")}
    if not paths["flow"].exists():
        return None
    parts = {name: open_results(path) for name, path in paths.items() if path.exists()}
    return Teleports(parts["flow"], parts.get("summary"), parts.get("return_fraction"))


def _subtitle(run: Mapping[str, Any], results: xr.Dataset) -> str:
    attrs = results.attrs
    n = attrs.get("n_samples", results["cosine"].sizes[SAMPLE])
    texts, position = corpus(run, results), str(attrs.get("position", ""))
    where = {"end": "the last token", "random": "a random token"}.get(position, f"token {position}")
    said = f"Over depth, in {counted(int(n), 'text')}"
    return f"{said}{f' of {texts}' if texts else ''}{f', read at {where}' if position else ''}"


def _missing(found: Found) -> Iterator[str]:
    if found.verdicts is None:
        yield "The paper's claims were not judged: residyn claims DIR"
    # What these states are too few or too alike for is no work that was left undone.
    lacking = str(found.results.attrs.get("not_computed", ""))
    yield from (f"Not computed: {reason}" for reason in lacking.splitlines())
    if found.teleports is None and not lacking:
        yield "Teleports were not made: residyn teleport DIR"
    needed = {"mutual_information", "explained_variance"}
    if not needed <= set(found.results) and not lacking:
        yield "The analysis is not finished: residyn analyze DIR"
    if not found.run:
        yield "There is no run.json: where the states come from is known only as far as the results say."


def _warnings(found: Found) -> Iterator[str]:
    recorded = found.run.get("warnings", [])
    if isinstance(recorded, list):
        yield from map(str, recorded)
    verdicts = found.verdicts
    ours = found.results.attrs.get("states_hash")
    if verdicts is not None and ours and verdicts.states_hash != ours:
        yield "The verdicts are of other states than the results: judge the claims again (residyn claims DIR)."


def _panels(found: Found) -> tuple[tuple[Panel, ...], tuple[Panel, ...]]:
    """The panels of Figure 1, and those beside it."""
    results, moved = found.results, found.teleports
    drawn = drawers.drawers(
        results, figure1.sites_of(results), reference=False, teleports=moved, noise=found.noise
    ).values()
    beside = [*([] if moved is None else drawers.summaries(moved)), *drawers.controls(results)]
    first = [_panel(found, entry_of(panel.stem), panel) for panel in drawn]
    further = [_panel(found, entry_of(panel.stem), panel._replace(letter="")) for panel in beside]
    return tuple(first), tuple(further)


def _panel(found: Found, entry: Entry, drawn: drawers.Panel) -> Panel:
    seen = _seen(found, entry)
    alt = f"Panel {drawn.letter}: {entry.title}." if drawn.letter else f"{entry.title}."
    # A letter's claims stand under its first panel; the paths in space are the same again.
    judged = drawn.letter if drawn.stem != "panel_i_3d" else ""
    return Panel(
        name=drawn.stem.replace("_", "-"),
        letter=drawn.letter,
        title=entry.title,
        picture=picture(drawn.draw, drawn.shape, " ".join([alt, *seen[:1]])),
        seen=seen,
        controls=controls_of(found.verdicts, judged) if judged else (),
        definition=entry.definition or _definitions(found.results, entry.defined_by),
        wide=is_wide(drawn.shape),
    )


def _seen(found: Found, entry: Entry) -> tuple[str, ...]:
    if entry.of_teleports is not None and found.teleports is not None:
        moved = found.teleports
        return entry.of_teleports(moved.flow, moved.summary, moved.returns)
    return entry.caption(found.results) if entry.caption is not None else ()


def _definitions(results: xr.Dataset, names: Sequence[str]) -> str:
    """Of several, each begins with what it is called: one alone is what the panel draws."""
    found = {name: words for name in names if (words := _definition(results, name))}
    if len(found) < 2:
        return "".join(found.values())
    return "; ".join(f"{name.replace('_', ' ')}: {words}" for name, words in found.items())


def _definition(results: xr.Dataset, name: str) -> str:
    if name not in results:
        return ""
    attrs = results[name].attrs
    words = str(attrs.get("definition", "")).replace(" | ", "; ")
    return f"{words} ({attrs['source']})" if words and attrs.get("source") else words


def _massive(results: xr.Dataset) -> Table | None:
    if "massive_ratio" not in results:
        return None
    rows = massive_table(results["massive_ratio"], _TOP).to_dict("records")
    return Table(
        caption="Largest |h| of a unit over the samples, over its sublayer's median |h|; massive from 100 on",
        headings=("Unit", "Ratio", "Reached at", "Massive"),
        rows=tuple(
            (str(row["unit"]), number(row["ratio"]), str(row["at_sublayer"]), "yes" if row["massive"] else "no")
            for row in rows
        ),
    )
