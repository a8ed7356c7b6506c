"""Runs side by side, as their page says it: what was compared, verdicts, means of curves, distances."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from residyn.claims import ClaimResult, Verdicts
from residyn.comparison.quantities import INFORMATION, compared, means_by_kind, shared_estimator
from residyn.figures import style
from residyn.quantities.registry import quantities
from residyn.report.captions.phrases import NAMES
from residyn.report.images import embedded
from residyn.report.record import Facts, Picture
from residyn.words import interval, listed, number

_FACTS = {
    "model": "Model",
    "control": "Control",
    "texts": "Texts",
    "n_samples": "Samples",
    "position": "States read at",
    "capture_dtype": "Number format",
}


@dataclass(frozen=True)
class Cell:
    """What one run has of a row: a verdict with its origin or none, its number in words, and whether it is apart.

    `apart`: the intervals of this run and of the first one do not overlap.
    """

    said: str
    apart: bool = False
    verdict: str = ""
    origin: str = ""


@dataclass(frozen=True)
class PageRow:
    """A row over all runs: a label or none, what it is of, in detail, and a cell for each run."""

    label: str
    name: str
    detail: str
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        """Whether two of the runs' verdicts are not the same."""
        return len({cell.verdict for cell in self.cells if cell.verdict}) > 1


@dataclass(frozen=True)
class SideBySide:
    """Everything that the page of a comparison shows, in its order."""

    title: str
    summary: str
    runs: tuple[Facts, ...]
    warnings: tuple[str, ...]
    verdicts: tuple[PageRow, ...]
    means: tuple[PageRow, ...]
    distances: tuple[PageRow, ...]
    picture: Picture
    beginnings: tuple[PageRow, ...]
    training: Picture | None
    axes: tuple[str, ...]
    matched: Picture | None
    files: tuple[str, ...]
    version: str

    @property
    def names(self) -> tuple[str, ...]:
        """What the runs are called."""
        return tuple(run.title for run in self.runs)


def side_by_side(
    described: Mapping[str, Mapping[str, Any]],
    results: Mapping[str, xr.Dataset],
    verdicts: Mapping[str, Verdicts | None],
    distances: xr.DataArray,
    *,
    beginnings: pd.DataFrame | None = None,
    axes: Sequence[str] = (),
    warnings: Sequence[str],
    picture: Path,
    training: Path | None = None,
    matched: Path | None = None,
    files: Sequence[str],
) -> SideBySide:
    """The page of runs by name: what each is, its results and verdicts, and the distances between them.

    Of checkpoints also `beginnings`, when their claims begin to hold, and `training`, the picture of them; of
    runs whose units were matched, `axes`, what is said of them, and the picture `matched`.
    """
    rows = tuple(_verdicts(verdicts))
    return SideBySide(
        title=f"{listed(list(results))} side by side",
        summary=_summary(rows),
        runs=tuple(
            Facts(
                name,
                tuple((said, f"{one[key]}") for key, said in _FACTS.items() if one.get(key) not in (None, "")),
            )
            for name, one in described.items()
        ),
        warnings=tuple(warnings),
        verdicts=rows,
        means=tuple(_means(results)),
        distances=tuple(_distances(distances)),
        picture=embedded(
            picture.read_bytes(), "Curves of all runs over relative depth, distances, verdicts", style.DPI
        ),
        beginnings=() if beginnings is None else tuple(_beginnings(beginnings)),
        training=None
        if training is None
        else embedded(training.read_bytes(), "Statistics and verdicts over the steps of training", style.DPI),
        axes=tuple(axes),
        matched=None
        if matched is None
        else embedded(matched.read_bytes(), "Correlation of matched units over relative depth", style.DPI),
        files=tuple(files),
        version=version("residyn"),
    )


def _summary(rows: Sequence[PageRow]) -> str:
    """On how many claims the runs have one verdict; empty where not two of them were judged."""
    judged = [row for row in rows if sum(bool(cell.verdict) for cell in row.cells) > 1]
    if not judged:
        return ""
    other = [row for row in judged if row.differs]
    if not other:
        return f"All {len(judged)} verdicts are the same."
    named = listed([row.label for row in other])
    differ, claims = ("differs", "claim") if len(other) == 1 else ("differ", "claims")
    return f"Of {len(judged)} verdicts {len(other)} {differ}: {claims} {named}."


def _verdicts(verdicts: Mapping[str, Verdicts | None]) -> Iterator[PageRow]:
    by_run = [
        {} if judged is None else {(one.number, one.variant): one for one in judged.claims}
        for judged in verdicts.values()
    ]
    for key in sorted(set().union(*by_run)):
        of_runs = [claims.get(key) for claims in by_run]
        told = next(claim for claim in of_runs if claim is not None)
        name = told.criteria[0].statistic if told.criteria else ""
        whose = "" if told.paper else " (not a claim of the paper)"
        yield PageRow(
            told.label, f"{told.claim}{whose}", name, tuple(_verdict(claim, of_runs[0]) for claim in of_runs)
        )


def _verdict(claim: ClaimResult | None, first: ClaimResult | None) -> Cell:
    if claim is None:
        return Cell("not judged")
    if not claim.criteria:
        return Cell("", verdict=claim.verdict, origin=claim.origin)
    own = claim.criteria[0]
    ends = (own.low, own.high)
    other = first.criteria[0] if first is not None and first.criteria else None
    apart = other is not None and _apart(ends, (other.low, other.high))
    return Cell(interval(own.value, *ends), apart, claim.verdict, claim.origin)


def _means(results: Mapping[str, xr.Dataset]) -> Iterator[PageRow]:
    estimator = shared_estimator(results)
    for name in compared():
        found = [means_by_kind(one, name, estimator) for one in results.values()]
        known = quantities().get(name)
        title = name.replace("_", " ") if known is None else known.title or name
        title = f"{title[:1].upper()}{title[1:]}{f', {estimator}' if name == INFORMATION else ''}"
        for kind in (kind for kind in NAMES if any(kind in one for one in found)):
            first = found[0].get(kind)
            cells = tuple(_mean(one.get(kind), first) for one in found)
            yield PageRow("", title, NAMES[kind], cells)


def _mean(own: tuple[float, float, float] | None, first: tuple[float, float, float] | None) -> Cell:
    if own is None:
        return Cell("–")
    return Cell(interval(*own), first is not None and _apart(own[1:], first[1:]))


def _apart(ends: Sequence[float], others: Sequence[float]) -> bool:
    """Whether two intervals do not overlap; not where one is not known."""
    return not np.isnan([*ends, *others]).any() and (ends[0] > others[1] or ends[1] < others[0])


def _beginnings(beginnings: pd.DataFrame) -> Iterator[PageRow]:
    told = zip(*(beginnings[name] for name in ("number", "variant", "claim", "said")), strict=True)
    for number_of, variant, words, said in told:
        yield PageRow(f"{number_of} {variant}".strip(), str(words), "", (Cell(str(said)),))


def _distances(distances: xr.DataArray) -> Iterator[PageRow]:
    """A row for each run: its distance from every run, in radians, and the one between its own halves."""
    names, halves = [str(name) for name in distances["run"].values], distances["within"].values
    for name, row, within in zip(names, distances.values, halves, strict=True):
        detail = "" if math.isnan(within) else f"between its own halves {number(float(within))}"
        cells = tuple(Cell("–" if math.isnan(value) else number(float(value))) for value in row)
        yield PageRow("", name, detail, cells)
