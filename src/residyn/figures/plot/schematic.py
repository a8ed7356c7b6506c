"""Panel A: one block of the actual model, and where its states are read."""

from __future__ import annotations

import re

from matplotlib.axes import Axes

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.panel import Inputs, Panel
from residyn.figures.plot import strokes
from residyn.figures.plot.strokes import CEILING, FLOOR, SIZE_MM, STREAM, Box
from residyn.schema import UNIT, Site, SiteMap

_SIDE = 16.4
"""Distance of a branch's middle from the stream."""
_BRANCH_BOTTOM, _BRANCH_TOP = 20.0, 63.5
_BETWEEN = 5.5
"""From one sum (or the norm behind it) to where the next branch leaves."""


def schematic(sites: SiteMap, *, n_units: int | None = None, ax: Axes | None = None) -> Axes:
    """Panel A: a drawing of one block of the model that `sites` maps.

    The residual stream flows upward; attention and MLP read it and add to it; arrows to the left show where
    the states are read, with the module's path and whether it is its input or its output. The stretch of
    stream up to the next state has the colour of the transition: within layer, cross layer or whole block.
    Module names are the model's own; a norm whose name the map does not hold is called "norm". Below stands
    how many states of how many units a sample gives. Made for 58 × 70 mm. Raises DataError for anything but
    a map with sites.
    """
    if not isinstance(sites, SiteMap) or not sites.sites:
        came = "a map without sites" if isinstance(sites, SiteMap) else type(sites).__name__
        raise DataError(
            f"The schematic draws a SiteMap with the sites of at least one layer, got {came}. "
            "Pass the model's, or SiteMap.from_json(states.attrs['sites'])."
        )
    with style.context():
        ax = style.new_axes(ax, SIZE_MM)
        ax.set_xlim(0, SIZE_MM[0])
        ax.set_ylim(0, SIZE_MM[1])
        ax.set_axis_off()
        strokes.background(ax, f"{sites.blocks}.ℓ")
        read = _states_of_one_layer(sites)
        if sites.arrangement == "parallel":
            _parallel(ax, sites, read)
        else:
            _sequential(ax, sites, read)
        strokes.words(
            ax,
            SIZE_MM[0] / 2,
            0.3,
            _count(sites, n_units),
            ha="center",
            va="bottom",
            color=style.INK,
            linespacing=1.25,
        )
    return ax


