"""What must hold of a model's states, measured on the model's own weights by passes of a few random tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from residyn.model.attached import device_of, own_hooks, without_own_hooks
from residyn.model.hooks import Tap, collect, run, taps_of
from residyn.schema import SITES
from residyn.sitemap import SiteMap

if TYPE_CHECKING:
    from residyn.model.loading import LoadedModel

PROBE_TOKENS = 12
PADDED_TOKENS = 64
_LIMIT = 1e-5
_DROWNED = 0.1
"""A write less than ten times the rounding of the stream cannot be told from another."""
Status = Literal["pass", "fail", "unresolved"]


@dataclass(frozen=True)
class Probe:
    """One thing that must hold: the largest relative error seen, the limit, and what was compared.

    "unresolved" means that the model's number format is too coarse to tell: every write drowns in the rounding
    of the stream that it is added to. An error is infinite where states that were compared are not finite.
    """

    name: str
    statement: str
    error: float
    limit: float
    status: Status


def probe_tokens(model: LoadedModel, rows: int, seed: int = 0, n_tokens: int = PROBE_TOKENS) -> torch.Tensor:
    """Random token ids (rows, n_tokens), the same for the same model."""
    embedding = model.module.get_input_embeddings()
    size = int(embedding.weight.shape[0]) if isinstance(embedding, nn.Embedding) else 256
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, size, (rows, n_tokens), generator=draw).to(device_of(model.module))


def _relative(difference: torch.Tensor, reference: torch.Tensor) -> float:
    """Largest ‖difference‖ / ‖reference‖ over vectors; a reference of zero counts as different if it differs."""
    return _worst(_ratios(difference, reference).max())


def _worst(*errors: float | torch.Tensor) -> float:
    """The largest of errors. NaN is the worst of all, where `max` would pass it over."""
    return max((math.inf if math.isnan(error) else error) for error in map(float, errors))


def _ratios(difference: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    ratios = difference.double().norm(dim=-1) / reference.double().norm(dim=-1).clamp_min(1e-300)
    # Infinite only where a state is: a write of zero that did change the stream is wrong, and finite.
    return torch.where(ratios.isinf() & difference.isfinite().all(dim=-1), 1e300, ratios)


def _probe(name: str, statement: str, error: float, limit: float) -> Probe:
    return Probe(name, statement, error, limit, "pass" if error <= limit else "fail")


def _rounding(tensor: torch.Tensor) -> float:
    """How far two ways of computing the same states may differ in this number format."""
    return max(_LIMIT, 8 * torch.finfo(tensor.dtype).eps)


def identities(model: LoadedModel, sites: SiteMap) -> list[Probe]:
    """Kept · stream + factors · writes = next state, at every site, relative to what was written.

    Hooks of the user's own may write to the stream where one block hands it to the next: there, the sums are
    those of the model without them; everywhere else they hold with the hooks and without.
    """
    single = sites.arrangement == "single"
    steered = own_hooks(model.module)
    if not steered:
        return _judged(_sums(model, sites), single)
    with without_own_hooks(model.module):
        found = _sums(model, sites)
    for index, each in enumerate(_sums_by_site(model, sites)):
        site = sites.sites[index]
        follows = index + 1 == len(sites.sites) or sites.sites[index + 1].layer != site.layer
        ends = {f"{sites.blocks}.{site.layer}", f"{sites.blocks}.{site.layer + 1}"}
        if not (follows and ends & steered.keys()):
            found[site.site].append(each)
    return _judged(found, single)


def _sums(model: LoadedModel, sites: SiteMap) -> dict[str, list[torch.Tensor]]:
    found: dict[str, list[torch.Tensor]] = {}
    for site, each in zip(sites.sites, _sums_by_site(model, sites), strict=True):
        found.setdefault(site.site, []).append(each)
    return found


def _sums_by_site(model: LoadedModel, sites: SiteMap) -> list[torch.Tensor]:
    """The error of each vector's sum and the rounding it can have, (2, vector), site by site."""
    ids = probe_tokens(model, 1)
    ends = [Tap(f"{sites.blocks}.{sites.sites[-1].layer}", "output")]
    writes = {path for site in sites.sites for path in site.writes}
    norms = {site.norm for site in sites.sites if site.norm}
    extra = [Tap(path, "output") for path in sorted(writes)] + [Tap(path, "input") for path in sorted(norms)]
    taps = taps_of(sites.sites) + ends + extra
    tensors = collect(model.module, taps, ids)
    at = dict(zip(taps, tensors, strict=True))
    states = tensors[: len(sites.sites) + 1]

    found = []
    for index, site in enumerate(sites.sites):
        before = states[index]
        after = at[Tap(site.norm, "input")] if site.norm else states[index + 1]
        # The sum is made in the model's own number format, so that rounding is the same on both sides.
        parts = [_times(at[Tap(path, "output")], factor) for path, factor in site.added]
        written = sum(parts, torch.zeros_like(before))
        error = _ratios(after - (_times(before, site.kept) + written), written)
        error = error.masked_fill(~(before.isfinite() & after.isfinite()).all(dim=-1), math.nan)
        rounding = _ratios(after, written) * torch.finfo(before.dtype).eps
        found.append(torch.stack([error.flatten(), rounding.flatten()]))
    return found


