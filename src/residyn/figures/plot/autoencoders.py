"""Panels of the compressing autoencoder: what its plane holds of each sublayer, and paths in it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from residyn.axis_names import axis_names
from residyn.figures import style
from residyn.figures.panel import Panel
from residyn.figures.plot import depth, layers, parts
from residyn.figures.plot.populations import paths_in_plane
from residyn.quantities.autoencoder import AXIS, NAME, OF_COMPONENTS, PATH, PATHS
from residyn.schema import BOUND, SUBLAYER


def autoencoder_explained(result: xr.DataArray, components: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """The share of each sublayer's variance that an autoencoder rebuilds from a plane; two components hollow.

    `result` is `autoencoder_explained_curve` (bound, sublayer), and `components` `autoencoder_components`
    (sublayer). Raises DataError for other results.
    """
    parts.expect(result, NAME, (BOUND, SUBLAYER), ("layer", "site"))
    parts.expect(components, OF_COMPONENTS, (SUBLAYER,))
    with style.context():
        ax = style.new_axes(ax)
        depth.beside_null(ax, result, components, "two PCs", own_name="autoencoder")
        ax.set_ylabel("variance explained by a plane,\nheld-out documents")
    return ax


def autoencoder_paths(result: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Paths of held-out samples in the plane of an autoencoder, coloured by layer, from the ring to the dot.

    `result` is `autoencoder_paths` (autoencoder_path, sublayer, autoencoder_axis). Raises DataError for another.
    """
    parts.expect(result, PATHS, (PATH, SUBLAYER, AXIS), ("layer",))
    paths, layer = result.transpose(PATH, SUBLAYER, AXIS).values.astype(np.float64), result["layer"].values
    with style.context():
        ax = style.new_axes(ax)
        paths_in_plane(ax, paths, layer)
        ax.autoscale_view()
        ax.margins(0.06)
        ax.set_xlabel("autoencoder, axis 1")
        ax.set_ylabel("autoencoder, axis 2")
        layers.colourbar(ax, layers.colours_of(layer), layer, axis_names(result.attrs))
    return ax


EXPLAINED = Panel(
    stem="autoencoder_explained",
    title="Variance in the plane of an autoencoder",
    beside="K",
    needs=("autoencoder_explained_curve", "autoencoder_components"),
    defined_by=("autoencoder_explained_curve",),
    draw=lambda inputs, ax: autoencoder_explained(
        inputs.results["autoencoder_explained_curve"], inputs.results["autoencoder_components"], ax=ax
    ),
)
IN_PLANE = Panel(
    stem="autoencoder_paths",
    title="Paths in the plane of an autoencoder",
    beside="K",
    needs=("autoencoder_paths",),
    shape="map",
    draw=lambda inputs, ax: autoencoder_paths(inputs.results["autoencoder_paths"], ax=ax),
)
