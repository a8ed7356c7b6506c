"""Numeric proof, on the model's own weights, that the sites are what they are said to be.

`find_sites` proves what capture needs and refuses the rest; `check_model` runs every probe and reports each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from residyn.errors import ModelError
from residyn.model.attached import own_hooks, without_own_hooks
from residyn.model.discovery import discover_sites
from residyn.model.layout import Layout
from residyn.model.loading import GivenModel, loaded
from residyn.model.probes import Probe, batching, identities, padding, parity, passes, probe_tokens
from residyn.model.sites import layout_of, map_sites
from residyn.sitemap import SiteMap

if TYPE_CHECKING:
    from residyn.model.loading import LoadedModel

LENGTH_ROTATIONS = ("dynamic", "longrope", "su")
"""Kinds of rotary embeddings that differ with the whole text's length; "su" is Phi-3's first name for longrope."""
_MAY_BE_MAPPED = "a map of sites can be given for a model whose modules differ from its family's."
_MAY_MIX = (
    "no map of sites helps where tokens are mixed backwards, as by encoders, by dynamic quantisation, whose "
    "scales are of a whole input, and by experts that take a bounded number of tokens."
)
_IN_WORDS = {"fail": "failed", "unresolved": "cannot be told in this number format (take float32)"}


@dataclass(frozen=True)
class Check:
    """The sites of a model, how they were found ("table", "structure" or "user"), and every probe."""

    model: str
    how: str
    sites: SiteMap
    probes: tuple[Probe, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was proved: what cannot be told has not been."""
        return all(probe.status == "pass" for probe in self.probes)

    def describe(self) -> dict[str, Any]:
        """Sites and probes as plain JSON; an error that is not finite is null, for which JSON has no number."""
        plain = asdict(self)
        for probe in plain["probes"]:
            probe["error"] = probe["error"] if math.isfinite(probe["error"]) else None
        return {**plain, "passed": self.passed}


def find_sites(model: LoadedModel, layout: Layout | None = None) -> SiteMap:
    """The sites of a loaded model, proved on its weights by two passes of a few random tokens.

    `layout` overrules the table; a family the table does not know is searched by structure. Raises ModelError
    where the identities mid − pre = attention's write and next − mid = MLP's write do not hold, where the same
    tokens give other states a second time, or where a later token moves an earlier state.
    """
    sites, _ = _locate(model, layout)
    for probe in (*identities(model, sites), *passes(model, sites)):
        if not math.isfinite(probe.error):
            raise ModelError(
                f"The states of {model.name} are not finite, as {probe.name} of a few random tokens found: NaN or "
                "infinite values come out of its computation. Look for an epsilon, a scale or a rotation in its "
                "config that is no number; float16 overflows, where float32 or bfloat16 do not."
            )
        if probe.status != "pass":
            hooked = own_hooks(model.module)
            if probe.name == "repetition":
                raise ModelError(_random(model.name, probe, list(hooked)))
            if hooked and probe.status == "fail":
                raise ModelError(
                    f"The residual stream of {model.name} cannot be trusted: {probe.name} failed "
                    f"({probe.statement}: {probe.error:.2e}), and hooks of your own are on "
                    f"{', '.join(path or 'the model' for path in list(hooked)[:5])}. A hook is read as a part of "
                    "the model where it is on a whole block or on a module that writes to the stream; move it "
                    "there, or take it off."
                )
            advice = _MAY_MIX if probe.name == "causality" else _MAY_BE_MAPPED
            raise ModelError(
                f"The residual stream of {model.name} cannot be trusted: {probe.name} {_IN_WORDS[probe.status]}. "
                f"Wanted: {probe.statement}, to {probe.limit:.0e}; came: {probe.error:.2e}. "
                f"`residyn check {model.name}` shows every probe; {advice}"
            )
    return sites


def _random(name: str, probe: Probe, hooked: Sequence[str]) -> str:
    """What is said of a model that gives other states of the same tokens."""
    here = f" Hooks of your own are on {', '.join(hooked[:5])}." if hooked else ""
    return (
        f"{name} computes at random: the same tokens, read twice, gave states that differ by {probe.error:.2e} of "
        f"their size, where at most {probe.limit:.0e} was wanted.{here} Take off what draws (noise that a hook or "
        "a module adds, dropout that is always on), or let it give the same numbers at every pass."
    )


def check_model(model: GivenModel, layout: Layout | None = None) -> Check:
    """Every probe on a model: sums, parity with Hugging Face, repetition, causality, batching, padding.

    `model` is what `load_model` gave, or what that takes: a hub id, a folder, a built-in name.
    Raises ModelError only where no map of sites can be made at all; a probe that fails is reported.

    >>> rd.check_model(model).passed
    True
    """
    model = loaded(model)
    sites, how = _locate(model, layout)
    probes = (
        *identities(model, sites),
        parity(model, sites),
        *passes(model, sites),
        batching(model, sites),
        padding(model, sites),
    )
    return Check(model.title, how, sites, probes)


def _locate(model: LoadedModel, layout: Layout | None) -> tuple[SiteMap, str]:
    config = model.module.config
    known = layout or layout_of(config)
    if known is not None:
        sites = map_sites(model.module, known, config.model_type)
        _check_depth(model, sites)
        return sites, "table" if layout is None else "user"
    with without_own_hooks(model.module):
        return discover_sites(model.module, config, probe_tokens(model, 1)), "structure"


def _check_depth(model: LoadedModel, sites: SiteMap) -> None:
    """Raise ModelError where a model has more layers than its config counts: transformers runs as many as that."""
    depth = getattr(model.module.config, "num_hidden_layers", None)
    found = len({site.layer for site in sites.sites})
    if isinstance(depth, int) and depth < found:
        raise ModelError(
            f"{model.name} has {found} layers in {sites.blocks!r}, and its config counts {depth}: transformers "
            f"runs no more. Let the two agree: set config.num_hidden_layers to {found}, or take the others off "
            f"the list (del {sites.blocks}[{depth}:])."
        )


def may_pad(model: LoadedModel, sites: SiteMap) -> bool:
    """Whether what follows a token, and how much, leaves its states as they are, so that texts may be padded.

    Asked of the model's own weights by the padding probe, and of its config: rotations that are chosen by a text's
    whole length change only where texts are longer than the probe's.
    """
    return not _rotates_by_length(model.module.config.to_dict()) and padding(model, sites).status == "pass"


def _rotates_by_length(config: Any) -> bool:
    if isinstance(config, Mapping):
        kinds = (config.get("rope_type"), config.get("type"))
        ntk = bool(config.get("use_dynamic_ntk"))
        return (
            ntk or any(kind in LENGTH_ROTATIONS for kind in kinds) or any(map(_rotates_by_length, config.values()))
        )
    return False
