"""The map of a model's sites: where its residual stream is read, and what is added to it there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from residyn.schema import Sublayer

Arrangement = Literal["sequential", "post-norm", "parallel", "single", "mixed"]


@dataclass(frozen=True)
class Site:
    """Where one state is read, and what is added to it before the next one.

    `module` is a path from the base model, and `where` says whether the state is that module's input or its
    output. `writes` are the paths of the modules whose outputs are added to this state, each times its factor in
    `factors`, which is empty where all are added as they are; the state itself is multiplied by `kept` first.
    `norm`, in models that normalise the stream itself, is the path of the norm that the sum then passes through.
    """

    layer: int
    site: str
    module: str
    where: Literal["input", "output"]
    writes: tuple[str, ...] = ()
    norm: str | None = None
    factors: tuple[float, ...] = ()
    kept: float = 1.0

    @property
    def added(self) -> tuple[tuple[str, float], ...]:
        """The path of each module that writes here, and the factor of its output."""
        return tuple(zip(self.writes, self.factors or (1.0,) * len(self.writes), strict=True))

    def describe(self) -> str:
        """What becomes of the state, in a line: "+ 0.22 · layers.0.mlp"; with a norm, and `kept`, if any."""
        parts = [f"+ {path}" if factor == 1.0 else f"+ {factor:.6g} · {path}" for path, factor in self.added]
        kept = [] if self.kept == 1.0 else [f"× {self.kept:.6g}"]
        return ", ".join([" ".join([*kept, *parts]), *([self.norm] if self.norm else [])])


@dataclass(frozen=True)
class SiteMap:
    """Where a model's residual stream is read, and which modules write to it.

    `family` is the model's type and `blocks` the path of its list of layers.
    """

    family: str
    blocks: str
    sites: tuple[Site, ...]

    @property
    def sublayers(self) -> tuple[Sublayer, ...]:
        return tuple(Sublayer(site.layer, site.site) for site in self.sites)

    @property
    def arrangement(self) -> Arrangement:
        """How a layer writes to the stream.

        "sequential": what mixes tokens, then the MLP, two states a layer; "post-norm": the same, with norms on the
        stream itself; "parallel": both add to one state at once; "single": one write a layer, of a mixer or of an
        MLP; "mixed": layers differ in this.
        """
        layers: dict[int, list[Site]] = {}
        for site in self.sites:
            if site.site != "out":
                layers.setdefault(site.layer, []).append(site)
        found: set[Arrangement] = {_arrangement(own) for own in layers.values()}
        return found.pop() if len(found) == 1 else "mixed"

    def to_json(self) -> str:
        """The map as JSON text; fields that say nothing more than their default are left out."""
        record = asdict(self)
        for site in record["sites"]:
            for name, value in (("factors", ()), ("kept", 1.0)):
                if site[name] == value:
                    del site[name]
        return json.dumps(record, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SiteMap:
        """The map that `to_json` wrote, or residyn before sites had factors of their own.

        Raises ValueError, TypeError or KeyError where the text is no such map.
        """
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise TypeError(f"a site map is a JSON object, and this is a {type(fields).__name__}")
        scale = fields.get("scale", 1.0)
        sites = tuple(_site(record, scale) for record in fields["sites"])
        return cls(fields["family"], fields["blocks"], sites)


def _arrangement(sites: Sequence[Site]) -> Arrangement:
    if any(site.norm for site in sites):
        return "post-norm"
    if len(sites) > 1:
        return "sequential"
    return "parallel" if sites[0].site == "block" else "single"


def _site(record: dict[str, Any], scale: float) -> Site:
    writes = tuple(record["writes"])
    factors = tuple(record.get("factors", () if scale == 1.0 else (scale,) * len(writes)))
    return Site(**{**record, "writes": writes, "factors": factors})
