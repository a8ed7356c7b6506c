"""Panel A: one block of the actual model, and where its states are read."""

from __future__ import annotations

import re

from matplotlib.axes import Axes

from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.panel import Inputs, Panel
from residyn.figures.plot import strokes
from residyn.figures.plot.strokes import CEILING, FLOOR, SIZE_MM, STREAM, Box
from residyn.schema import SITES, UNIT
from residyn.sitemap import Site, SiteMap

_SIDE = 16.4
"""Distance of a branch's middle from the stream."""
_BRANCH_BOTTOM, _BRANCH_TOP = 20.0, 63.5
_BETWEEN = 5.5
"""From one sum (or the norm behind it) to where the next branch leaves."""


def schematic(sites: SiteMap, *, n_units: int | None = None, ax: Axes | None = None) -> Axes:
    """Panel A: a drawing of one block of the model that `sites` maps, the middle one.

    The residual stream flows upward; attention, or another mixer, and MLP read it and add to it; arrows to the
    left show where the states are read, with the module's path and whether it is its input or its output. The
    stretch of stream up to the next state has the colour of the transition: within layer, cross layer or whole
    block. Module names are the model's own; a norm whose name the map does not hold is called "norm". Below
    stands how many states of how many units a sample gives. Made for 58 × 70 mm. Raises DataError for anything
    but a map with sites.

    >>> ax = rd.plot.schematic(rd.check_model(model).sites)
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
        if len(read) > 1:
            _sequential(ax, sites, read)
        elif (only := read[0]).site == "block":
            _parallel(ax, sites, only)
        else:
            _single(ax, sites, only)
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


def _states_of_one_layer(sites: SiteMap) -> list[Site]:
    """The sites of the middle layer among those that are read."""
    layers = sorted({site.layer for site in sites.sites if site.site != "out"}) or [sites.sites[0].layer]
    own = [site for site in sites.sites if site.layer == layers[len(layers) // 2]]
    return [site for site in own if site.site != "out"] or own


def _sequential(ax: Axes, sites: SiteMap, read: list[Site]) -> None:
    """A mixer, then the MLP; with norms on the stream itself where the map has them."""
    branches = _branch_boxes(sites, read)
    norm_room = 5.5 if any(site.norm for site in read) else 0.0
    needs = [sum(box.height + strokes.BRANCH_GAP for box in boxes) for boxes in branches]
    spare = (_BRANCH_TOP - _BRANCH_BOTTOM - 2 * norm_room - _BETWEEN - sum(needs)) / 2
    bottom, before = _BRANCH_BOTTOM, "cross"
    for site, kind, boxes, need in zip(read, ("within", "cross"), branches, needs, strict=True):
        colour = style.KIND_COLOURS[kind]
        seen, join = bottom - 3.0, bottom + need + spare
        strokes.stream(ax, FLOOR - 1.5 if kind == "within" else seen - 2.5, seen, before)
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
        strokes.add(ax, join, site.factors, site.kept, colour)
        if norm_room:
            strokes.stream_norm(ax, join + 4.6, _inside_block(site.norm or "", sites, site) or "")
        strokes.read_out(ax, seen, style.SITE_NAMES[site.site], _where(site, sites), colour)
        bottom, before = join + norm_room + _BETWEEN, kind
    strokes.ends(ax, before)


def _parallel(ax: Axes, sites: SiteMap, site: Site) -> None:
    """Attention and MLP read the same state and are added at once: one state a layer."""
    boxes = [[Box("", "norm"), *_module_boxes(title, [name])] for title, name in zip(
        ("attention", "MLP"), _names(sites, site), strict=False
    )]  # fmt: skip
    _one_sum(ax, sites, site, boxes)


def _single(ax: Axes, sites: SiteMap, site: Site) -> None:
    """A block that makes one write: of a mixer, or of an MLP."""
    _one_sum(ax, sites, site, [[Box("", "norm"), *_module_boxes(_title(site), _names(sites, site))]])


def _one_sum(ax: Axes, sites: SiteMap, site: Site, branches: list[list[Box]]) -> None:
    bottom, join = _BRANCH_BOTTOM + 4.0, _BRANCH_TOP - 6.0
    colour = style.KIND_COLOURS["block"]
    strokes.stream(ax, FLOOR - 1.5, CEILING, "block")
    for boxes, side in zip(branches, (14.9, -14.9), strict=False):
        strokes.branch(ax, boxes, x=STREAM + side, bottom=bottom, join=join, colour=colour)
    strokes.add(ax, join, site.factors, site.kept, colour)
    strokes.words(ax, STREAM + 2.2, join + 5.5, style.KIND_NAMES["block"], color=style.INK)
    strokes.read_out(ax, bottom - 4.5, style.SITE_NAMES[site.site], _where(site, sites), colour)
    strokes.ends(ax, "block")


def _branch_boxes(sites: SiteMap, read: list[Site]) -> list[list[Box]]:
    """The boxes on the mixer's and the MLP's branch, in the order in which the signal passes them.

    The state before the MLP is read at the module that reads it. Where that is a norm, both branches begin
    with one (the mixer's is not in the map); where it is the MLP itself or a norm's output, neither does.
    """
    first: list[list[Box]] = [[], []]
    mlp_site = read[1]
    if mlp_site.where == "input":
        name = _inside_block(mlp_site.module, sites, mlp_site) or mlp_site.module
        if _is_norm(name):
            # The map names only the second of the two; where the state is read says which that is.
            first = [[Box("", "norm")], [Box("", "norm")]]
    return [
        begin + _module_boxes(_title(site), _names(sites, site)) for begin, site in zip(first, read, strict=True)
    ]


def _title(site: Site) -> str:
    """What reads a state, as its box is called."""
    return SITES.get(site.site, site.site)


def _names(sites: SiteMap, site: Site) -> list[str]:
    """The modules that write at a site, as their block calls them."""
    return [_inside_block(path, sites, site) or path for path in site.writes]


def _module_boxes(title: str, writes: list[str]) -> list[Box]:
    """A branch's modules; where what is added comes out of a norm behind them, that norm as a second box."""
    if len(writes) == 1 and _is_norm(writes[0]):
        return [Box(title), Box("", writes[0])]
    return [Box(title, " + ".join(writes))]


def _is_norm(name: str) -> bool:
    last = name.rsplit(".", 1)[-1].lower()
    return "norm" in last or re.match(r"ln(_|\d|$)", last) is not None


def _inside_block(module: str, sites: SiteMap, site: Site) -> str | None:
    """A module's path as its block calls it ("" for the block itself); None for a module outside it."""
    block = f"{sites.blocks}.{site.layer}"
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
