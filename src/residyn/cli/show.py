"""Results of verbs as the terminal shows them: tables for people, or one JSON object."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from residyn import store
from residyn.cli.display import Display
from residyn.runs import layout
from residyn.words import ARTEFACT, CROSSED, MARKS, mark, without_origin

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from residyn.claims import ClaimResult, CriterionResult, Verdicts
    from residyn.pipeline.compare import Comparison
    from residyn.pipeline.run import Run


def show_results(directory: Path, results: xr.Dataset, display: Display) -> None:
    """How many quantities a run's results hold, of what, and where they are; their names too where it is JSON."""
    described = [
        {"name": str(name), "shape": dict(array.sizes), "units": array.attrs.get("units", "")}
        for name, array in results.data_vars.items()
    ]
    if display.as_json:
        display.emit({"results": str(directory / layout.RESULTS), "quantities": described})
        return
    display.result(
        f"{len(described)} arrays of {results.attrs.get('n_samples', 0):,} samples: {directory / layout.RESULTS} "
        f"(xarray), {directory / layout.TABLES} (csv)"
    )


def show_controls(directory: Path, display: Display) -> None:
    """What was captured: what it is, of which model and how many texts."""
    from residyn.runs.contents import captured_controls, control_in_words

    found = [(name, store.open_states(layout.control(directory, name))) for name in captured_controls(directory)]
    records = [
        {
            "control": name,
            "what": control_in_words(name),
            "model": states.attrs.get("model", ""),
            "samples": states.sizes["sample"],
        }
        for name, states in found
    ]
    if display.as_json:
        display.emit({"run": str(directory), "controls": records})
        return
    rows = [list(map(str, record.values())) for record in records]
    display.table(str(directory / layout.CONTROLS), ["control", "what it is", "model", "samples"], rows)


_FLOW_COLUMNS = {
    "pull_excess": "pull beyond passive",
    "rho": "ρ",
    "amplification": "A",
    "returned": "share returned",
    "kl": "KL (nats)",
}


def show_teleports(directory: Path, found: Mapping[str, xr.Dataset], display: Display) -> None:
    """A line for each place and kind of target of the run's model: what tells a pull from a mere carrying along.

    Of kinds with radii, the middle one is shown; tables/teleports.csv has all of them and all models, with
    intervals.
    """
    from residyn.teleports.summaries import TRAINED

    summaries = found["summary"]
    if "model" not in summaries.dims:
        summaries = summaries.expand_dims(model=[TRAINED])
    kinds = [kind for kind in dict.fromkeys(summaries["target_kind"].values.tolist()) if kind != "no-op"]
    means = summaries["teleports_mean"].sel(quantity_of_flow=list(_FLOW_COLUMNS))
    records = [
        {
            "model": str(model),
            "injected": str(place),
            "targets": kind,
            **{
                name: float(means.sel(model=model, injected=place)[i, group])
                for i, name in enumerate(_FLOW_COLUMNS)
            },
        }
        for model in summaries["model"].values
        for place in summaries["injected"].values
        for kind in kinds
        for group in [_middle(summaries, kind)]
    ]
    if display.as_json:
        display.emit({"run": str(directory), "teleports": records})
        return
    first = records[0]["model"] if records else ""
    rows = [
        [record["injected"], record["targets"], *(f"{record[name]:.3g}" for name in _FLOW_COLUMNS)]
        for record in records
        if record["model"] == first
    ]
    title = f"{directory / layout.TELEPORTS}: the {first} model"
    display.table(title, ["at", "targets", *_FLOW_COLUMNS.values()], rows)
    display.result(f"All models, radii and intervals: {directory / layout.TABLES / 'teleports.csv'}")


