"""Runs beside each other: curves over relative depth, distances between trajectories, verdicts on claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.plot import parts
from residyn.words import ARTEFACT, with_origin, without_origin

RUN_COLOURS = ("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c8c8c")
"""Colours of runs, in their order: those of Okabe & Ito (2008) without yellow, and a grey."""
MOST_RUNS = len(RUN_COLOURS)

_DASHES: dict[str, Any] = {"within": "-", "cross": (0, (3, 1.2)), "block": (0, (1, 1)), "": "-"}
_BAND = 0.16
_LOGARITHMIC_FROM = 30.0
"""Curves of positive values that span this factor are drawn on a logarithmic scale."""
_LARGEST_ANGLE = np.pi / 2

_TITLES = {
    "cosine": "cosine similarity",
    "velocity": "velocity (activation)",
    "relative_velocity": "velocity / norm",
    "norm": "norm (activation)",
    "density": "density of activations",
    "unit_correlation": "Pearson r, median unit",
    "magnitude": "mean |activation|",
    "sign_kept": "units keeping their sign",
    "participation_ratio": "participation ratio",
    "explained_variance_by_sublayer": "explained by global PCs",
}
_INFORMATION = "mutual_information "
_CURVES = ("run", "quantity", "depth", "kind", "value", "low", "high")

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
VERDICT_NAMES = (HOLDS, FAILS, UNDECIDED)
AS_ARTEFACT = with_origin(HOLDS, ARTEFACT)
ORIGIN_LETTERS = {"learned": "L", "scale": "S", "architecture": "A"}
"""Letters beside the dot of a claim that holds, of where it comes from."""
_CROSSED = Path.make_compound_path(
    Path.unit_circle(), Path([(-0.7, -0.7), (0.7, 0.7)]), Path([(-0.7, 0.7), (0.7, -0.7)])
)
_BESIDE = 0.24
"""Distance of such a letter from the middle of its cell."""


def compared_curves(table: pd.DataFrame, quantity: str, runs: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """One quantity of several runs over relative depth.

    `table` is `comparison.curves`; `runs` are the names of the runs to draw, at most eight, whose places decide
    their colours. A line is a run and a kind of transition, dashed by kind; a band is from `low` to `high`, where
    they are there. The scale is logarithmic where all values are positive and span a factor of 30. Raises
    DataError where the table lacks a column.
    """
    check_curves(table)
    chosen: pd.DataFrame = table.loc[(table["quantity"] == quantity) & table["run"].isin(list(runs)), :]
    with style.context():
        ax = style.new_axes(ax)
        for place, run in enumerate(runs):
            for kind in _DASHES:
                rows: pd.DataFrame = chosen.loc[(chosen["run"] == run) & (chosen["kind"] == kind), :]
                if len(rows):
                    _line(ax, rows, RUN_COLOURS[place % MOST_RUNS], kind)
        _scale(ax, chosen["value"].to_numpy(np.float64))
        ax.set_xlim(-0.03, 1.03)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.set_title(title_of(quantity), loc="left", pad=3, parse_math=False)
        style.dress(ax)
        if not np.isfinite(chosen["value"].to_numpy(np.float64)).any():
            parts.say(ax, "undefined")
    return ax


def check_curves(table: pd.DataFrame) -> None:
    """Raise DataError unless a table has the columns of compared curves."""
    missing = [name for name in _CURVES if not isinstance(table, pd.DataFrame) or name not in table]
    if missing:
        raise DataError(
            f"Compared curves have the columns {', '.join(_CURVES)}; missing: {', '.join(missing)}. "
            "Pass analysis.comparison.curves(runs)."
        )


def trajectory_distances(distances: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Heat map of distances between trajectories, with the numbers in the cells, radians.

    `distances` is `trajectory_distance` (run, other) of at most eight runs; rows and columns are numbered from 1.
    The diagonal shows the coordinate `within`, in a frame: the distance between halves of a run's own samples.
    Undefined ones are grey. Raises DataError for another result.
    """
    parts.expect(distances, "trajectory_distance", ("run", "other"), ("within",))
    values = distances.transpose("run", "other").values.astype(np.float64).copy()
    np.fill_diagonal(values, distances["within"].values)
    n = len(values)
    with style.context():
        ax = style.new_axes(ax)
        cmap = style.DENSITY
        ax.imshow(values, cmap=cmap, vmin=0.0, vmax=_LARGEST_ANGLE, aspect="equal", interpolation="nearest")
        for (row, column), value in np.ndenumerate(values):
            shade = cmap(value / _LARGEST_ANGLE)
            light = not np.isfinite(value) or np.dot(shade[:3], (0.299, 0.587, 0.114)) > 0.55
            words = f"{value:.2f}" if np.isfinite(value) else "–"
            ax.text(
                column, row, words, ha="center", va="center", fontsize=style.SMALL_PT,
                color=style.INK if light else "white",
            )  # fmt: skip
        for place in range(n):
            ax.add_patch(
                Rectangle(
                    (place - 0.44, place - 0.44), 0.88, 0.88, fill=False, edgecolor=style.MUTED, linewidth=0.6
                )
            )
        style.dress(ax, frame=True)
        _number(ax, n, "x")
        _number(ax, n, "y")
    return ax


