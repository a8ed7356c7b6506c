"""Everything that decides the numbers of teleports, settled and checked before the first long pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from transformers import PreTrainedModel

from residyn.errors import ModelError, UsageError
from residyn.model.attached import is_spread
from residyn.model.check import find_sites
from residyn.model.layout import Layout
from residyn.model.loading import LoadedModel, language_model
from residyn.model.teleport.hosts import Hosts, read_hosts
from residyn.model.teleport.places import find_places
from residyn.model.teleport.rows import MEMORY, rows_within
from residyn.model.teleport.targets import Targets, read_targets
from residyn.model.texts import Samples, Texts
from residyn.sitemap import SiteMap
from residyn.store.manifest import fingerprint_of
from residyn.store.records import plain

Residual = Literal["drop", "keep"]


@dataclass(frozen=True)
class TeleportPlan:
    """Hosts × places × targets, and how they are to be run.

    `places` are indices among `sites.sites`. `whole` is the model with its head, or None for the reason `no_head`.
    `layout` is the map of sites that was given; `ends` asks for the states behind the last block.
    """

    model: LoadedModel
    sites: SiteMap
    hosts: Hosts
    places: tuple[int, ...]
    targets: Targets
    position: Literal["last"] | int
    residual: Residual
    n_steps: int
    memory: int
    whole: PreTrainedModel | None
    no_head: str
    layout: Layout | None = None
    ends: bool = False

    @property
    def labels(self) -> list[str]:
        """The labels of the places."""
        return [self.sites.sublayers[place].label for place in self.places]

    def most_rows(self, n_tokens: int, *, full: bool) -> int:
        """How many targets go through the model at once, for a host of so many tokens."""
        config = self.model.module.config
        return rows_within(
            self.memory,
            n_units=self.model.n_units,
            n_words=int(getattr(config, "vocab_size", 0) or 0) if self.whole else 0,
            n_heads=int(getattr(config, "num_attention_heads", 1) or 1),
            n_tokens=n_tokens,
            full=full,
        )

    def describe(self) -> dict[str, Any]:
        """What the fingerprint is made of: equal if and only if the numbers are meant to be equal."""
        return plain(
            {
                "model": self.model.fingerprint(),
                "hosts": {"sha256": self.hosts.sha256, "n": len(self.hosts)},
                "targets": {"sha256": self.targets.sha256, "n": self.targets.n},
                "at": self.labels,
                "position": self.position,
                "residual": self.residual,
                "steps": self.n_steps,
                "memory": self.memory,
                "head": self.whole is not None,
                "sites": [[site.layer, site.site, site.module, site.where] for site in self.sites.sites],
            }
        )

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(self.describe())


def prepare(
    model: LoadedModel,
    texts: str | Iterable[str] | Texts | Samples,
    to: Any,
    at: int | str | Iterable[int | str],
    *,
    position: Literal["last"] | int,
    residual: Residual,
    steps: int,
    layout: Layout | None,
    memory: int | None,
) -> TeleportPlan:
    """Check every argument, tokenize the hosts, prove the sites. Raises UsageError, DataError, ModelError."""
    if residual not in ("drop", "keep"):
        raise UsageError(f"residual is 'drop' or 'keep'; got {residual!r}.")
    for name, number in (("steps", steps), ("memory", MEMORY if memory is None else memory)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise UsageError(f"{name} is a whole number, at least 1; got {number!r}.")
    if is_spread(model.module):
        raise ModelError(
            f"Teleports write to a model that is on one device, and {model.name} is spread over several, or "
            "offloaded. Load it on one device, in --dtype bfloat16 if need be, or go without teleports."
        )
    hosts = read_hosts(model, texts, position)
    sites = find_sites(model, layout)
    places = find_places(sites, at)
    labels = [sites.sublayers[place].label for place in places]
    targets = read_targets(to, len(hosts), labels, model.n_units, model.dtype)
    whole, no_head = language_model(model)
    memory = MEMORY if memory is None else int(memory)
    return TeleportPlan(
        model, sites, hosts, places, targets, position, residual, int(steps), memory, whole, no_head, layout
    )
