"""Finding the sites of a model that the table does not know, by what its blocks compute.

One short pass records what enters and leaves every module. The state before the MLP is then the tensor that
equals the block's input plus one module's output, and to which a second module's output is added to give the
block's own output. Names play no part in where states lie, so a new family needs no entry as long as it adds to a
stream; what a mixer of tokens is called, attention or another, is told from the names of its modules.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import nn

from residyn.errors import ModelError
from residyn.model.hooks import Tap, read, run
from residyn.model.layout import Sum, mixer_of, only_site
from residyn.model.sites import BLOCK, Addition, check_places, sites_of_steps
from residyn.model.sums import Passed, Seen
from residyn.sitemap import SiteMap


def discover_sites(root: nn.Module, config: Any, input_ids: torch.Tensor) -> SiteMap:
    """The sites of a base model of an unknown family, found by one pass over `input_ids` (batch, token).

    Raises ModelError, saying what was tried and what stands in the way, where no list of layers is found, or where
    what leaves a block is no sum of what enters it and its modules' outputs (several streams beside each other,
    factors for single units, skips over blocks).
    """
    path, blocks = _list_of_blocks(root, config)
    check_places(root, path, blocks)
    steps = [_understand(root, f"{path}.{layer}", block, input_ids) for layer, block in enumerate(blocks)]
    return SiteMap(config.model_type, path, sites_of_steps(path, steps))


def _list_of_blocks(root: nn.Module, config: Any) -> tuple[str, nn.ModuleList]:
    """The outermost list of modules that is as long as the config says the model is deep."""
    depth = getattr(config, "num_hidden_layers", None)
    lists = [(name, module) for name, module in root.named_modules() if isinstance(module, nn.ModuleList)]
    fitting = [(name, module) for name, module in lists if len(module) == depth]
    if not fitting:
        seen = ", ".join(f"{name} ({len(module)})" for name, module in lists) or "none"
        raise ModelError(
            f"No list of {depth} layers was found in {type(root).__name__} (model type "
            f"{config.model_type!r}, which the table of sites does not know). Lists of modules it has: {seen}. "
            "If one of them holds its layers, each taking the stream and giving it back, name it in a map of "
            "sites; if none does, no map can say where the stream is, and this model cannot be read yet."
        )
    return min(fitting, key=lambda item: item[0].count("."))


def _understand(root: nn.Module, path: str, block: nn.Module, input_ids: torch.Tensor) -> tuple[Addition, ...]:
    """The steps in which the block at `path` adds to the stream. Raises ModelError where they are not found."""
    passed = _record(root, path, block, input_ids)
    found = _plain(block, passed) or _with_factors(block, passed)
    if found is None:
        children = ", ".join(f"{name} ({type(child).__name__})" for name, child in block.named_children())
        raise ModelError(
            f"What leaves the blocks of {type(root).__name__} ({type(block).__name__}) is no sum of what enters "
            "them and of their modules' outputs that was recognised. Tried, over the inputs and outputs of "
            f"{len(passed.seen)} modules of {path}, each with factors of its own: input + first write = mid and "
            "mid + second write = output (before or after a norm), input + both writes = output, input + one "
            "write = output. "
            f"{passed.why_none(_width(root))} Its modules: {children}."
        )
    return found


def _width(root: nn.Module) -> int | None:
    """How many units one token's state has, as far as the embedding says."""
    own: Any = getattr(root, "get_input_embeddings", None)
    return getattr(own() if own else None, "embedding_dim", None)


def _record(root: nn.Module, path: str, block: nn.Module, input_ids: torch.Tensor) -> Passed:
    """What entered and left the block and each module in it that handles vectors of the stream's width."""
    names = [name for name, _ in block.named_modules() if name]
    taps = [Tap(path, "input"), Tap(path, "output")]
    for name in names:
        taps += [Tap(f"{path}.{name}", "input"), Tap(f"{path}.{name}", "output")]
    found: dict[int, torch.Tensor] = {}

    def keep(index: int, tensor: torch.Tensor) -> None:
        found.setdefault(index, tensor.detach().clone())

    with read(root, taps, keep, strict=False):
        run(root, input_ids)
    if 0 not in found or 1 not in found:
        raise ModelError(
            f"The pass of {type(root).__name__} never went through {path}, or no tensor: if its layers are "
            "another list of modules, name that in a map of sites."
        )
    before = found[0].reshape(*input_ids.shape, -1).double()

    def state(index: int) -> torch.Tensor | None:
        tensor = found.get(index)
        if tensor is None or not tensor.is_floating_point() or tensor.numel() != before.numel():
            return None
        return tensor.reshape(before.shape).double()

    def plainness(index: int) -> tuple[bool, int]:
        # Where several modules return the same tensor, the one that reads best is the outermost that computes.
        module = root.get_submodule(f"{path}.{names[index]}")
        return isinstance(module, nn.Dropout | nn.Identity), names[index].count(".")

    order = sorted(range(len(names)), key=plainness)
    return Passed(
        before,
        found[1].reshape(before.shape).double(),
        tuple(Seen(names[i], state(2 + 2 * i), state(3 + 2 * i)) for i in order),
        tuple(float(value) for value in vars(block).values() if isinstance(value, int | float)),
        torch.finfo(found[1].dtype).eps,
    )


