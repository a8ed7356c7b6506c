"""Figure 1, panels A to L, on one page, and each panel in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.composite import compose
from residyn.figures.layout import alone
from residyn.figures.pages import PAGES, page
from residyn.figures.panel import Inputs, Teleports
from residyn.figures.registry import further, lettered, required
from residyn.figures.saving import FORMATS, save
from residyn.sitemap import SiteMap


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

    >>> figure = rd.figure1(rd.analyze(states))
    >>> figure.savefig("figure1.pdf")
    """
    missing = [name for name in required() if name not in results]
    if missing:
        raise DataError(
            f"Figure 1 needs the results {', '.join(required())}; missing: {', '.join(missing)}. "
            "Analyse the states first (residyn analyze DIR)."
        )
    inputs = Inputs(results, sites or sites_of(results), teleports, noise, reference)
    panels = {f"{panel.letter}{'′' * panel.repeats}": panel for panel in lettered(inputs)}
    return compose(panels, inputs, title=title)


def draw_all(
    results: xr.Dataset,
    sites: SiteMap | None,
    directory: str | Path,
    *,
    teleports: Teleports | None = None,
    noise: xr.Dataset | None = None,
    reference: bool = False,
    formats: Sequence[str] = ("png",),
    jacobians: Mapping[str, xr.Dataset] = MappingProxyType({}),
    outputs: Mapping[str, xr.Dataset] = MappingProxyType({}),
) -> list[Path]:
    """Write `figure1`, `dynamics` and `maps_and_outputs` as png, pdf and svg, and `panel_a` … `panel_l`,
    `panel_i_3d` in each of `formats`, into `directory`; the paths.

    Panels whose results are not there are left out, as `panel_a` is where no site map is known. After them
    come the panels beside Figure 1: `panel_l_pull` and others of teleports, `control_…`, `map_…` of the local
    maps `jacobians`, and `lens_…` and `blocks_…` of `outputs`. Raises as `figure1` and `saving.save` do.
    """
    directory = Path(directory)
    sites = sites or sites_of(results)
    provenance = provenance_of(results)
    whole = figure1(results, sites, teleports=teleports, noise=noise, reference=reference)
    paths = save(whole, directory / "figure1", FORMATS, provenance)
    inputs = Inputs(results, sites, teleports, noise, reference, jacobians, outputs)
    for name in PAGES:
        another = page(name, inputs)
        if another is not None:
            paths += save(another, directory / name, FORMATS, provenance)
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