def _times(tensor: torch.Tensor, factor: float) -> torch.Tensor:
    return tensor if factor == 1.0 else tensor * factor


def _judged(found: dict[str, list[torch.Tensor]], single: bool) -> list[Probe]:
    return [_identity(site, _statement(site, single), torch.cat(parts, dim=1)) for site, parts in found.items()]


def _statement(site: str, single: bool) -> str:
    """What an identity says of the states of a site: of the only one in a layer, or of one of two."""
    name = SITES[site]
    if site == "block":
        return "next layer's state − state = what attention and MLP added together"
    if single:
        return f"next layer's state − state = what the layer's {name} added"
    if site == "mlp":
        return "next layer's state − state before the MLP = what the MLP added"
    return f"state before the MLP − state before the {name} = what the {name} added"


def _identity(site: str, statement: str, measured: torch.Tensor) -> Probe:
    """Judge the errors of all vectors by the rounding that each can have; both are relative to the write.

    A vector whose write drowns in the stream's rounding says nothing, unless the write still changes the stream
    and the sum is exact.
    """
    name = f"identity ({site})"
    error, rounding = measured
    telling = (rounding <= _DROWNED) | ((error <= _LIMIT) & (rounding <= 1.0))
    if bool(error.isnan().any()):
        return Probe(name, statement, math.inf, _LIMIT, "fail")
    if not bool(telling.any()):
        return Probe(name, statement, float(error.max()), _LIMIT, "unresolved")
    limits = (4 * rounding[telling]).clamp_min(_LIMIT)
    worst = int((error[telling] / limits).argmax())
    return _probe(name, statement, float(error[telling][worst]), float(limits[worst]))


def parity(model: LoadedModel, sites: SiteMap) -> Probe:
    """What enters the blocks against Hugging Face's own output_hidden_states.

    Some families' (Mamba's) begin behind the first block; they are compared with what leaves the blocks, which
    enters the next.
    """
    ids = probe_tokens(model, 1)
    blocks = [f"{sites.blocks}.{layer}" for layer in sorted({site.layer for site in sites.sites})]
    ours = collect(model.module, [*(Tap(block, "input") for block in blocks), Tap(blocks[0], "output")], ids)
    theirs = run(model.module, ids, output_hidden_states=True, return_dict=True).hidden_states
    behind = not torch.equal(theirs[0], ours[0]) and torch.equal(theirs[0], ours[-1])
    # Their last entry has gone through the final norm and is no state of the stream.
    ours = ours[1 : len(blocks)] if behind else ours[: len(blocks)]
    error = _worst(0.0, *(_relative(a - b.to(a.device), a) for a, b in zip(ours, theirs, strict=False)))
    return _probe("parity", "states at block inputs = Hugging Face's hidden_states", error, _LIMIT)


def passes(model: LoadedModel, sites: SiteMap) -> tuple[Probe, Probe]:
    """The same tokens must give the same states again, and changing the last one must move no earlier state."""
    ids = probe_tokens(model, 1)
    changed = ids.clone()
    changed[0, -1] = (ids[0, -1] + 1) % (int(ids.max()) + 1)
    taps = taps_of(sites.sites)
    first, again, other = (collect(model.module, taps, tokens) for tokens in (ids, ids, changed))
    repeated = _worst(*(_relative(b - a, a) for a, b in zip(first, again, strict=True)))
    moved = _worst(*(_relative((b - a)[:, :-1], a[:, :-1]) for a, b in zip(first, other, strict=True)))
    return (
        _probe("repetition", "the same tokens give the same states again", repeated, _rounding(first[0])),
        _probe("causality", "a changed last token moves no earlier state", moved, _LIMIT),
    )


def batching(model: LoadedModel, sites: SiteMap) -> Probe:
    """A text's states do not depend on what else is in its batch."""
    ids = probe_tokens(model, 4)
    taps = taps_of(sites.sites)
    together = collect(model.module, taps, ids)
    error = 0.0
    for row in range(len(ids)):
        alone = collect(model.module, taps, ids[row : row + 1])
        error = _worst(error, *(_relative(a[row] - b[0], b[0]) for a, b in zip(together, alone, strict=True)))
    return _probe("batching", "states in a batch = states alone", error, _rounding(together[0]))


def padding(model: LoadedModel, sites: SiteMap) -> Probe:
    """A text that others follow on the right, without a mask, has at each token the states it has alone."""
    whole = min(PADDED_TOKENS, model.context or PADDED_TOKENS)
    short = max(1, min(PROBE_TOKENS, whole) - 5)
    ids = probe_tokens(model, 2, n_tokens=whole)
    taps = taps_of(sites.sites)
    padded = collect(model.module, taps, ids)
    alone = collect(model.module, taps, ids[1:, :short])
    error = _worst(*(_relative(a[1, :short] - b[0], b[0]) for a, b in zip(padded, alone, strict=True)))
    return _probe("padding", "states of a text, padded on the right = unpadded", error, _rounding(padded[0]))
