"""How a family's blocks read and write the stream, in words that a user can write too, found in a block."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from residyn.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

STREAM = "stream"
"""The word for the state itself, in what becomes of it."""

_MIXER_WORDS = {
    "linear_attn": r"linear_?att|lightning|delta_?(net|att)|rwkv|retention",
    "mamba": r"mamba|(^|[ _])ssm",
    "conv": r"conv",
    "attn": r"att(ention|n)|mha",
}
_MLP_WORDS = r"mlp|moe|ffn|feed_?forward|expert"


@dataclass(frozen=True)
class Layout:
    """How one block reads and writes the stream, in module names relative to the block.

    blocks     path of the list of blocks from the base model
    attn, mlp  what is added to the stream: the module whose output it is (where a norm follows a branch, that
               norm), or a sum, such as "self_attn * attn_out_multiplier + mamba * ssm_out_multiplier". A factor is
               a number or an attribute of the block; "a | b" is whichever of the two a block has; "stream * alpha
               + b" says that the state is multiplied too. `mlp` is None where a block makes one write, and `attn`
               names it
    mid        the module whose input is the state before the MLP; None where attention and MLP run in parallel
    post_norm  (after attention, after MLP): the norms on the stream itself, in models that have them;
               the state before the MLP is then the first norm's output
    scale      a number or the block's attribute that every write is multiplied by, if there is one
    pre_norm   (before attention, before MLP): the norms on the stream itself, where a block begins with one; both
               states are then what their norm gives

    >>> layout = rd.Layout(blocks="layers", attn="self_attn", mlp="mlp", mid="post_attention_layernorm")
    >>> rd.check_model(model, layout).passed
    True
    """

    blocks: str
    attn: str
    mlp: str | None = None
    mid: str | None = None
    post_norm: tuple[str, str] | None = None
    scale: str | None = None
    pre_norm: tuple[str, str] | None = None


@dataclass(frozen=True)
class Sum:
    """What becomes of a state in one block: `kept` times itself, and modules' outputs times their factors."""

    writes: tuple[tuple[str, float], ...]
    kept: float = 1.0


def sum_in(block: nn.Module, said: str, scale: str | None = None) -> Sum:
    """What a layout's sum, such as "self_attn | mamba" or "stream * 2 + mlp * 0.5", is in a block.

    Raises ModelError where the block has none of the modules, or not the attribute.
    """
    whole = _factor(block, scale) if scale is not None else 1.0
    kept, writes = 1.0, []
    for term in said.split("+"):
        names, *factors = (part.strip() for part in term.split("*"))
        factor = 1.0
        for each in factors:
            factor *= _factor(block, each)
        if names == STREAM:
            kept = factor
        else:
            writes.append((module_in(block, names), factor * whole))
    return Sum(tuple(writes), kept)


def module_in(block: nn.Module, said: str) -> str:
    """Which of the modules "a | b" a block has. Raises ModelError where it has none."""
    names = [name.strip() for name in said.split("|")]
    for name in names:
        try:
            block.get_submodule(name)
        except AttributeError:
            continue
        if name:
            return name
    children = ", ".join(name for name, _ in block.named_children())
    raise ModelError(
        f"{type(block).__name__} has no module {' or '.join(map(repr, names))}, which the map of sites names. It "
        f"has {children or 'none'}. Look at `residyn check MODEL`, and give a map of this model's own modules."
    )


def _factor(block: nn.Module, said: str) -> float:
    """A number, or the block's attribute of that name."""
    try:
        return float(getattr(block, said, said))
    except (TypeError, ValueError, RuntimeError):
        raise ModelError(
            f"{said!r} should be a number, or an attribute of {type(block).__name__} that is one: the map of "
            "sites multiplies by it. Name another, or leave it out."
        ) from None


def mixer_of(block: nn.Module) -> str | None:
    """The site of a state that enters a block's mixer, one of `MIXERS`, told from the names of its modules.

    "mixer" where the block has several kinds, and None where none is known.
    """
    found = {kind for name, child in block.named_children() if (kind := _kind(block, name, child))}
    return found.pop() if len(found) == 1 else ("mixer" if found else None)


def only_site(block: nn.Module) -> str:
    """The site of the state of a block that makes one write: its mixer's, "mlp", or else "mixer"."""
    own = mixer_of(block)
    if own is None:
        said = " ".join(f"{name} {type(child).__name__}" for name, child in block.named_children())
        own = "mlp" if re.search(_MLP_WORDS, said, re.IGNORECASE) else "mixer"
    return own


def _kind(block: nn.Module, name: str, module: nn.Module) -> str | None:
    said = type(module).__name__
    # A norm or a scale behind attention is called after it, and is none.
    own = "" if said.lower().endswith("norm") or re.match(r"(pre|post)_", name) else name
    # The family's name may hold a word too ("KimiLinear"), which counts where no other does.
    for words in (f"{own} {_without_family(said, type(block).__name__)}", said):
        for kind, pattern in _MIXER_WORDS.items():
            if re.search(pattern, words, re.IGNORECASE):
                return kind
    return None


def _without_family(said: str, block: str) -> str:
    """A class's name without the words that it and its block's class begin with."""
    words, others = (re.findall(r"[A-Z]?[^A-Z]+|[A-Z]", name) for name in (said, block))
    alike = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(words, others, strict=False)))
    return "".join(words[len(alike) :])
