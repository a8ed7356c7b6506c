"""Figure 1, panels A to L, on one page, and each panel in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.layout import Place, alone, arrange
from residyn.figures.panel import Inputs, Panel, Shape, Teleports
from residyn.figures.registry import further, lettered, required
from residyn.figures.saving import FORMATS, save
from residyn.sitemap import SiteMap

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

    `results` holds those of the panels B to F; the panels G to K are drawn where theirs are there too and else
    left out. `sites` is the map of the model's residual stream; None takes the
    one that the results carry (attribute `sites`, JSON). Without any, as for recordings of another system,
    panel A is left out and B and C take its room. `teleports` adds a last row, panel L, with the arrows of one
    host at up to six places; their curves over depth have files of their own (`draw_all`). `reference` lays
    the paper's curves of Llama 3.1 8B over E, F and H; `noise`, of `residyn.noise_floor`, is a band in E and F
    where it can be seen. A line at the foot says which model, how many samples,
    which texts and which token the states are of, as far as the results know. Raises DataError, naming what is
    missing.
    """
    missing = [name for name in required() if name not in results]
    if missing:
        raise DataError(
            f"Figure 1 needs the results {', '.join(required())}; missing: {', '.join(missing)}. "
            "Analyse the states first (residyn analyze DIR)."
        )
    inputs = Inputs(results, sites or sites_of(results), teleports, noise, reference)
    found = {panel.stem: panel for panel in lettered(inputs)}
    shapes: dict[str, Shape] = {stem: panel.shape_for(inputs) for stem, panel in found.items()}
    height, places = arrange(shapes, tall_legends=reference)
    height += _TITLE_MM if title else 0.0
    with style.context():
        fig = style.new_figure(style.WIDTH_MM, height)
        for stem, panel in found.items():
            panel.draw(inputs, _axes(fig, panel, places[stem]))
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
    formats: Sequence[str] = ("png",),
    jacobians: Mapping[str, xr.Dataset] | None = None,
) -> list[Path]:
    """Write `figure1` as png, pdf and svg, and `panel_a` … `panel_l`, `panel_i_3d` in each of `formats`, into
    `directory`; the paths.

    Panels whose results are not there are left out, as `panel_a` is where no site map is known. After them
    come the panels beside Figure 1: `panel_l_pull` and others of teleports, `control_…`, and `map_…` of the
    local maps `jacobians`. Raises as `figure1` and `saving.save` do.
    """
    directory = Path(directory)
    sites = sites or sites_of(results)
    provenance = provenance_of(results)
    whole = figure1(results, sites, teleports=teleports, noise=noise, reference=reference)
    paths = save(whole, directory / "figure1", FORMATS, provenance)
    inputs = Inputs(results, sites, teleports, noise, reference, jacobians)
    for panel in (*lettered(inputs), *further(inputs)):
        with style.context():
            fig = alone(panel, inputs)
        paths += save(fig, directory / panel.stem, formats, provenance)
    return paths


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
    letter = panel.letter + "′" * panel.repeats
    fig.text(x / width, y / height, letter, fontsize=style.LETTER_PT, fontweight="bold", va="baseline")
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