def _states_of_one_layer(sites: SiteMap) -> dict[str, Site]:
    """The sites of the middle layer among those that are read, by name."""
    layers = sorted({site.layer for site in sites.sites if site.site != "out"}) or [sites.sites[0].layer]
    return {site.site: site for site in sites.sites if site.layer == layers[len(layers) // 2]}


def _sequential(ax: Axes, sites: SiteMap, read: dict[str, Site]) -> None:
    """Attention, then MLP; with norms on the stream itself where the arrangement is "post-norm"."""
    attn, mlp = _branch_boxes(sites, read.get("mlp"))
    norm_room = 5.5 if sites.arrangement == "post-norm" else 0.0
    needs = [sum(box.height + strokes.BRANCH_GAP for box in boxes) for boxes in (attn, mlp)]
    spare = (_BRANCH_TOP - _BRANCH_BOTTOM - 2 * norm_room - _BETWEEN - sum(needs)) / 2
    bottom, before = _BRANCH_BOTTOM, "cross"
    for site, kind, boxes, need in (("attn", "within", attn, needs[0]), ("mlp", "cross", mlp, needs[1])):
        colour = style.KIND_COLOURS[kind]
        seen, join = bottom - 3.0, bottom + need + spare
        strokes.stream(ax, FLOOR - 1.5 if site == "attn" else seen - 2.5, seen, before)
        strokes.stream(ax, seen, min(join + norm_room + 3.0, CEILING), kind)
        strokes.words(
            ax,
            STREAM - 2.0,
            (seen + join) / 2 - 0.4,
            style.KIND_NAMES[kind],
            rotation=90,
            ha="center",
            color=colour,
        )
        strokes.branch(ax, boxes, x=STREAM + _SIDE, bottom=bottom, join=join, colour=colour)
        strokes.add(ax, join, sites.scale, colour)
        if norm_room:
            norm = read[site].norm if site in read else None
            strokes.stream_norm(ax, join + 4.6, _inside_block(norm or "", sites, read.get(site)) or "")
        if site in read:
            strokes.read_out(ax, seen, f"{site} state", _where(read[site], sites), colour)
        bottom, before = join + norm_room + _BETWEEN, kind
    strokes.ends(ax, before)


def _parallel(ax: Axes, sites: SiteMap, read: dict[str, Site]) -> None:
    """Attention and MLP read the same state and are added at once: one state a layer."""
    bottom, join = _BRANCH_BOTTOM + 4.0, _BRANCH_TOP - 6.0
    seen = bottom - 4.5
    colour = style.KIND_COLOURS["block"]
    strokes.stream(ax, FLOOR - 1.5, CEILING, "block")
    for name, title, side in ((sites.attn_write, "attention", 14.9), (sites.mlp_write, "MLP", -14.9)):
        boxes = [Box("", "norm"), *_module_boxes(title, name)]
        strokes.branch(ax, boxes, x=STREAM + side, bottom=bottom, join=join, colour=colour)
    strokes.add(ax, join, sites.scale, colour)
    strokes.words(ax, STREAM + 2.2, join + 5.5, style.KIND_NAMES["block"], color=style.INK)
    for site in read.values():
        strokes.read_out(ax, seen, f"{site.site} state", _where(site, sites), colour)
    strokes.ends(ax, "block")


def _branch_boxes(sites: SiteMap, mlp_site: Site | None) -> tuple[list[Box], list[Box]]:
    """The boxes on the attention and the MLP branch, in the order in which the signal passes them.

    The state before the MLP is read at the module that reads it. Where that is a norm, both branches begin
    with one (attention's is not in the map); where it is the MLP itself or a norm's output, neither does.
    """
    before_attn: list[Box] = []
    before_mlp: list[Box] = []
    if mlp_site is not None and mlp_site.where == "input":
        name = _inside_block(mlp_site.module, sites, mlp_site) or mlp_site.module
        if _is_norm(name):
            before_attn, before_mlp = [Box("", "norm")], [Box("", name)]
    return (
        before_attn + _module_boxes("attention", sites.attn_write),
        before_mlp + _module_boxes("MLP", sites.mlp_write),
    )


def _module_boxes(title: str, write: str) -> list[Box]:
    """A branch's module; where what is added comes out of a norm behind it, that norm as a second box."""
    return [Box(title), Box("", write)] if _is_norm(write) else [Box(title, write)]


def _is_norm(name: str) -> bool:
    last = name.rsplit(".", 1)[-1].lower()
    return "norm" in last or re.match(r"ln(_|\d|$)", last) is not None


def _inside_block(module: str, sites: SiteMap, site: Site | None) -> str | None:
    """A module's path as its block calls it ("" for the block itself); None for a module outside it."""
    block = f"{sites.blocks}.{site.layer if site else 0}"
    if module == block:
        return ""
    return module.removeprefix(f"{block}.") if module.startswith(f"{block}.") else None


def _where(site: Site, sites: SiteMap) -> list[str]:
    """The lines that say where a state is read, the layer's number written ℓ."""
    block, inside = f"{sites.blocks}.ℓ", _inside_block(site.module, sites, site)
    if inside is None:
        path = strokes.wrap(site.module, 3)
    elif len(f"{block}.{inside}") <= strokes.LETTERS:
        path = [f"{block}.{inside}".removesuffix(".")]
    elif inside:
        path = [*strokes.wrap(f"{block}.", 1), *strokes.wrap(inside, 2)]
    else:
        path = strokes.wrap(block, 2)
    return [f"{site.where} of", *path]


def _count(sites: SiteMap, n_units: int | None) -> str:
    """How many states a sample gives: "30 layers × 2 sublayers = 60 states", as far as the map is that regular."""
    body = [site for site in sites.sites if site.site != "out"]
    n_layers = len({site.layer for site in body})
    states = f"{len(sites.sites)} states" + (f" of {n_units} units" if n_units is not None else "")
    per_layer, rest = divmod(len(body), max(n_layers, 1))
    if rest or not body:
        return states
    layers = f"{n_layers} layer{'s' * (n_layers != 1)}"
    sublayers = f"{per_layer} sublayer{'s' * (per_layer != 1)}"
    after = " + output" if len(body) < len(sites.sites) else ""
    return f"{layers} × {sublayers}{after}\n= {states}"


def _draw(inputs: Inputs, ax: Axes) -> Axes:
    assert inputs.sites is not None
    return schematic(inputs.sites, n_units=inputs.results["mean_activation"].sizes[UNIT], ax=ax)


SCHEMATIC = Panel(
    stem="panel_a",
    letter="A",
    title="Where the states are read",
    shape="schematic",
    needs=("mean_activation",),
    definition="The modules that write to the residual stream, and where it is read.",
    when=lambda inputs: inputs.sites is not None,
    draw=_draw,
)
