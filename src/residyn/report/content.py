"""Gathering what a run directory holds into the record that the page shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import xarray as xr

from residyn import store
from residyn.axis_names import axis_names
from residyn.claims import Verdicts
from residyn.errors import DataError, StoreError
from residyn.figures import figure1
from residyn.figures.pages import panels_of_pages
from residyn.figures.panel import Inputs, Panel, Teleports
from residyn.figures.registry import further, lettered, required
from residyn.quantities.massive import massive_table
from residyn.quantities.suite import not_computed
from residyn.report.abstract import abstract, key_numbers
from residyn.report.captions import seen
from residyn.report.citation import citation
from residyn.report.claims import claims_of
from residyn.report.command import repeat_command
from residyn.report.images import is_wide, picture, small
from residyn.report.limits import limits
from residyn.report.provenance import corpus, licences, provenance, section
from residyn.report.record import PanelSection, Picture, Report, Table
from residyn.runs import layout
from residyn.runs.contents import (
    drawn_panels,
    open_jacobian_results,
    open_noise_floor,
    open_output_results,
    open_run_results,
    open_verdicts,
    uncovered,
)
from residyn.runs.results import open_results
from residyn.runs.stages import ANALYSIS, CLAIMS, JACOBIANS, OUTPUTS, TELEPORTS, check_written
from residyn.schema import SAMPLE
from residyn.settings import FigureSettings, recorded
from residyn.store.layout import RUN
from residyn.words import counted, number

_TOP = 10
"""Massive units that are listed."""


class RunContents(NamedTuple):
    """What a run directory holds."""

    results: xr.Dataset
    run: Mapping[str, Any]
    verdicts: Verdicts | None
    teleports: Teleports | None
    noise: xr.Dataset | None
    jacobians: Mapping[str, xr.Dataset] = MappingProxyType({})
    outputs: Mapping[str, xr.Dataset] = MappingProxyType({})
    uncovered: str = ""
    settings: FigureSettings = FigureSettings()
    pictures: Mapping[str, Path] = MappingProxyType({})


def gather(directory: Path) -> Report:
    """The report on a run directory. Raises as `write_report` does."""
    results, run = _results(directory), store.read_run(directory)
    settings = _figure_settings(run)
    found = RunContents(
        results=results,
        run=run,
        verdicts=open_verdicts(directory),
        teleports=_teleports(directory),
        noise=open_noise_floor(directory),
        jacobians=open_jacobian_results(directory),
        outputs=open_output_results(directory),
        # The page says nothing of where the run lies.
        uncovered=uncovered(directory, ANALYSIS, TELEPORTS, JACOBIANS, OUTPUTS, CLAIMS).replace(
            str(directory), "DIR"
        ),
        settings=settings,
        pictures=drawn_panels(directory, settings),
    )
    first, moving, further = _panels(found)
    names = axis_names(results.attrs)
    return Report(
        title=f"The {'residual stream' if names.of_a_model else 'states'} of "
        f"{results.attrs.get('model') or 'a network'}",
        subtitle=_subtitle(run, results),
        names=names,
        figure=_whole_figure(directory, found),
        abstract=tuple(names.said(sentence) for sentence in abstract(found.verdicts)),
        key_numbers=key_numbers(run, results),
        missing=tuple(_missing(found)),
        verdicts=found.verdicts,
        panels=first,
        dynamics=moving,
        further=further,
        massive=_massive(results),
        limits=tuple(names.said(sentence) for sentence in limits(results, found.noise)),
        warnings=tuple(dict.fromkeys(_warnings(found))),
        provenance=provenance(run, results),
        command=repeat_command(run),
        citation=citation(),
        explorer=layout.EXPLORER if (directory / layout.EXPLORER).exists() else "",
        licences=licences(run),
        version=version("residyn"),
        tables=_files(directory, layout.TABLES, "*.csv"),
        drawings=_files(directory, layout.FIGURES, "*.pdf"),
    )


def _whole_figure(directory: Path, found: RunContents) -> Picture | None:
    """Figure 1 as the figures stage drew it of these results, small; None where it did not."""
    file = directory / layout.FIGURES / "figure1.png"
    return small(file, "Figure 1, all panels; each follows below") if found.pictures and file.exists() else None


def _files(directory: Path, folder: str, pattern: str) -> tuple[str, ...]:
    """Files of a run by their paths from its folder, where the page lies too."""
    return tuple(path.relative_to(directory).as_posix() for path in sorted((directory / folder).glob(pattern)))


def _results(directory: Path) -> xr.Dataset:
    path = directory / layout.RESULTS
    check_written(directory, ANALYSIS, path)
    if not path.exists():
        raise StoreError(
            f"A report is made of results, and {directory} has no {layout.RESULTS}. "
            f"Make them first: residyn analyze {directory}."
        )
    results = open_run_results(directory)
    lacking = [name for name in required() if name not in results]
    if lacking:
        raise DataError(
            f"A report needs the results {', '.join(required())}; missing in {path}: {', '.join(lacking)}. "
            f"Finish them first: residyn analyze {directory}."
        )
    return results


def _teleports(directory: Path) -> Teleports | None:
    check_written(directory, TELEPORTS, directory / layout.TELEPORTS)
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
    names = axis_names(attrs)
    over = "depth" if names.of_a_model else f"{names.depth}s"
    said = f"Over {over}, in {counted(int(n), 'text' if names.of_a_model else 'sample')}"
    return f"{said}{f' of {texts}' if texts else ''}{f', read at {where}' if position else ''}"


def _missing(found: RunContents) -> Iterator[str]:
    if found.verdicts is None:
        yield "The paper's claims were not judged: residyn claims DIR"
    # What these states are too few or too alike for is no work that was left undone.
    lacking = not_computed(found.results)
    yield from (f"Not computed: {step}: {reason}" for step, reason in lacking.items())
    # States that were given have no model to teleport in or to take maps of.
    to_make = not lacking and not section(found.run, "states").get("given")
    if found.teleports is None and to_make:
        yield "Teleports were not made: residyn teleport DIR"
    if not found.jacobians and to_make:
        yield "Local linear maps were not taken: residyn jacobians DIR"
    if not found.outputs and to_make:
        yield "Predictions along depth were not taken: residyn outputs DIR"
    needed = {"mutual_information", "explained_variance"}
    if not needed <= set(found.results) and not lacking:
        yield "The analysis is not finished: residyn analyze DIR"
    if not found.run:
        yield "There is no run.json: where the states come from is known only as far as the results say."


def _warnings(found: RunContents) -> Iterator[str]:
    recorded = found.run.get("warnings", [])
    if isinstance(recorded, list):
        yield from map(str, recorded)
    if found.uncovered:
        yield found.uncovered
    verdicts = found.verdicts
    ours = found.results.attrs.get("states_hash")
    if verdicts is not None and ours and verdicts.states_hash != ours:
        yield "The verdicts are of other states than the results: judge the claims again (residyn claims DIR)."


def _panels(
    found: RunContents,
) -> tuple[tuple[PanelSection, ...], tuple[PanelSection, ...], tuple[PanelSection, ...]]:
    """The panels of Figure 1, those of the composites beside it, and the others."""
    inputs = Inputs(
        found.results,
        figure1.sites_of(found.results),
        found.teleports,
        found.noise,
        reference=found.settings.reference,
        jacobians=found.jacobians,
        outputs=found.outputs,
    )
    moving = panels_of_pages(inputs)
    rest = [panel for panel in further(inputs) if panel not in moving]
    first, second, others = (
        tuple(_panel(found, inputs, panel) for panel in panels) for panels in (lettered(inputs), moving, rest)
    )
    return first, second, others


def _figure_settings(run: Mapping[str, Any]) -> FigureSettings:
    """How the run's own figures were drawn, as far as run.json says."""
    section = run.get(FigureSettings.SECTION)
    if not isinstance(section, dict):
        return FigureSettings()
    try:
        return recorded(FigureSettings, section, Path(RUN))
    except StoreError:
        # The page is worth having although a setting of the figures cannot be read.
        return FigureSettings()


