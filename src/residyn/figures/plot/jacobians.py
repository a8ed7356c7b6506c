"""Local linear maps over depth: eigenvalues, how much maps turn, what they keep, how changes grow."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from residyn.figures import style
from residyn.figures.panel import Inputs, Panel
from residyn.figures.plot import parts
from residyn.figures.plot.networks import RANDOM, Networks, of_model, over_depth
from residyn.figures.plot.teleports import ROW_BOX, ROW_MM
from residyn.quantities.at_samples import curve
from residyn.quantities.local_maps import ginibre_value
from residyn.schema import BOUNDS, LAYER

_GAP = 0.06
"""Between small multiples, of the panel's width."""
_SHOWN = 4
"""Layers whose eigenvalues are drawn: from the first to the last, evenly spread."""


def eigenvalues(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """Eigenvalues of whole layers' maps in the complex plane, in four layers from the first to the last.

    `networks` are local maps by network, as `Run.jacobians` gives them; those of "model" are drawn, all samples in
    one plane. The circle is the disc that the eigenvalues of a random matrix of the same Frobenius norm fill
    (Ginibre). The real axis is where nothing turns. Raises DataError without the model's maps.

    >>> ax = rd.plot.eigenvalues(run.jacobians)
    """
    maps = of_model(networks)
    layers = maps[LAYER].values
    shown = np.unique(np.linspace(0, len(layers) - 1, min(_SHOWN, len(layers))).round().astype(int))
    width = (1 - _GAP * (len(shown) - 1)) / len(shown)
    with style.context():
        ax = ax if ax is not None else style.shown(style.new_figure(*ROW_MM).add_axes(ROW_BOX))
        ax.set_axis_off()
        for column, place in enumerate(shown):
            inner = ax.inset_axes((column * (width + _GAP), 0.0, width, 1.0))
            one = maps.isel({LAYER: place})
            real, imag = one["layer_eigenvalue_real"].values.ravel(), one["layer_eigenvalue_imag"].values.ravel()
            inner.axhline(0, color=style.HAIRLINE, linewidth=style.LINE_PT, zorder=0)
            inner.axvline(0, color=style.HAIRLINE, linewidth=style.LINE_PT, zorder=0)
            inner.plot(
                real, imag, linestyle="none", marker="o", markersize=1.1, markeredgewidth=0, alpha=0.45,
                color=style.INK, rasterized=True, label="_eigenvalues",
            )  # fmt: skip
            radius = float(one["layer_frobenius"].mean()) / np.sqrt(_width(maps))
            inner.add_patch(Circle((0, 0), radius, fill=False, color=RANDOM, linewidth=0.9, zorder=3))
            size = 1.06 * max(radius, float(np.nanmax(np.abs([real, imag]), initial=0.0)))
            inner.set_xlim(-size, size)
            inner.set_ylim(-size, size)
            inner.set_aspect("equal", adjustable="box")
            inner.set_title(f"layer {layers[place]}", fontsize=style.BASE_PT, pad=2.0)
            inner.set_xlabel("Re λ")
            inner.set_ylabel("" if column else "Im λ")
            ticks = parts.ticks_within(-size, size, 3)
            inner.set_xticks(ticks)
            inner.set_yticks(ticks)
            style.dress(inner)
        found = maps.sizes["sample"]
        entries: list[tuple[Artist, str]] = [
            (parts.marker(style.INK, "o", 2.4), f"eigenvalues of J, {found} sample{'s' * (found != 1)}"),
            (Line2D([], [], color=RANDOM, linewidth=0.9), "disc of a random matrix of the same norm"),
        ]
        parts.legend_above(ax, entries, [])
    return ax


def skew_share(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """‖(J − Jᵀ)/2‖²/‖J‖² of whole layers over depth: 0 where a map only stretches, 1 where it only turns.

    Dots are means over samples with their 95 % intervals over documents; thin lines are untrained networks, the
    dashed one permuted weights; dotted is a random matrix. Raises DataError without the model's maps.

    >>> ax = rd.plot.skew_share(run.jacobians)
    """
    return _over_depth(networks, "layer_skew_share", "skew share of J", ax)


def henrici(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """√(‖J‖² − Σ|λ|²)/‖J‖ of whole layers over depth, Henrici's departure from normality. As `skew_share`.

    >>> ax = rd.plot.henrici(run.jacobians)
    """
    return _over_depth(networks, "layer_henrici", "departure from normality", ax)


def effective_rank(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """Effective rank of the product of all maps up to each layer's end. As `skew_share`.

    The dotted line is the same of random matrices of the same Frobenius norms.

    >>> ax = rd.plot.effective_rank(run.jacobians)
    """
    return _over_depth(
        networks, "layer_product_rank", "rank of the product", ax, random="layer_ginibre_product_rank"
    )


def exponents(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """Growth of a small change over the sublayers that follow, minus that of the state, by sublayer.

    Of the probe that grows the most; below 0, the dotted line, a small change shrinks relative to the state.
    Else as `skew_share`; the dotted curve is the same of random matrices of the same Frobenius norms.

    >>> ax = rd.plot.exponents(run.jacobians)
    """
    ax = _over_depth(networks, "excess_exponent", "exponent − growth of ‖h‖", ax, random="ginibre_excess_exponent")
    ax.axhline(0, color=style.HAIRLINE, linewidth=style.LINE_PT, zorder=0)
    return ax


def _over_depth(networks: Networks, name: str, label: str, ax: Axes | None, *, random: str | None = None) -> Axes:
    """One number over depth, beside what random matrices have."""
    maps = of_model(networks)
    expected = _random(maps, name, random, len(curve(maps, name)))
    undefined = "undefined: the matrices were not made whole"
    return over_depth(networks, name, label, ax, beside=(expected, "random"), undefined=undefined)


def _random(maps: xr.Dataset, name: str, beside: str | None, n: int) -> np.ndarray:
    """What random matrices have at each of n places: a curve of the maps', or one number; NaN where none is."""
    if beside is not None:
        return curve(maps, beside).sel(bound=BOUNDS[0]).values
    expected = ginibre_value(name, _width(maps))
    return np.full(n, np.nan if expected is None else expected)


def _width(maps: xr.Dataset) -> int:
    return int(maps.attrs["n_units"])


def _there(inputs: Inputs) -> bool:
    return bool(inputs.jacobians)


EIGENVALUES = Panel(
    stem="map_eigenvalues",
    figure="maps_and_outputs",
    place=90,
    title="Eigenvalues of layers' local maps",
    when=_there,
    shape="row",
    definition="Eigenvalues of J = ∂h′/∂h − I of whole layers at one token, in the complex plane.",
    draw=lambda inputs, ax: eigenvalues(inputs.jacobians, ax=ax),
)
SKEW_SHARE = Panel(
    stem="map_skew_share",
    figure="maps_and_outputs",
    place=1,
    title="How much local maps turn",
    when=_there,
    definition="‖(J − Jᵀ)/2‖²/‖J‖² of whole layers: 0 symmetric, 1 skew, ½ random.",
    draw=lambda inputs, ax: skew_share(inputs.jacobians, ax=ax),
)
HENRICI = Panel(
    stem="map_henrici",
    figure="maps_and_outputs",
    place=2,
    title="How far local maps are from normal",
    when=_there,
    definition="√(‖J‖² − Σ|λ|²)/‖J‖ of whole layers: 0 normal, .71 random.",
    draw=lambda inputs, ax: henrici(inputs.jacobians, ax=ax),
)
EFFECTIVE_RANK = Panel(
    stem="map_effective_rank",
    figure="maps_and_outputs",
    place=3,
    title="Directions that the product of local maps keeps",
    when=_there,
    definition="exp of the entropy of σ²/Σσ² of the product of I + J of all sublayers up to a layer's end.",
    draw=lambda inputs, ax: effective_rank(inputs.jacobians, ax=ax),
)
EXPONENTS = Panel(
    stem="map_exponents",
    figure="maps_and_outputs",
    place=4,
    title="Growth of a small change, less the state's",
    when=_there,
    definition="Mean of ln of a probe's growth over the sublayers that follow, minus that of the state's norm.",
    draw=lambda inputs, ax: exponents(inputs.jacobians, ax=ax),
)
