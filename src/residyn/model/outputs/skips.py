"""What would leave the last block if the last token skipped one block, or took two neighbours in the other order.

Both are teleports. To skip block l, the stream is put, before block l + 1, where it was before block l. To
exchange blocks l and l + 1, what that row has behind block l + 1 is put before block l, and what leaves it
before block l + 2. The tokens before it stay as they are, so that the rows of all blocks are one pass beside a
shared prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from residyn.model.loading import LoadedModel
from residyn.model.outputs.lens import Read
from residyn.model.teleport.hosts import Hosts
from residyn.model.teleport.one_host import HostResult, start, teleport_host
from residyn.model.teleport.plan import TeleportPlan
from residyn.model.teleport.rows import MEMORY
from residyn.model.teleport.targets import Targets
from residyn.model.texts import Sample
from residyn.sitemap import SiteMap


@dataclass(frozen=True)
class Ends:
    """States behind the last block, (layer, unit): of rows that skip a block, and that exchange it with the next.

    There are L of the first and L − 1 of the second. `reason` says why the rows took full passes; empty where not.
    """

    skipped: torch.Tensor
    swapped: torch.Tensor
    reason: str


def layers_of(sites: SiteMap) -> dict[int, int]:
    """The first site of each layer, by layer: the state there is the one that enters its block."""
    first: dict[int, int] = {}
    for index, site in enumerate(sites.sites):
        first.setdefault(site.layer, index)
    return first


def ends(model: LoadedModel, sites: SiteMap, sample: Sample, read: Read) -> Ends:
    """The ends of one text's last token. Raises as teleports do."""
    first = list(layers_of(sites).values())
    states = read.states.to("cpu", torch.float32).numpy()
    entering = states[first]
    if len(first) == 1:
        return Ends(torch.from_numpy(entering), torch.empty((0, entering.shape[1])), "")

    begun = start(_plan(model, sites, sample, first[1:], entering[:-1]), 0)

    def moved(places: Sequence[int], targets: np.ndarray) -> HostResult:
        return teleport_host(_plan(model, sites, sample, places, targets), 0, lambda _: None, begun)

    # Where the next layer begins, counted in sublayers from each layer's beginning.
    lengths = np.diff(first)
    skipping = moved(first[1:], entering[:-1])
    assert skipping.ends is not None
    skipped = np.concatenate([skipping.ends[:, 0], entering[-1:]])
    behind = [skipping.states[row, 0, length] for row, length in enumerate(lengths[1:])]
    first_done = moved(first[:-1], np.stack([*behind, skipping.ends[-1, 0]]))
    both_done = np.stack([first_done.states[row, 0, length] for row, length in enumerate(lengths)])
    if len(first) > 2:
        going_on = moved(first[2:], both_done[:-1])
        assert going_on.ends is not None
        both_done = np.concatenate([going_on.ends[:, 0], both_done[-1:]])
    return Ends(torch.from_numpy(skipped), torch.from_numpy(both_done), skipping.reason)


def _plan(
    model: LoadedModel, sites: SiteMap, sample: Sample, places: Sequence[int], targets: np.ndarray
) -> TeleportPlan:
    """One target at each place, all in one text."""
    first = list(layers_of(sites).values())
    return TeleportPlan(
        model=model,
        sites=sites,
        hosts=Hosts((sample,), ""),
        places=tuple(places),
        targets=Targets(targets[None, :, None], {}, ""),
        position="last",
        residual="drop",
        n_steps=int(np.diff(first).max()),
        memory=MEMORY,
        whole=None,
        no_head="",
        ends=True,
    )
