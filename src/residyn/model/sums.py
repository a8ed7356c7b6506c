"""Which sums of a state and of modules' outputs another state is, told from what passed through one block."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from residyn.model.layout import Sum

_CLOSE = 1e-4
"""How much of what is added may be left over where a sum is one, in float32."""
_NOTHING = 1e-6
"""A term that is a smaller share of the sum than this is rounding."""
_LARGEST_SHARE = 0.1
"""The same, at most, in a coarser number format, whose rounding is that of the whole stream."""


class Seen(NamedTuple):
    """What entered and left one module of a block, as far as it has the stream's shape."""

    name: str
    entered: torch.Tensor | None
    left: torch.Tensor | None


@dataclass(frozen=True)
class Passed:
    """One pass through a block: what entered it, what left it, and its modules.

    Tensors are (batch, token, unit), float64. `numbers` are those that the block holds, which factors may be;
    `eps` is the rounding of the model's number format.
    """

    before: torch.Tensor
    after: torch.Tensor
    seen: tuple[Seen, ...]
    numbers: tuple[float, ...]
    eps: float

    def sums(self, total: torch.Tensor, part: torch.Tensor, *, plain: bool) -> list[Sum]:
        """The sums of `part` and modules' outputs that `total` is, those with outputs as they are first.

        One output is added. Where that is no sum, and unless only `plain` ones are wanted, two by different
        modules of the block are; and where that is none either, one is, and `part` has a factor of its own.
        """
        written = [
            (module.name, module.left)
            for module in self.seen
            if module.left is not None and not torch.equal(module.left, part)
        ]
        found = self._fitting(total, part, [(one,) for one in written])
        if not found and not plain:
            outer = [(name, left) for name, left in written if "." not in name]
            found = self._fitting(total, part, list(itertools.combinations(outer, 2)))
            found = found or self._fitting(total, part, [(one,) for one in written], keeps=False)
        return sorted(found, key=lambda one: any(factor != 1.0 for _, factor in one.writes))

    def pair(self, first: Sequence[Sum], second: Callable[[], Sequence[Sum]]) -> tuple[Sum, Sum] | None:
        """The first two sums of which no module is in both; those with the same factors come first."""
        pairs = list(itertools.product(first, second())) if first else []
        pairs.sort(key=lambda pair: {factor for _, factor in pair[0].writes} != {f for _, f in pair[1].writes})
        return next((pair for pair in pairs if not _names(pair[0]) & _names(pair[1])), None)

    def both(self, first: Seen, second: Seen) -> Sum | None:
        """The sum of the block's input and two modules' outputs, with one factor, that its output is, if it is."""
        if first.left is None or second.left is None or torch.equal(first.left, second.left):
            return None
        factors = self._fit(self.after - self.before, [first.left + second.left])
        return Sum(tuple((one.name, factors[0]) for one in (first, second))) if factors else None

    def why_none(self, n_units: int | None) -> str:
        """What is known of why the block's output is no such sum, and what there is to do, in sentences."""
        width = self.before.shape[-1]
        if n_units is not None and width != n_units:
            return (
                f"What passes between its blocks is {width:,} numbers a token, and its embedding has {n_units:,}: "
                "it is several streams beside each other. No map of sites can say that, which is of one stream: "
                "this model cannot be read yet."
            )
        if self._of_single_units():
            return (
                "Each unit of its stream is multiplied by a number of its own before something is added. No map "
                "of sites can say that, which has one factor for all units: this model cannot be read yet."
            )
        return (
            "Something reaches the stream that is no module's output, or it is changed by more than a sum. If you "
            "know modules and factors that make it one, give them as a map of sites; otherwise this model cannot "
            "be read yet."
        )

    def _fitting(
        self,
        total: torch.Tensor,
        part: torch.Tensor,
        groups: Sequence[tuple[tuple[str, torch.Tensor], ...]],
        keeps: bool = True,
    ) -> list[Sum]:
        found = []
        for group in groups:
            outputs = [output for _, output in group]
            factors = self._fit(total - part, outputs) if keeps else self._fit(total, [part, *outputs])
            if factors:
                kept = 1.0 if keeps else factors.pop(0)
                writes = zip((name for name, _ in group), factors, strict=True)
                found.append(Sum(tuple(writes), kept))
        return found

    def _fit(self, total: torch.Tensor, terms: Sequence[torch.Tensor]) -> list[float] | None:
        """The factors for which `total` is the sum of `terms`, to rounding; None where there are none.

        Every term has to matter: the smallest is larger than what is left over by far.
        """
        flat = torch.stack([term.flatten() for term in terms])
        gram = flat @ flat.T
        sizes = gram.diagonal()
        if not bool((sizes > 0).all()) or not bool(gram.isfinite().all()):
            return None
        unit = sizes.sqrt()
        alike = gram / unit[:, None] / unit[None, :]
        if len(terms) > 1 and float(torch.linalg.det(alike)) < 1e-9:
            return None  # one of them is a multiple of another
        goal = total.flatten()
        factors = torch.linalg.solve(alike, (flat @ goal) / unit) / unit
        left_over = float((goal - factors @ flat).norm())
        smallest = float((factors.abs() * unit).min())
        rounding = self.eps * float(self.after.norm())
        if smallest <= _NOTHING * float(goal.norm()) or left_over > max(
            _CLOSE * smallest, min(rounding, _LARGEST_SHARE * smallest)
        ):
            return None
        return [self._named(float(factor), max(_CLOSE, left_over / smallest)) for factor in factors]

    def _named(self, factor: float, tolerance: float) -> float:
        """The number that a factor is to within rounding: 1, or one that the block holds."""
        for number in (1.0, *self.numbers):
            if number and abs(factor - number) <= tolerance * abs(number):
                return number
        return factor

    def _of_single_units(self) -> bool:
        """Whether a module's output, and the input times one factor a unit, make the output or enter a module."""
        before = self.before.flatten(0, -2)
        entered = [module.entered for module in self.seen if "." not in module.name]
        goals = [self.after, *(tensor for tensor in entered if tensor is not None)]
        for module in self.seen:
            for total in goals:
                if module.left is None or torch.equal(total, self.before):
                    continue
                added = total.flatten(0, -2) - module.left.flatten(0, -2)
                factors = (added * before).sum(0) / (before * before).sum(0).clamp_min(1e-300)
                left_over = float((added - factors * before).norm())
                if left_over <= _CLOSE * float(added.norm()) and float(factors.std()) > _CLOSE:
                    return True
        return False


def _names(sum_: Sum) -> set[str]:
    return {name for name, _ in sum_.writes}
