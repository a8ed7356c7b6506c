"""Finding the sites of a model that the table does not know, by what its blocks compute.

One short pass records what enters and leaves every module. The state before the MLP is then the tensor that
equals the block's input plus one module's output, and to which a second module's output is added to give the
block's own output. Names play no part, so a new family needs no entry as long as it adds to a stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from residyn.errors import ModelError
from residyn.model.hooks import End, Tap, read, run
from residyn.schema import Site, SiteMap

_CLOSE = 1e-4


class _Seen(NamedTuple):
    name: str
    entered: torch.Tensor | None
    left: torch.Tensor | None


@dataclass(frozen=True)
class _Block:
    """What one block does: its two writes, and where the state between them lies."""

    writes: tuple[str, str]
    mid: Tap | None
    norms: tuple[str, str] | None = None
    scale: float = 1.0


def discover_sites(root: nn.Module, config: Any, input_ids: torch.Tensor) -> SiteMap:
    """The sites of a base model of an unknown family, found by one pass over `input_ids` (batch, token).

    Raises ModelError, saying what was tried, where no list of layers is found or a block does not add two
    writes to a stream (state-space blocks with a single mixer, blocks that concatenate, gated skips).
    """
    path, blocks = _list_of_blocks(root, config)
    found = [_understand(root, f"{path}.{layer}", block, input_ids) for layer, block in enumerate(blocks)]
    shapes = {(block.mid is None, block.norms is None, round(block.scale, 6)) for block in found}
    if len(shapes) > 1:
        raise ModelError(
            f"{type(root).__name__} mixes blocks that add to the stream in different ways, so its layers have "
            "no common sublayers: no map of sites can say that, and this model cannot be read yet."
        )
    sites: list[Site] = []
    for layer, block in enumerate(found):
        own = f"{path}.{layer}"
        first, second = (f"{own}.{name}" for name in block.writes)
        norms = tuple(f"{own}.{name}" for name in block.norms) if block.norms else (None, None)
        if block.mid is None:
            sites.append(Site(layer, "block", own, "input", (first, second)))
        else:
            sites.append(Site(layer, "attn", own, "input", (first,), norm=norms[0]))
            mid = f"{own}.{block.mid.module}"
            sites.append(Site(layer, "mlp", mid, block.mid.where, (second,), norm=norms[1]))
    first_block = found[0]
    arrangement = "parallel" if first_block.mid is None else "post-norm" if first_block.norms else "sequential"
    return SiteMap(
        family=config.model_type,
        arrangement=arrangement,
        blocks=path,
        sites=tuple(sites),
        attn_write=first_block.writes[0],
        mlp_write=first_block.writes[1],
        scale=first_block.scale,
    )


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
            "Give a map of sites."
        )
    return min(fitting, key=lambda item: item[0].count("."))


def _understand(root: nn.Module, path: str, block: nn.Module, input_ids: torch.Tensor) -> _Block:
    """How the block at `path` adds to the stream. Raises ModelError where that is not found."""
    names = [name for name, _ in block.named_modules() if name]
    before, after, seen = _record(root, path, names, input_ids)
    found = _sequential(before, after, seen) or _post_norm(before, after, seen) or _parallel(before, after, seen)
    if found is None:
        children = ", ".join(f"{name} ({type(child).__name__})" for name, child in block.named_children())
        raise ModelError(
            f"The blocks of {type(root).__name__} ({type(block).__name__}) do not add two writes to a residual "
            f"stream in a way that was recognised. Tried, over the inputs and outputs of {len(seen)} modules of "
            f"{path}: input + first write = mid and mid + second write = output (before or after a norm), and "
            f"input + both writes = output. Its modules: {children}. Such a block may add one write only, or "
            "several modules may make one write (attention beside a state-space mixer, experts beside a shared "
            "MLP) with factors of their own; no map of sites can say that, so this model cannot be read yet."
        )
    return found


def _record(
    root: nn.Module, path: str, names: list[str], input_ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, list[_Seen]]:
    """What entered and left the block and each module in it that handles vectors of the stream's width."""
    taps = [Tap(path, "input"), Tap(path, "output")]
    for name in names:
        taps += [Tap(f"{path}.{name}", "input"), Tap(f"{path}.{name}", "output")]
    found: dict[int, torch.Tensor] = {}

    def keep(index: int, tensor: torch.Tensor) -> None:
        found.setdefault(index, tensor.detach().clone())

    with read(root, taps, keep, strict=False):
        run(root, input_ids)
    if 0 not in found or 1 not in found:
        raise ModelError(f"The pass of {type(root).__name__} never went through {path}. Give a map of sites.")
    before = found[0].reshape(*input_ids.shape, -1).float()

    def state(index: int) -> torch.Tensor | None:
        tensor = found.get(index)
        if tensor is None or not tensor.is_floating_point() or tensor.numel() != before.numel():
            return None
        return tensor.reshape(before.shape).float()

    def plainness(index: int) -> tuple[bool, int]:
        # Where several modules return the same tensor, the one that reads best is the outermost that computes.
        module = root.get_submodule(f"{path}.{names[index]}")
        return isinstance(module, nn.Dropout | nn.Identity), names[index].count(".")

    order = sorted(range(len(names)), key=plainness)
    seen = [_Seen(names[i], state(2 + 2 * i), state(3 + 2 * i)) for i in order]
    return before, found[1].reshape(before.shape).float(), seen


