"""Runs beside each other on one page: curves over relative depth, distances of trajectories, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.millimetres import LETTER_MM, entries, letter, share_of, words
from residyn.figures.plot import comparison as panels

_LEFTS = (10.0, 54.5, 99.0, 143.5)
_AXES_MM = (34.0, 29.0)
_ABOVE, _BELOW = 7.0, 5.5
"""Room above a curve's axes for its title, and below them for the numbers."""
_DEPTH = 4.0
"""Room below the last curve of a column for the name of its axis."""
_LEGEND_ROW, _LEGEND_COLUMNS = 4.0, 3
_FOOT = 6.0
_CELL, _CLAIM_ROW, _CLAIM_COLUMN = 7.4, 3.9, 5.4
_SECTION = 12.0
"""Room above the distances and the claims: letter, legend, numbers of runs."""
_CLAIMS_LEFT, _CLAIMS_RIGHT = 58.0, 178.0
"""The claims begin there, or to the right of the distances, where these are wider."""


class PageHeights(NamedTuple):
    """Heights of the page's parts in millimetres, from the top: legend, rows of curves, the last row, the foot."""

    legend: float
    rows: int
    last: float

    @property
    def curves(self) -> float:
        return self.rows * (_ABOVE + _AXES_MM[1] + _BELOW) + _DEPTH

    @property
    def height(self) -> float:
        return self.legend + self.curves + self.last + _FOOT


def compare_figure(
    curves: pd.DataFrame, distances: xr.DataArray | None = None, claims: pd.DataFrame | None = None
) -> Figure:
    """A page that puts runs beside each other.

    `curves` is `comparison.curves`: A, one small plot a quantity over relative depth, coloured by run, dashed by
    kind of transition, with bands. `distances` is `trajectory_distance`: B, a heat map. `claims` is
    `claims_table`: C, verdicts of each run; left out where it has no rows. At most eight runs are drawn, the first
    of the curves, and the foot says how many more there are. Raises DataError for other tables or results, and for
    distances or claims that lack a run of the curves.
    """
    panels.check_curves(curves)
    names = list(dict.fromkeys(curves["run"]))
    if not names:
        raise DataError("A comparison draws at least one run; the curves have no rows. Pass curves(runs).")
    runs = names[: panels.MOST_RUNS]
    # A quantity or a kind that only the others have would be a plot, or an entry of the legend, of nothing.
    curves = curves.loc[curves["run"].isin(runs)]
    quantities = list(dict.fromkeys(curves["quantity"]))
    claims = None if claims is None or not len(claims) else _of_runs(claims, runs)
    distances = None if distances is None else _between_runs(distances, runs)
    page = _page(len(quantities), len(runs), distances is not None, 0 if claims is None else len(claims))
    with style.context():
        fig = style.new_figure(style.WIDTH_MM, page.height)
        _legends(fig, page, runs, [str(kind) for kind in curves["kind"].unique()])
        _small_multiples(fig, page, curves, quantities, runs)
        if distances is not None:
            _distances(fig, page, distances)
        if claims is not None:
            _claims(fig, page, claims)
        left_out = len(names) - len(runs)
        if left_out:
            said = f"{left_out} more run{'s are' if left_out > 1 else ' is'} in the tables"
            words(fig, style.WIDTH_MM / 2, 2.0, said, ha="center")
    return fig


def _of_runs(claims: pd.DataFrame, runs: Sequence[str]) -> pd.DataFrame:
    missing = [run for run in runs if run not in claims.columns]
    if missing:
        raise DataError(
            f"The claims lack a column for {', '.join(missing)}, which the curves have. "
            "Make both of the same runs: claims_table(records) takes None for a run without claims."
        )
    return claims.reindex(columns=list(runs))


def _between_runs(distances: xr.DataArray, runs: Sequence[str]) -> xr.DataArray:
    missing = [run for run in runs if run not in distances["run"].values]
    if missing:
        raise DataError(
            f"The distances lack {', '.join(missing)}, which the curves have. Make both of the same runs."
        )
    return distances.sel(run=list(runs), other=list(runs))


def _page(n_quantities: int, n_runs: int, with_distances: bool, n_claims: int) -> PageHeights:
    heights = [n_runs * _CELL + 7.0] * with_distances + [n_claims * _CLAIM_ROW] * (n_claims > 0)
    legend_rows = 1 + -(-n_runs // _LEGEND_COLUMNS)
    return PageHeights(
        1.5 + legend_rows * _LEGEND_ROW,
        -(-n_quantities // len(_LEFTS)),
        _SECTION + max(heights) if heights else 0.0,
    )


def _legends(fig: Figure, page: PageHeights, runs: Sequence[str], kinds: Sequence[str]) -> None:
    named = panels.run_entries(runs)
    rows = [named[start : start + _LEGEND_COLUMNS] for start in range(0, len(named), _LEGEND_COLUMNS)]
    top = page.height - 1.5
    for row, of_runs in enumerate(rows):
        for column, entry in enumerate(of_runs):
            entries(fig, (10.0 + 57.0 * column, top - row * _LEGEND_ROW), [entry])
    entries(fig, (10.0, top - len(rows) * _LEGEND_ROW), panels.line_entries(kinds))


def _small_multiples(
    fig: Figure, page: PageHeights, curves: pd.DataFrame, quantities: Sequence[str], runs: Sequence[str]
) -> None:
    top = page.height - page.legend
    letter(fig, "A", top - _ABOVE + 2.4)
    width, height = _AXES_MM
    for place, quantity in enumerate(quantities):
        row, column = divmod(place, len(_LEFTS))
        bottom = top - row * (_ABOVE + height + _BELOW) - _ABOVE - height
        box = (_LEFTS[column], bottom, width, height)
        ax = fig.add_axes(share_of(fig, box))
        panels.compared_curves(curves, quantity, runs, ax=ax)
        if place + len(_LEFTS) >= len(quantities):
            ax.set_xlabel("relative depth")


def _distances(fig: Figure, page: PageHeights, distances: xr.DataArray) -> None:
    top = _FOOT + page.last - _SECTION
    side = distances.sizes["run"] * _CELL
    letter(fig, "B", top + 7.6)
    words(fig, 10.0, top + 7.6, "distance of mean paths (rad)", size=style.BASE_PT, color=style.INK)
    ax = fig.add_axes(share_of(fig, (10.0, top - side, side, side)))
    panels.trajectory_distances(distances, ax=ax)
    for line, said in enumerate(("framed: between halves of", "a run's own samples")):
        words(fig, 10.0, top - side - 3.2 - 2.8 * line, said)


def _claims(fig: Figure, page: PageHeights, claims: pd.DataFrame) -> None:
    top = _FOOT + page.last - _SECTION
    n_claims, n_runs = claims.shape
    begin = max(_CLAIMS_LEFT, _LEFTS[0] + n_runs * _CELL + 6.0)
    left = _CLAIMS_RIGHT - n_runs * _CLAIM_COLUMN
    box = (left, top - n_claims * _CLAIM_ROW, n_runs * _CLAIM_COLUMN, n_claims * _CLAIM_ROW)
    ax = fig.add_axes(share_of(fig, box))
    panels.claim_matrix(claims, letters=int((left - begin - 7.0) / LETTER_MM), ax=ax)
    letter(fig, "C", top + 7.6, begin)
    entries(fig, (begin + 4.0, top + 9.4), panels.verdict_entries())
    words(fig, begin + 4.9, top + 4.2, f"where a claim that holds comes from: {panels.origin_words()}")