Steps = tuple[Addition, ...] | None


def _plain(block: nn.Module, passed: Passed) -> Steps:
    """One module a write, and the stream as it is: the forms that nearly all families have."""
    mixer = mixer_of(block) or "mixer"
    return (
        _sequential(mixer, passed, plain=True)
        or _post_norm(mixer, passed, plain=True)
        or _single(block, passed, plain=True)
        or _parallel(passed)
        or _pre_norm(mixer, passed, plain=True)
    )


def _with_factors(block: nn.Module, passed: Passed) -> Steps:
    """Two modules to a write, or a factor of the stream's own."""
    mixer = mixer_of(block) or "mixer"
    return (
        _sequential(mixer, passed, plain=False)
        or _post_norm(mixer, passed, plain=False)
        or _pre_norm(mixer, passed, plain=False)
        or _single(block, passed, plain=False)
    )


def _sequential(mixer: str, passed: Passed, *, plain: bool) -> Steps:
    for place in passed.seen:
        for tap, mid in ((Tap(place.name, "input"), place.entered), (Tap(place.name, "output"), place.left)):
            if mid is None or torch.equal(mid, passed.after) or torch.equal(mid, passed.before):
                continue
            first = passed.sums(mid, passed.before, plain=plain)
            pair = passed.pair(first, lambda mid=mid: passed.sums(passed.after, mid, plain=plain))
            if pair:
                return Addition(mixer, BLOCK, pair[0]), Addition("mlp", tap, pair[1])
    return None


def _post_norm(mixer: str, passed: Passed, *, plain: bool) -> Steps:
    lasts = [norm for norm in passed.seen if norm.left is not None and torch.equal(norm.left, passed.after)]
    for norm, last in itertools.product(passed.seen, lasts):
        if norm.entered is None or norm.left is None or last.entered is None:
            continue
        mid, total = norm.left, last.entered
        first = passed.sums(norm.entered, passed.before, plain=plain)
        pair = passed.pair(first, lambda mid=mid, total=total: passed.sums(total, mid, plain=plain))
        if pair:
            return (
                Addition(mixer, BLOCK, pair[0], norm=norm.name),
                Addition("mlp", Tap(norm.name, "output"), pair[1], norm=last.name),
            )
    return None


def _pre_norm(mixer: str, passed: Passed, *, plain: bool) -> Steps:
    """A block that begins with a norm on the stream itself, and has another one between its two sums."""
    firsts = [
        norm for norm in passed.seen if norm.entered is not None and torch.equal(norm.entered, passed.before)
    ]
    for norm, second in itertools.product(firsts, passed.seen):
        if norm.left is None or second.entered is None or second.left is None:
            continue
        mid = second.left
        pair = passed.pair(
            passed.sums(second.entered, norm.left, plain=plain),
            lambda mid=mid: passed.sums(passed.after, mid, plain=plain),
        )
        if pair:
            return (
                Addition(mixer, Tap(norm.name, "output"), pair[0], norm=second.name),
                Addition("mlp", Tap(second.name, "output"), pair[1], norm_of_next=norm.name),
            )
    return None


def _parallel(passed: Passed) -> Steps:
    for first, second in itertools.combinations(passed.seen, 2):
        found = passed.both(first, second)
        if found:
            attn_first = "att" not in second.name.lower()
            return (Addition("block", BLOCK, found if attn_first else Sum(found.writes[::-1])),)
    return None


def _single(block: nn.Module, passed: Passed, *, plain: bool) -> Steps:
    found = passed.sums(passed.after, passed.before, plain=plain)
    return (Addition(only_site(block), BLOCK, found[0]),) if found else None
