"""Figure 1, panels A to L, on one page, and each panel in a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residyn.errors import DataError
from residyn.figures import plot, style
from residyn.figures.drawers import Panel, Teleports, controls, drawers, summaries
from residyn.figures.layout import Place, arrange
from residyn.figures.saving import FORMATS, save
from residyn.schema import SiteMap

DRAWN = ("mean_activation", "unit_correlation", "correlation_density", "cosine", "velocity")
"""The results that the figure shows, panels B to F."""

DRAWN_IF_PRESENT = (
    "mutual_information",
    "mutual_information_shuffle",
    "pc_scores",
    "explained_variance",
    "explained_variance_by_sublayer",
)
"""The results of panels G to K."""

_TITLE_MM = 6.0


def figure1(
    results: xr.Dataset,
    sites: SiteMap | None = None,
    *,
    teleports: Teleports | None = None,
    noise: xr.Dataset | None = None,
    reference: bool = False,
    title: str | None = None,
) -> Figure:
    """The composite: A schematic, B means, C correlations, D their density, E cosine, F velocity, G and H
    mutual information, I trajectories in the plane and in space, J and K explained variance, L teleports.

    `results` holds the results named in `DRAWN`; the panels G to K are drawn where theirs are there too
    (`DRAWN_IF_PRESENT`) and else left out. `sites` is the map of the model's residual stream; None takes the
    one that the results carry (attribute `sites`, JSON). Without any, as for recordings of another system,
    panel A is left out and B and C take its room. `teleports` adds a last row, panel L, with the arrows of one
    host at up to five places; their curves over depth have files of their own (`draw_all`). `reference` lays
    the paper's curves of Llama 3.1 8B over E, F and H; `noise`, of `residyn.noise_floor`, is a band in E and F
    where it can be seen. A line at the foot says which model, how many samples,
    which texts and which token the states are of, as far as the results know. Raises DataError, naming what is
    missing.
    """
    missing = [name for name in DRAWN if name not in results]
    if missing:
        raise DataError(
            f"Figure 1 needs the results {', '.join(DRAWN)}; missing: {', '.join(missing)}. "
            "Analyse the states first (residyn analyze DIR)."
        )
    found = drawers(results, sites or sites_of(results), reference=reference, teleports=teleports, noise=noise)
    height, places = arrange({name: panel.shape for name, panel in found.items()}, tall_legends=reference)
    height += _TITLE_MM if title else 0.0
    with style.context():
        fig = style.new_figure(style.WIDTH_MM, height)
        for name, panel in found.items():
            panel.draw(_axes(fig, panel, places[name]))
        _words(fig, results, title, height)
    return fig


def draw_all(
    results: xr.Dataset,
    sites: SiteMap | None,
    directory: str | Path,
    *,
    teleports: Teleports | None = None,
    noise: xr.Dataset | None = None,
    reference: bool = False,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write `figure1` and `panel_a` … `panel_l`, `panel_i_3d` into `directory` in each format; the paths.

    Panels whose results are not there are left out, as `panel_a` is where no site map is known. Beside panel L
    stand `panel_l_pull`, `panel_l_retention` and `panel_l_return`, where `teleports` have a summary and return
    fractions; and `control_…`, the panels of `drawers.controls`. Raises as `figure1` and `saving.save` do.
    """
    directory = Path(directory)
    sites = sites or sites_of(results)
    provenance = provenance_of(results)
    whole = figure1(results, sites, teleports=teleports, noise=noise, reference=reference)
    paths = save(whole, directory / "figure1", formats, provenance)
    drawn = drawers(results, sites, reference=reference, teleports=teleports, noise=noise)
    beside = [*([] if teleports is None else summaries(teleports)), *controls(results)]
    for panel in [*drawn.values(), *beside]:
        with style.context():
            fig = _alone(panel)
        paths += save(fig, directory / panel.stem, formats, provenance)
    return paths


def _alone(panel: Panel) -> Figure:
    """A panel in a figure of its own."""
    if panel.shape in ("space", "row"):
        in_space = panel.shape == "space"
        fig = style.new_figure(*(style.PANEL_MM if in_space else plot.ROW_MM))
        box = plot.SPACE_BOX if in_space else plot.ROW_BOX
        panel.draw(fig.add_axes(box, projection="3d" if in_space else None))
        return fig
    size = plot.SCHEMATIC_MM if panel.shape == "schematic" else style.PANEL_MM
    fig = style.new_figure(*size, layout="constrained")
    panel.draw(fig.subplots())
    return fig


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


def _axes(fig: Figure, panel: Panel, place: Place) -> Axes:
    """Axes at their place on the page, and the panel's letter beside their top left."""
    width, height = fig.get_size_inches() / style.MM
    x, y = place.letter
    fig.text(x / width, y / height, panel.letter, fontsize=style.LETTER_PT, fontweight="bold", va="baseline")
    box = (place.left / width, place.bottom / height, place.width / width, place.height / height)
    return fig.add_axes(box, projection="3d" if panel.shape == "space" else None)


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
