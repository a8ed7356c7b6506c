"""Where a teleport enters: layers and sublayer labels → places among a model's sites."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from residyn.errors import UsageError
from residyn.sitemap import SiteMap


def find_places(sites: SiteMap, at: int | str | Iterable[int | str]) -> tuple[int, ...]:
    """The index among `sites.sites` of every place in `at`, in the order given.

    A layer (int, from 0) is the state that enters it: before attention, or before the whole block where attention
    and MLP run in parallel. A label such as "7.mlp" is that sublayer. Raises UsageError for a layer or label that
    the model lacks, a place named twice, or none.
    """
    wanted = list(at) if isinstance(at, Iterable) and not isinstance(at, str) else [at]
    if not wanted:
        raise UsageError(
            "at= names no layer. Give layers or sublayers to inject at, such as at=[0, 7] or '7.mlp'."
        )
    found = tuple(_find(sites, place) for place in wanted)
    twice = [label for place, label in enumerate(_labels(sites, found)) if found[place] in found[:place]]
    if twice:
        raise UsageError(f"Each place to inject at is named once; {', '.join(twice)} came twice. Leave it out.")
    return found


def _find(sites: SiteMap, place: int | str) -> int:
    depth = 1 + max(site.layer for site in sites.sites)
    if isinstance(place, int | np.integer) and not isinstance(place, bool):
        if not 0 <= place < depth:
            raise UsageError(f"Layers to inject at are 0 to {depth - 1}; got {place}.")
        return next(index for index, site in enumerate(sites.sites) if site.layer == place)
    labels = _labels(sites, range(len(sites.sites)))
    if place in labels:
        return labels.index(str(place))
    kinds = sorted({site.site for site in sites.sites})
    layer, _, kind = str(place).partition(".")
    if sites.arrangement == "parallel" and kind in ("attn", "mlp") and layer.isdecimal() and int(layer) < depth:
        raise UsageError(
            f"{place!r} is no place in this model ({sites.family}): attention and MLP of a layer read the same "
            f"state in parallel, and nothing lies between them. Inject at '{layer}.block'."
        )
    raise UsageError(
        f"{place!r} is no sublayer of this model. Give a layer (0 to {depth - 1}) or a label LAYER.SITE, "
        f"with SITE one of {', '.join(kinds)}; labels run from {labels[0]} to {labels[-1]}."
    )


def _labels(sites: SiteMap, indices: Iterable[int]) -> list[str]:
    return [sites.sublayers[index].label for index in indices]