def _scale(total: torch.Tensor, part: torch.Tensor, write: torch.Tensor) -> float | None:
    """The factor c for which total = part + c·write, or None if there is none."""
    size = float((write * write).sum())
    if size == 0.0:
        return None
    difference = total - part
    factor = float((difference * write).sum()) / size
    if abs(factor - 1.0) < _CLOSE:
        factor = 1.0
    left_over = float((difference - factor * write).norm())
    fits = abs(factor) > _CLOSE and left_over <= _CLOSE * float((factor * write).norm())
    return factor if fits else None


def _additions(total: torch.Tensor, part: torch.Tensor, seen: list[_Seen]) -> list[tuple[str, float]]:
    """Every module whose output, times a factor, makes `total` of `part`; those added as they are come first."""
    found = []
    for other in seen:
        if other.left is not None and (factor := _scale(total, part, other.left)) is not None:
            found.append((other.name, factor))
    return sorted(found, key=lambda item: item[1] != 1.0)


def _pair(first: list[tuple[str, float]], second: list[tuple[str, float]]) -> tuple[tuple[str, str], float] | None:
    """The first two writes, by different modules, that carry the same factor."""
    for name, factor in first:
        for other, same in second:
            if name != other and abs(factor - same) < _CLOSE * abs(factor):
                return (name, other), factor
    return None


def _sequential(before: torch.Tensor, after: torch.Tensor, seen: list[_Seen]) -> _Block | None:
    for place in seen:
        ends: tuple[tuple[End, torch.Tensor | None], ...] = (("input", place.entered), ("output", place.left))
        for where, mid in ends:
            if mid is None or torch.equal(mid, after):
                continue
            first = _additions(mid, before, seen)
            pair = _pair(first, _additions(after, mid, seen)) if first else None
            if pair:
                return _Block(pair[0], Tap(place.name, where), scale=pair[1])
    return None


def _post_norm(before: torch.Tensor, after: torch.Tensor, seen: list[_Seen]) -> _Block | None:
    lasts = [norm for norm in seen if norm.left is not None and torch.equal(norm.left, after)]
    for norm in seen:
        if norm.entered is None or norm.left is None:
            continue
        first = _additions(norm.entered, before, seen)
        for last in lasts if first else []:
            if last.entered is None:
                continue
            pair = _pair(first, _additions(last.entered, norm.left, seen))
            if pair:
                return _Block(pair[0], Tap(norm.name, "output"), (norm.name, last.name), pair[1])
    return None


def _parallel(before: torch.Tensor, after: torch.Tensor, seen: list[_Seen]) -> _Block | None:
    writes = [module for module in seen if module.left is not None]
    for i, first in enumerate(writes):
        for second in writes[i + 1 :]:
            if first.left is None or second.left is None or torch.equal(first.left, second.left):
                continue
            factor = _scale(after, before, first.left + second.left)
            if factor is not None:
                attn_first = "att" not in second.name.lower()
                names = (first.name, second.name) if attn_first else (second.name, first.name)
                return _Block(names, None, scale=factor)
    return None
