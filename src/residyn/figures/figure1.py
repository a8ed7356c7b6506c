"""Figure 1, panels A to F, on one page, and each panel in a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residyn.errors import DataError
from residyn.figures import panels, style
from residyn.figures.saving import save
from residyn.schema import UNIT, SiteMap

DRAWN = ("mean_activation", "unit_correlation", "correlation_density", "cosine", "velocity")
"""The results that the figure shows, panels B to F."""

_HEIGHT_MM = 141.0
_TITLE_MM = 6.0
_BOXES_MM = {
    "A": (1.5, 67.5, *panels.SCHEMATIC_MM),
    "B": (75.5, 79.5, 30.0, 54.0),
    "C": (136.0, 79.5, 30.0, 54.0),
    "D": (14.0, 16.5, 30.0, 42.0),
    "E": (75.5, 16.5, 41.0, 42.0),
    "F": (136.0, 16.5, 41.0, 42.0),
}
"""Left, bottom, width and height of each panel's axes; columns and rows are aligned."""
_WIDE_BOXES_MM = {"B": (14.0, 79.5, 54.0, 54.0), "C": (105.0, 79.5, 54.0, 54.0)}
"""The same without panel A."""
_LETTER_MM = (14.0, 2.2)
"""How far a panel's letter stands to the left of its axes, and above the top of its row."""


def figure1(results: xr.Dataset, sites: SiteMap | None = None, *, title: str | None = None) -> Figure:
    """The composite: A schematic, B means, C correlations, D their density, E cosine, F velocity.

    `results` holds the results named in `DRAWN`. `sites` is the map of the model's residual stream; None
    takes the one that the results carry (attribute `sites`, JSON). Without any, as for recordings of another
    system, panel A is left out and B and C take its room. A line at the foot says which model, how many
    samples, which texts and which token the states are of, as far as the results know. Raises DataError,
    naming what is missing.
    """
    missing = [name for name in DRAWN if name not in results]
    if missing:
        raise DataError(
            f"Figure 1 needs the results {', '.join(DRAWN)}; missing: {', '.join(missing)}. "
            "Analyse the states first (residyn analyze DIR)."
        )
    drawers = _drawers(results, sites or sites_of(results))
    boxes = _BOXES_MM if "A" in drawers else {**_BOXES_MM, **_WIDE_BOXES_MM}
    height = _HEIGHT_MM + (_TITLE_MM if title else 0.0)
    with style.context():
        fig = style.new_figure(style.WIDTH_MM, height)
        for letter, draw in drawers.items():
            draw(_place(fig, letter, boxes[letter]))
        _words(fig, results, title, height)
    return fig


def draw_all(results: xr.Dataset, sites: SiteMap | None, directory: str | Path) -> list[Path]:
    """Write `figure1` and `panel_a` … `panel_f` as png, pdf and svg into `directory`; the paths written.

    `panel_a` is left out where no site map is known. Raises as `figure1` and `saving.save` do.
    """
    directory = Path(directory)
    sites = sites or sites_of(results)
    provenance = provenance_of(results)
    paths = save(figure1(results, sites), directory / "figure1", provenance=provenance)
    for letter, draw in _drawers(results, sites).items():
        size = panels.SCHEMATIC_MM if letter == "A" else style.PANEL_MM
        with style.context():
            fig = style.new_figure(*size, layout="constrained")
            draw(fig.subplots())
        paths += save(fig, directory / f"panel_{letter.lower()}", provenance=provenance)
    return paths


def _drawers(results: xr.Dataset, sites: SiteMap | None) -> dict[str, Callable[[Axes], Axes]]:
    """What draws each panel into given axes; A only where the sites are known."""
    means = results["mean_activation"]
    order = means["rank"].values if "rank" in means.coords else None
    drawers: dict[str, Callable[[Axes], Axes]] = {}
    if sites is not None:
        drawers["A"] = lambda ax: panels.schematic(sites, n_units=means.sizes[UNIT], ax=ax)
    return drawers | {
        "B": lambda ax: panels.mean_activation(means, ax=ax),
        "C": lambda ax: panels.unit_correlation(results["unit_correlation"], order=order, ax=ax),
        "D": lambda ax: panels.correlation_density(results["correlation_density"], order=order, ax=ax),
        "E": lambda ax: panels.cosine(results["cosine"], ax=ax),
        "F": lambda ax: panels.velocity(results["velocity"], ax=ax),
    }


def sites_of(results: xr.Dataset) -> SiteMap | None:
    """The site map that results carry, or None; DataError where it cannot be read."""
    text = results.attrs.get("sites")
    if not text:
        return None
    try:
        return SiteMap.from_json(text)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"The results' attribute 'sites' should be a site map as JSON, and cannot be read: {error!r}. "
            "Analyse the states again, or pass sites=."
        ) from error


def provenance_of(results: xr.Dataset) -> dict[str, Any]:
    """What a figure's file says about its origin: the results' plain attributes, without the site map."""
    return {
        str(name): value.item() if isinstance(value, np.generic) else value
        for name, value in results.attrs.items()
        if name != "sites" and isinstance(value, str | int | float | bool | np.generic)
    }


def footer(results: xr.Dataset) -> str:
    """One line: model, samples, texts, token position, distinct last tokens; what is unknown is left out."""
    attrs = results.attrs
    words = []
    if attrs.get("model"):
        words.append(style.plain(attrs["model"], 44))
    if "n_samples" in attrs:
        words.append(f"N = {style.plain(attrs['n_samples'], 12)}")
    if attrs.get("texts"):
        words.append(style.plain(attrs["texts"], 44))
    if attrs.get("position") is not None:
        words.append(f"position: {style.plain(attrs['position'], 16)}")
    if "distinct_last_tokens" in attrs:
        words.append(f"{style.plain(attrs['distinct_last_tokens'], 12)} distinct last tokens")
    if attrs.get("capture_dtype"):
        words.append(style.plain(attrs["capture_dtype"], 12))
    return style.plain(" · ".join(words), 130)


def _place(fig: Figure, letter: str, box_mm: tuple[float, float, float, float]) -> Axes:
    """Axes at (left, bottom, width, height) in millimetres, and the panel's letter beside their top left."""
    width, height = fig.get_size_inches() / style.MM
    left, bottom, wide, high = box_mm
    x = max(left - _LETTER_MM[0], 1.0)
    row_top = _BOXES_MM["B" if letter in "ABC" else "E"]
    y = row_top[1] + row_top[3] + _LETTER_MM[1]
    fig.text(x / width, y / height, letter, fontsize=style.LETTER_PT, fontweight="bold", va="baseline")
    return fig.add_axes((left / width, bottom / height, wide / width, high / height))


def _words(fig: Figure, results: xr.Dataset, title: str | None, height: float) -> None:
    fig.text(
        0.5, 2.0 / height, footer(results), ha="center", va="baseline", fontsize=style.SMALL_PT,
        color=style.MUTED, parse_math=False,
    )  # fmt: skip
    if title:
        fig.text(
            0.5, 1 - 4.0 / height, style.plain(title, 110), ha="center", va="center",
            fontsize=style.TITLE_PT, parse_math=False,
        )  # fmt: skip
