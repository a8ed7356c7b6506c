"""One token's pass through the model, in which each sublayer is opened: its state is taken out and put back.

What stands before the token does not depend on it, so its keys and values, and the states of mixers that keep
some, are computed once. The token's own pass is the plain decoding step. At every site the state is overwritten in
place, in the tensor that the skip path and the branch share, by one that nothing before it reaches: so one pass
holds the map of every sublayer, each apart from the others. A model whose step after a cache is not the last
token of its plain pass takes the whole text instead.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from residyn.errors import ModelError, ResourceError
from residyn.model import hooks
from residyn.model.hooks import Tap, last_block, summed_at, taps_of
from residyn.model.loading.quiet import message_of
from residyn.model.teleport.shared import cache_argument
from residyn.model.teleport.tolerance import CONTROL, SUM, largest, limit, merged
from residyn.sitemap import SiteMap

_CACHES = ("cache", "past_key_values", "cache_params")
"""What the outputs of transformers' models call the cache that they filled."""

Enter = Callable[[int, torch.Tensor], torch.Tensor]
"""The number of a sublayer and the state that comes to it → the state that it is given, both (unit,)."""


@dataclass(frozen=True)
class Pass:
    """What one pass of the token left: the state behind each sublayer (unit,), and the error of its sums."""

    leaving: tuple[torch.Tensor, ...]
    sum_error: float


@dataclass(frozen=True)
class TokenStep:
    """One token beside what the tokens before it left; `prefix` is None where the whole text is read instead.

    `states` (sublayer, unit) are those of a plain pass; `reason` says why there is no prefix, `error` how far the
    step is from the plain pass.
    """

    root: nn.Module
    sites: SiteMap
    ids: torch.Tensor
    states: torch.Tensor
    prefix: Any = None
    reason: str = ""
    error: float = 0.0

    def run(self, enter: Enter) -> Pass:
        """One pass in which each sublayer is given what `enter` makes of its state; gradients as torch is set."""
        sites, found, seen = self.sites.sites, {}, {}
        end = last_block(self.sites)
        sums = {index: summed_at(self.sites, index) for index, site in enumerate(sites) if site.norm}
        writes = [Tap(path, "output") for path in dict.fromkeys(path for site in sites for path in site.writes)]
        taps = [end, *writes, *sums.values()]
        entered: dict[int, torch.Tensor] = {}

        def change(index: int, tensor: torch.Tensor) -> None:
            row = _last(tensor)
            found[index] = row.clone()
            entered[index] = enter(index, found[index])
            if tensor.numel() == row.numel():
                # Into the whole of it: derivatives of what is put into a part are made vector by vector.
                tensor.copy_(entered[index].reshape(tensor.shape))
            else:
                row.copy_(entered[index])

        def keep(index: int, tensor: torch.Tensor) -> None:
            if index:
                seen[taps[index]] = _last(tensor).detach().clone()
            else:
                found[len(sites)] = _last(tensor).clone()

        with (
            sdpa_kernel(SDPBackend.MATH),
            hooks.write(self.root, taps_of(sites), change),
            hooks.read(self.root, taps, keep, stop=True),
        ):
            self._pass()
        leaving = tuple(found[index + 1] for index in range(len(sites)))
        error = 0.0
        for index, site in enumerate(sites):
            after = seen[sums[index]] if index in sums else leaving[index].detach()
            own = entered[index].detach()
            parts = [seen[Tap(path, "output")] * factor for path, factor in site.added]
            size = own.double().norm() + sum(part.double().norm() for part in parts)
            wanted = sum(parts, own * site.kept)
            error = max(error, float((after - wanted).double().norm() / size.clamp_min(1e-300)))
        return Pass(leaving, error)

    def _pass(self) -> None:
        if self.prefix is None:
            hooks.run_as_set(self.root, self.ids)
        else:
            # A pass adds its token to the cache that it is given.
            cache = {cache_argument(self.root): copy.deepcopy(self.prefix)}
            hooks.run_as_set(self.root, self.ids[:, -1:], use_cache=True, **cache)


def token_step(root: nn.Module, sites: SiteMap, ids: Sequence[int]) -> TokenStep:
    """The last of the tokens `ids`, beside what those before it left where the model's own step allows it.

    Raises ModelError where not even the pass of the whole text is the plain one.
    """
    tokens = torch.tensor([list(ids)], device=getattr(root, "device", None))
    states = torch.stack([state[0, -1] for state in hooks.collect(root, taps_of(sites.sites), tokens)])
    whole = TokenStep(root, sites, tokens, states.clone())
    if tokens.shape[1] == 1:
        return whole
    try:
        beside = TokenStep(root, sites, tokens, whole.states, _prefix(root, tokens[:, :-1]))
        error = _error(beside)
        if error <= limit(CONTROL, states.dtype):
            return TokenStep(root, sites, tokens, whole.states, beside.prefix, error=error)
        reason = f"its step after a cache differs from its plain pass by {error:.1e} (relative)"
    except (ModelError, RuntimeError, TypeError, ValueError, AttributeError, IndexError) as problem:
        if hooks.out_of_memory(problem):
            raise ResourceError(
                f"Memory ran out in the pass of {tokens.shape[1]} tokens. Take shorter texts or a smaller model."
            ) from problem
        reason = f"its step after a cache cannot be run ({message_of(problem, 160)})"
    error = _error(whole)
    if not error <= limit(CONTROL, states.dtype):
        raise ModelError(
            f"The pass of {type(root).__name__} cannot be opened at its sites: with every state put back as it "
            f"came, states differ by {error:.1e} (relative). Look at `residyn check`."
        )
    return TokenStep(root, sites, tokens, whole.states, reason=reason, error=error)


def _error(step: TokenStep) -> float:
    """How far the states of an opened pass are from those of the plain one, relative to these."""
    found: dict[int, torch.Tensor] = {}

    def same(index: int, state: torch.Tensor) -> torch.Tensor:
        found[index] = state
        return state

    with torch.no_grad():
        passed = step.run(same)
    own = torch.stack([found[index] for index in range(len(step.states))])
    errors = merged({CONTROL: largest(own - step.states, step.states)}, {SUM: passed.sum_error})
    return errors[CONTROL]


def _prefix(root: nn.Module, ids: torch.Tensor) -> Any:
    """The cache that a plain pass over `ids` fills, as the model makes it for itself."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        output = hooks.run_as_set(root, ids, use_cache=True)
        caches = (getattr(output, name, None) for name in _CACHES)
        cache = next((cache for cache in caches if cache is not None), None)
    if cache is None:
        raise ModelError("it fills no cache")
    return cache


def _last(tensor: torch.Tensor) -> torch.Tensor:
    """The last token's row, as a view that can be written through; some modules have no batch dimension."""
    return tensor[-1] if tensor.dim() == 2 else tensor[0, -1]