def claim_matrix(claims: pd.DataFrame, *, letters: int = 58, ax: Axes | None = None) -> Axes:
    """Verdicts of runs on claims: filled where it holds, an open ring where not, half grey where undecided.

    A claim that holds as an artefact is a ring that is crossed out, and one whose origin is known has its letter
    beside the dot: L for learned, S for scale, A for architecture. `claims` is `claims_table`: claims in rows, at
    most eight runs in columns, numbered from 1. Other cells show a dash. The words of a claim are shortened to so
    many `letters`. Raises DataError for a table without rows.
    """
    if not len(claims) or not len(claims.columns):
        raise DataError(
            f"A matrix of claims needs at least one claim and one run; got {claims.shape}. "
            "Judge the runs first: residyn claims DIR."
        )
    cells = claims.to_numpy(object)
    n_claims, n_runs = cells.shape
    with style.context():
        ax = style.new_axes(ax)
        for (row, column), cell in np.ndenumerate(cells):
            verdict, origin = without_origin(str(cell))
            if verdict not in VERDICT_NAMES:
                _letter(ax, column, row, "–", "center")
                continue
            ax.add_line(dot(AS_ARTEFACT if cell == AS_ARTEFACT else verdict, column, row))
            if verdict == HOLDS and origin in ORIGIN_LETTERS:
                _letter(ax, column + _BESIDE, row, ORIGIN_LETTERS[origin], "left")
        for row in range(0, n_claims, 2):
            ax.axhspan(row - 0.5, row + 0.5, color="#f3f3f3", linewidth=0, zorder=0)
        ax.set_xlim(-0.5, n_runs - 0.5)
        ax.set_ylim(n_claims - 0.5, -0.5)
        ax.set_yticks(range(n_claims), [_claim(name, letters) for name in claims.index], parse_math=False)
        style.dress(ax, frame=True)
        _number(ax, n_runs, "x")
        ax.tick_params(axis="both", length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
    return ax


def run_entries(runs: Sequence[str]) -> list[tuple[Artist, str]]:
    """The legend's entries of runs: number and name in the colour of each."""
    return [
        (
            Line2D([], [], color=RUN_COLOURS[place % MOST_RUNS], linewidth=1.6),
            f"{place + 1}  {style.plain(run, 34)}",
        )
        for place, run in enumerate(runs)
    ]


def line_entries(kinds: Sequence[str]) -> list[tuple[Artist, str]]:
    """The legend's entries of the kinds that occur, and of the band."""
    lines: list[tuple[Artist, str]] = [
        (Line2D([], [], color=style.MUTED, linewidth=0.9, linestyle=_DASHES[kind]), style.KIND_NAMES[kind])
        for kind in parts.present(kinds)
    ]
    words = "95 % interval over documents"
    return [*lines, (Patch(facecolor=style.tint(style.INK, _BAND), linewidth=0), words)]


def verdict_entries() -> list[tuple[Artist, str]]:
    """The legend's entries of verdicts."""
    return [(dot(name, 0, 0), name) for name in (HOLDS, AS_ARTEFACT, FAILS, UNDECIDED)]


def origin_words() -> str:
    """What the letters beside the dots stand for."""
    return ", ".join(f"{letter} {origin}" for origin, letter in ORIGIN_LETTERS.items())


def _line(ax: Axes, rows: pd.DataFrame, colour: str, kind: str) -> None:
    depth, value, low, high = (rows[name].to_numpy(np.float64) for name in ("depth", "value", "low", "high"))
    if np.isfinite(low).any():
        ax.fill_between(depth, low, high, color=colour, alpha=_BAND, linewidth=0, zorder=1)
    few: dict[str, Any] = {"marker": style.KIND_MARKERS.get(kind, "o"), "markersize": 2.2, "markeredgewidth": 0}
    ax.plot(
        depth, value, color=colour, linestyle=_DASHES[kind], linewidth=0.9, zorder=2, label=f"_{kind}",
        **(few if len(rows) < 8 else {}),
    )  # fmt: skip


def _scale(ax: Axes, values: np.ndarray) -> None:
    known = values[np.isfinite(values)]
    if known.size and known.min() > 0 and known.max() > _LOGARITHMIC_FROM * known.min():
        ax.set_yscale("log")
        ax.tick_params(which="minor", length=0)
    else:
        ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
        ax.margins(y=0.06)


def title_of(quantity: str) -> str:
    """What a plot of a compared quantity is called."""
    if quantity.startswith(_INFORMATION):
        estimator = quantity.removeprefix(_INFORMATION)
        return f"MI (nats), {style.plain(style.ESTIMATOR_NAMES.get(estimator, estimator), 18)}"
    return _TITLES.get(quantity, style.plain(quantity, 30))


def _number(ax: Axes, n: int, axis: str) -> None:
    """Number the runs along an axis, in their colours; along x at the top."""
    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_ticks(range(n), [str(place + 1) for place in range(n)])
    if axis == "x":
        ax.xaxis.tick_top()
    for place, label in enumerate(which.get_ticklabels()):
        label.set_color(RUN_COLOURS[place % MOST_RUNS])
        label.set_fontweight("bold")


def _claim(name: tuple[int, str, str], letters: int) -> str:
    number, variant, words = name
    said = f" ({style.plain(variant, 12)})" if variant else ""
    return f"{number}  {style.plain(words, letters - len(said))}{said}"


def _letter(ax: Axes, x: float, y: float, letter: str, ha: str) -> None:
    ax.text(x, y, letter, ha=ha, va="center", fontsize=style.SMALL_PT, color=style.MUTED, parse_math=False)


def dot(verdict: str, x: float, y: float) -> Line2D:
    """The mark of a verdict at a place of some axes."""
    look: dict[str, Any] = {
        HOLDS: {"markerfacecolor": style.INK, "markeredgecolor": style.INK},
        AS_ARTEFACT: {"marker": _CROSSED, "markerfacecolor": "white", "markeredgecolor": style.INK},
        FAILS: {"markerfacecolor": "white", "markeredgecolor": style.INK},
        UNDECIDED: {
            "fillstyle": "left",
            "markerfacecolor": style.HAIRLINE,
            "markerfacecoloralt": "white",
            "markeredgecolor": style.HAIRLINE,
        },
    }[verdict]
    shape: dict[str, Any] = {"marker": "o", "markersize": 4.4, "markeredgewidth": 0.7}
    return Line2D([x], [y], linestyle="none", label=verdict, **(shape | look))
