"""One pass of many rows: which row is written where, what is recorded of it, and what must hold.

Row 0 is the control. Every other row belongs to one group, is written once, at its group's site, and is read at
the sites that follow. How rows lie in a model's tensors is the business of the pass (`shared` or `whole`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from residyn.errors import DataError
from residyn.model import hooks
from residyn.model.hooks import Tap, last_block, summed_at, taps_of
from residyn.model.teleport.rows import PlaceTargets
from residyn.model.teleport.tolerance import LANDING, NO_OP, SUM, UPSTREAM, largest, merged
from residyn.sitemap import SiteMap

RowsOf = Callable[[torch.Tensor], torch.Tensor]
"""A tensor of the model → its rows (row, unit), as a view that can be written through."""


@dataclass(frozen=True)
class PassPlan:
    """What one pass has to do: the targets of every group, and how many sublayers after the write are kept.

    vectors   one tensor (target, unit) a group, in the model's number format and place
    added     whether vectors are added to the state, or take its place
    spare     whether one row that stays unchanged follows every group
    ends      whether the states behind the last block are kept too
    """

    sites: SiteMap
    groups: tuple[PlaceTargets, ...]
    vectors: tuple[torch.Tensor, ...]
    n_steps: int
    added: bool
    spare: bool
    ends: bool = False

    def rows(self) -> list[slice]:
        """The rows of each group's targets; with `spare`, the unchanged row comes right after."""
        start, found = 1, []
        for group in self.groups:
            found.append(slice(start, start + group.n))
            start += group.n + self.spare
        return found

    @property
    def n_rows(self) -> int:
        return 1 + sum(group.n + self.spare for group in self.groups)

    def joining(self, layer: int) -> int:
        """How many rows enter the stream at this layer's block."""
        sites = self.sites.sites
        return sum(group.n + self.spare for group in self.groups if sites[group.site].layer == layer)


@dataclass
class PassRecord:
    """What one pass left behind.

    control   (sublayer, unit), the states of row 0
    states    one array (target, step, unit) a group; step 0 is the state written; NaN beyond the last sublayer
    ends      one array (target, unit) a group, behind the last block; empty unless the plan asks for them
    errors    the largest relative error of each check
    """

    planned: PassPlan
    rows_of: RowsOf
    control: torch.Tensor = field(init=False)
    states: tuple[torch.Tensor, ...] = field(init=False)
    ends: tuple[torch.Tensor, ...] = field(init=False, default=())
    errors: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        n_sites, n_units = len(self.planned.sites.sites), self.planned.vectors[0].shape[1]
        self.control = torch.full((n_sites, n_units), torch.nan)
        self.states = tuple(
            torch.full((group.n, self.planned.n_steps + 1, n_units), torch.nan) for group in self.planned.groups
        )
        self._rows = self.planned.rows()
        self._landed: dict[int, torch.Tensor] = {}
        self._written: dict[int, torch.Tensor] = {}
        self._after: dict[int, torch.Tensor] = {}

    @contextmanager
    def hooked(self, root: nn.Module, *, stop: bool) -> Iterator[None]:
        """While the context is open, a pass through `root` is written to, read and checked.

        With `stop` it ends after the last thing read.
        """
        sites = self.planned.sites.sites
        extra = self._extra_taps()
        if self.planned.ends:
            extra.append((last_block(self.planned.sites), self._keep_ends))
        taps = [*taps_of(sites), *(tap for tap, _ in extra)]

        def read(index: int, tensor: torch.Tensor) -> None:
            if index < len(sites):
                self._read(index, self.rows_of(tensor))
            else:
                extra[index - len(sites)][1](self.rows_of(tensor))

        with ExitStack() as stack:
            stack.enter_context(
                hooks.write(root, taps_of(sites), lambda index, tensor: self._write(index, self.rows_of(tensor)))
            )
            stack.enter_context(hooks.read(root, taps, read, stop=stop))
            yield

    def verify(self) -> None:
        """Complete `errors` once the pass is done. Raises DataError where a state of a row is not finite."""
        for index, (group, states) in enumerate(zip(self.planned.groups, self.states, strict=True)):
            reached = states[:, : len(self.planned.sites.sites) - group.site]
            if not bool(torch.isfinite(reached).all()):
                target = group.first + int((~torch.isfinite(reached)).any(dim=(1, 2)).nonzero()[0])
                label = self.planned.sites.sublayers[group.site].label
                raise DataError(
                    f"The states that follow target {target} at {label} are not finite: it lies too far out for "
                    "this model's number format. Take nearer targets, or load the model as float32."
                )
            landed, after = self._landed[index], self._after[index]
            written, site = self._written[index], self.planned.sites.sites[group.site]
            landed = landed if site.kept == 1.0 else landed * site.kept
            sizes = landed.double().norm(dim=-1) + written.double().norm(dim=-1)
            difference = (after - (landed + written)).double().norm(dim=-1) / sizes.clamp_min(1e-300)
            self._note(SUM, float(difference.max()))

    def _extra_taps(self) -> list[tuple[Tap, Callable[[torch.Tensor], None]]]:
        """What the sum next state = target + writes is checked with, for every group."""
        sites = self.planned.sites.sites
        found: list[tuple[Tap, Callable[[torch.Tensor], None]]] = []

        def add(rows: torch.Tensor, index: int, factor: float) -> None:
            own = rows[self._rows[index]]
            wrote = own.clone() if factor == 1.0 else own * factor
            self._written[index] = self._written[index] + wrote if index in self._written else wrote

        def keep(rows: torch.Tensor, index: int) -> None:
            self._after[index] = rows[self._rows[index]].clone()

        for index, group in enumerate(self.planned.groups):
            for path, factor in sites[group.site].added:
                tap = Tap(path, "output")
                found.append((tap, lambda rows, index=index, factor=factor: add(rows, index, factor)))
            found.append((summed_at(self.planned.sites, group.site), lambda rows, index=index: keep(rows, index)))
        return found

    def _keep_ends(self, rows: torch.Tensor) -> None:
        self.ends = tuple(rows[own].to("cpu", torch.float32) for own in self._rows)

    def _write(self, site: int, rows: torch.Tensor) -> None:
        """Measure that rows not yet written are the control, then write the groups of this site."""
        for index, group in enumerate(self.planned.groups):
            own = self._rows[index]
            if group.site < site or own.stop > len(rows):
                continue
            self._note(UPSTREAM, largest(rows[own] - rows[0], rows[:1]))
            if group.site == site:
                rows[own] = self._wanted(index, rows)

    def _wanted(self, index: int, rows: torch.Tensor) -> torch.Tensor:
        vectors = self.planned.vectors[index].to(rows.device)
        return rows[0] + vectors if self.planned.added else vectors

    def _read(self, site: int, rows: torch.Tensor) -> None:
        self.control[site] = rows[0].to("cpu", torch.float32)
        for index, group in enumerate(self.planned.groups):
            own = self._rows[index]
            if own.stop + self.planned.spare > len(rows):
                continue
            if self.planned.spare:
                self._note(NO_OP, largest(rows[own.stop] - rows[0], rows[0]))
            step = site - group.site
            if step == 0:
                self._landed[index] = rows[own].clone()
                wanted = self._wanted(index, rows)
                self._note(LANDING, largest(rows[own] - wanted, wanted))
            if 0 <= step <= self.planned.n_steps:
                self.states[index][:, step] = rows[own].to("cpu", torch.float32)

    def _note(self, check: str, error: float) -> None:
        self.errors = merged(self.errors, {check: error})
