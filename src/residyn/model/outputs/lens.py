"""The logit lens: the model's own way from the stream behind its last block to logits, taken from any state.

What a family does there (final norms, projections, the head, scales, soft caps, biases) stands in its own code, in
modules and between them, so that code is run: a pass of single tokens whose blocks compute nothing, and of which
the last one leaves the states that are asked for. That nothing else comes in is proved: the state behind the last
block of a plain pass must give the logits of that pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from residyn.errors import DataError, ModelError
from residyn.model import hooks
from residyn.model.attached import device_of
from residyn.model.hooks import bypass, find_module, last_block, taps_of
from residyn.model.teleport.tolerance import CONTROL, limit
from residyn.model.teleport.whole import last_only
from residyn.sitemap import SiteMap

MEMORY = 128 * 2**20
"""Bytes that the logits of one pass may take, with what is made of them in double precision."""
_LOGITS = 4 * 8
_MOST = 256


@dataclass(frozen=True)
class Read:
    """What a plain pass of a text left of its last token.

    states   (sublayer, unit), before each sublayer
    end      (unit,), behind the last block
    logits   (word,), the model's own
    """

    token: int
    states: torch.Tensor
    end: torch.Tensor
    logits: torch.Tensor


@dataclass(frozen=True)
class Lens:
    """A model with its head (`whole`), the base model inside it (`root`), and the map of its sites."""

    whole: nn.Module
    root: nn.Module
    sites: SiteMap
    forms: dict[str, int | None] = field(default_factory=dict)

    def read(self, ids: Sequence[int]) -> Read:
        """One plain pass over the token ids of a text.

        Raises DataError where its logits are not finite, ModelError where a site is not reached.
        """
        tokens = torch.tensor([list(ids)], device=device_of(self.root))
        found: dict[int, torch.Tensor] = {}
        taps = [*taps_of(self.sites.sites), last_block(self.sites)]

        def keep(index: int, tensor: torch.Tensor) -> None:
            found[index] = tensor.reshape(*tokens.shape, -1)[0, -1].clone()

        with hooks.read(self.root, taps, keep):
            logits = hooks.run(self.whole, tokens, **last_only(self.whole)).logits[0, -1].clone()
        missing = [str(tap) for index, tap in enumerate(taps) if index not in found]
        if missing:
            raise ModelError(
                f"The pass of {type(self.whole).__name__} never reached the {missing[0]}. "
                "Give a map of modules that this model calls."
            )
        # A word that a model rules out has a logit of −inf; all others are numbers.
        if bool(logits.isnan().any()) or bool(logits.isposinf().any()) or not bool(logits.isfinite().any()):
            raise DataError(
                f"The logits of {type(self.whole).__name__} are not finite, at the last of {tokens.shape[1]} "
                "tokens. Load the model as float32, or leave this text out."
            )
        states = torch.stack([found[index] for index in range(len(taps) - 1)])
        return Read(int(ids[-1]), states, found[len(taps) - 1], logits)

    def logits(self, states: torch.Tensor, like: Read, memory: int = MEMORY) -> Iterator[torch.Tensor]:
        """The logits (row, word) of states (row, unit) in order, as many at once as `memory` bytes allow.

        `like` is a plain pass of this model: its token is read, and the states take the place of its stream.
        """
        blocks = find_module(self.root, self.sites.blocks)
        paths = [f"{self.sites.blocks}.{name}" for name, _ in blocks.named_children()]
        last = paths.index(last_block(self.sites).module)
        rows = max(1, min(_MOST, memory // (_LOGITS * len(like.logits))))
        for part in states.split(rows):

            def leave(index: int, stream: torch.Tensor, part: torch.Tensor = part) -> torch.Tensor:
                return part.to(stream).reshape(stream.shape) if index == last else stream

            ids = torch.full((len(part), 1), like.token, device=device_of(self.root))
            with bypass(self.root, paths, leave, self.forms):
                yield hooks.run(self.whole, ids).logits[:, -1]


def proved(lens: Lens, read: Read, name: str) -> float:
    """How far the logits of the last state are from the model's own, relative to what tells words apart.

    That is ‖Δ‖/‖logits‖, without the mean over words, which no distribution depends on. Raises ModelError where it
    is beyond rounding.
    """
    (found,) = lens.logits(read.end[None], read)
    error = lens_error(found[0], read.logits)
    if not error <= limit(CONTROL, read.logits.dtype):
        raise ModelError(
            f"The logit lens of {name} cannot be trusted: of the state behind the last block it gives logits that "
            f"differ from the model's own by {error:.1e} (relative; rounding is at most "
            f"{limit(CONTROL, read.logits.dtype):.0e}). What the model does behind its last block depends on more "
            "than that state."
        )
    return error


def lens_error(found: torch.Tensor, own: torch.Tensor) -> float:
    """‖found − own‖/‖own‖ of logits without their means; infinite where they rule out different words."""
    found, own = (logits.to("cpu").double() for logits in (found, own))
    known = torch.isfinite(own)
    if not torch.equal(known, torch.isfinite(found)):
        return float("inf")
    found, own = (logits[known] - logits[known].mean() for logits in (found, own))
    size = own.norm()
    off = float((found - own).norm())
    return off / float(size) if size > 0 else (0.0 if off == 0 else float("inf"))