def _panel(found: RunContents, inputs: Inputs, drawn: Panel) -> PanelSection:
    said = tuple(inputs.names.said(sentence) for sentence in seen(drawn, inputs))
    title = inputs.names.said(drawn.title)
    alt = f"Panel {drawn.letter}: {title}." if drawn.letter else f"{title}."
    return PanelSection(
        name=drawn.stem.replace("_", "-"),
        letter=drawn.letter,
        title=title,
        picture=picture(drawn, inputs, " ".join([alt, *said[:1]]), found.pictures.get(drawn.stem)),
        seen=said,
        claims=() if drawn.repeats else claims_of(found.verdicts, drawn.letter or drawn.stem),
        definition=inputs.names.said(drawn.definition or _definitions(found.results, drawn.defined_by)),
        wide=is_wide(drawn.shape),
    )


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
    rows, said = massive_table(results["massive_ratio"], _TOP).to_dict("records"), axis_names(results.attrs).said
    return Table(
        caption=said(
            "Largest |h| of a unit over the samples, over its sublayer's median |h|; massive from 100 on"
        ),
        headings=(said("Unit"), "Ratio", "Reached at", "Massive"),
        rows=tuple(
            (str(row["unit"]), number(row["ratio"]), said(row["at_sublayer"]), "yes" if row["massive"] else "no")
            for row in rows
        ),
    )