def _middle(summaries: xr.Dataset, kind: str) -> int:
    """The group of a kind of target, of its middle radius where it has radii."""
    groups = np.flatnonzero(summaries["target_kind"].values == kind)
    return int(groups[len(groups) // 2])


def show_claims(verdicts: Verdicts, directory: Path, display: Display) -> None:
    """The verdicts as a table: what was found, what its null does, and what else shows it."""
    if display.as_json:
        display.emit({"run": str(directory), "claims": verdicts.to_record()["claims"]})
        return
    columns = ["", "claim", "verdict, and what else shows it", "value (95 % interval), threshold, p"]
    title = f"{directory / layout.CLAIMS}: claims on {verdicts.model}"
    display.table(title, columns, [claim_row(claim) for claim in verdicts.claims])


def claim_row(claim: ClaimResult) -> list[str]:
    """The row of a claim in that table, with a line for every statistic."""
    origin = f": {claim.origin}" if claim.origin else ""
    told = [f"{MARKS[claim.verdict]} {claim.verdict}{origin}"]
    told += [f"also in {', '.join(claim.reproduced_in)}"] if claim.reproduced_in else []
    told += [f"less in {', '.join(claim.passes_in)}"] if claim.passes_in else []
    told += [f"not {', '.join(claim.abolished_by)}"] if claim.abolished_by else []
    return [claim.label, claim.claim, "\n".join(told), "\n".join(map(_statistic, claim.criteria))]


def _statistic(one: CriterionResult) -> str:
    threshold = f"{'>' if one.above else '<'} {one.threshold:g}"
    if math.isnan(one.value):
        return f"not defined ({threshold})"
    interval = "" if math.isnan(one.low) else f" ({one.low:.3g} to {one.high:.3g})"
    p = "" if one.null is None or math.isnan(one.null.p) else f", p {one.null.p:.2g}"
    return f"{one.value:.3g}{interval} {threshold}{p}"


def show_pictures(paths: Sequence[Path], display: Display) -> None:
    """Where Figure 1 is, and how many panels are beside it."""
    if display.as_json:
        display.emit({"figures": paths})
        return
    display.result(f"Figure 1: {paths[0]} ({len(paths) - 1} further files in {paths[0].parent})")


def show_page(what: str, path: Path, display: Display) -> None:
    """Where a page is."""
    if display.as_json:
        display.emit({what: path})
        return
    display.result(str(path))


def show_address(url: str, display: Display) -> None:
    """Where a page is served."""
    if display.as_json:
        display.emit({"url": url})
    else:
        display.result(url)


def show_run(run: Run, display: Display) -> None:
    """What a finished run has to show: numbers, verdicts, and where everything is."""
    directory = run.directory
    figure, page, verdicts = run.pictures[0], directory / layout.REPORT, run.claims
    table = run.tables[layout.SUMMARY_TABLE].to_dict("records")
    if display.as_json:
        display.emit(
            {
                "run": str(directory),
                "figure": str(figure),
                "report": str(page),
                "summary": table,
                "claims": store.read_json(directory / layout.CLAIMS)["claims"],
                "timings": store.read_run(directory).get("timings", {}),
            }
        )
        return
    rows = [
        (
            row["quantity"],
            f"{row['n_transitions']} {row['kind']}",
            f"{row['statistic']} {row['value']:.4g}",
            "–" if math.isnan(row["low"]) else f"{row['low']:.4g} to {row['high']:.4g}",
        )
        for row in table
    ]
    columns = [
        "quantity",
        "transitions",
        "value",
        "95 % interval over documents",
    ]
    display.table(str(directory), columns, rows)
    if verdicts is not None:
        show_claims(verdicts, directory, display)
    display.result(f"Report:   {page}")
    display.result(f"Figure 1: {figure}")
    display.result(f"Numbers:  {directory / layout.TABLES} (csv), {directory / layout.RESULTS} (xarray)")


def show_info(record: dict[str, Any], display: Display) -> None:
    """What `held` says of a run."""
    if display.as_json:
        display.emit(record)
        return
    rows = [(name.replace("_", " "), _short(value)) for name, value in record.items() if value is not None]
    display.table("", ["", ""], rows)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        told = {name: item for name, item in value.items() if isinstance(item, str | int | float)}
        return ", ".join(f"{name} {item}" for name, item in told.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "\n".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _digest(distances: xr.DataArray, claims: pd.DataFrame) -> dict[str, Any]:
    """Verdicts and distances as plain values, by the names of the runs."""
    names = [str(name) for name in distances["run"].values]

    def by_run(values: np.ndarray) -> dict[str, Any]:
        return dict(zip(names, values.tolist(), strict=True))

    judged = zip(claims.index, claims.to_numpy(), strict=True)
    return {
        "runs": names,
        "claims": [
            {"number": number, "variant": variant, "claim": words, "verdicts": by_run(row)}
            for (number, variant, words), row in judged
        ],
        "distances": {name: by_run(row) for name, row in zip(names, distances.values, strict=True)},
        "within": by_run(distances["within"].values),
    }


def _begun(beginnings: pd.DataFrame | None) -> dict[str, Any]:
    """When claims begin to hold, as plain values; a step that is not there is null. Empty where there is none."""
    if beginnings is None:
        return {}
    rows = beginnings.astype(object).where(beginnings.notna(), None).to_dict("records")
    return {"beginnings": [{str(name): value for name, value in row.items()} for row in rows]}


def _marked(cell: str) -> str:
    """The mark of a verdict, and where the claim comes from where that is known."""
    verdict, origin = without_origin(cell)
    return f"{mark(verdict, origin)} {origin}".rstrip()


def show_comparison(found: Comparison, display: Display) -> None:
    """Verdicts and distances of runs beside each other."""
    out, distances, claims = found.folder, found.distances, found.claims
    if display.as_json:
        pictures = list(map(str, found.pictures))
        shown = {"comparison": str(out), "page": str(found.page), "figures": pictures, "warnings": found.warnings}
        display.emit({**shown, **_digest(distances, claims), **_begun(found.beginnings)})
        return
    names = [str(name) for name in distances["run"].values]
    verdicts = [
        (f"{number} {variant}".strip(), words, *map(_marked, row))
        for (number, variant, words), row in zip(claims.index, claims.to_numpy(), strict=True)
    ]
    if verdicts:
        key = ", ".join(f"{sign} {verdict}" for verdict, sign in MARKS.items())
        key += f", {CROSSED} holds as an {ARTEFACT}"
        display.table(f"{out}: claims ({key})", ["", "claim", *names], verdicts)
    if found.beginnings is not None and len(found.beginnings):
        begun = found.beginnings
        told = zip(begun["number"], begun["variant"], begun["claim"], begun["said"], strict=True)
        begins = [(f"{number} {variant}".strip(), words, said) for number, variant, words, said in told]
        display.table(f"{out}: when claims begin to hold", ["", "claim", "over training"], begins)
    rows = [
        (name, *(f"{value:.3f}" if np.isfinite(value) else "–" for value in (*row, within)))
        for name, row, within in zip(names, distances.values, distances["within"].values, strict=True)
    ]
    title = f"{out}: distance between mean trajectories (rad, at most 1.571)"
    display.table(title, ["", *names, "between own halves"], rows)
    display.result(f"Page:    {found.page}")
    display.result(f"Figure:  {found.pictures[0]}")
    display.result(f"Numbers: {out / layout.TABLES} (csv)")
