"""`teleport`: hosts × places × targets → perturbed trajectories, one host at a time."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from residyn.crew import Crew
from residyn.errors import Interrupted, UsageError
from residyn.model.interrupts import asked_to_stop
from residyn.model.layout import Layout
from residyn.model.loading import GivenModel, loaded
from residyn.model.teleport import folder
from residyn.model.teleport.labels import join, label
from residyn.model.teleport.one_host import teleport_host
from residyn.model.teleport.plan import TeleportPlan, prepare
from residyn.model.teleport.shared_out import by_workers
from residyn.model.texts import Samples, Texts
from residyn.progress import Progress, told


def teleport(
    model: GivenModel,
    texts: str | Iterable[str] | Texts | Samples,
    to: Any,
    at: int | str | Iterable[int | str],
    *,
    position: Literal["last"] | int = "last",
    residual: Literal["drop", "keep"] = "drop",
    steps: int = 12,
    layout: Layout | None = None,
    memory: int | None = None,
    out: str | Path | None = None,
    progress: Progress | bool | None = None,
    executor: Executor | Crew | None = None,
) -> xr.Dataset:
    """Move the residual stream of one token to chosen points at chosen sublayers, and record where it flows.

    model: from `load_model`, or what that takes: a hub id, a folder, a built-in name.
    texts: the hosts: one string or several, or what `read_texts` or `tokenize_texts` returned.
    to: vectors in activation units: an array (target, unit) for every place, (injected, target, unit) where each
        place has its own, or (host, injected, target, unit). Of a DataArray the dimensions are known by name, and
        its own coordinates along them are kept.
    at: layers, each standing for the state that enters it, or labels of sublayers such as "7.mlp".
    position: the token whose stream is moved: the text's last, or one counted from 0 without BOS, or from the end
        where negative. What follows it is cut off: in a causal model it moves nothing before it.
    residual: "drop" puts `to` in the state's place (the paper: what the plane of the targets does not hold is
        dropped). "keep" adds `to` to the state and so keeps the rest of it: for a move from z to z′ in a plane
        with axes V, `to` is (z′ − z)Vᵀ.
    steps: how many sublayers are recorded after the write.
    layout: a map of sites of your own.
    memory: bytes that the rows of one pass may take (256 MiB); it decides roundings, and so is a setting.
    out: a folder, in which DIR/teleport.zarr is written host by host. One that was interrupted is gone on with,
        and the result is bit-identical to an uninterrupted one.
    progress: a function that is called with (targets done, targets in all), or False for no bar, as `rd.capture`
        takes it.
    executor: of PEP 3148: its workers make the model for themselves and compute a host each, with the same bits;
        `out` is needed.

    Returns a Dataset, in memory, or with lazy states where it is stored:
    states (host, injected, target, step, unit), float32: step 0 is the state written, step k the state k sublayers
        on, whose label is `step_sublayer` (injected, step); NaN beyond the model's last sublayer.
    control (host, sublayer, unit), float32: the untouched path.
    kl (host, injected, target): KL(control ‖ moved) of the next-token distribution, in nats; ≥ 0 up to rounding.
    top1_changed (host, injected, target): whether the most likely next token is another. Where the model has no
        head at hand, kl is NaN, this is absent, and the attribute `no_head` says why.
    check_error (host, check): the largest relative error of each thing that must hold, in every run and on the
        user's own weights: the state read at the site is the target; the next state is the target plus what the
        following branch wrote, skip path included; before the write, every row is the control; the control is a
        plain pass. Attributes `checks` and `limits` hold the worst and the allowed.
    path (host), and the attribute `path`: "shared prefix" where all rows went through the model beside one prefix,
        "full pass" where they could not, for the reason that is warned of.

    Source: the paper's panel L.

    Raises UsageError, DataError or ModelError before any long pass; StoreError for a folder of other settings;
    ModelError where a write does not reach the whole stream; DataError where a state that follows is not finite;
    ResourceError where memory is lacking; Interrupted after the host in hand, on Ctrl-C, where results are stored.

    >>> states = rd.capture(model, ["The Eiffel Tower is in the city of", "Two and two is", "Once upon a"])
    >>> grid = rd.targets.grid(rd.fit_space(states, n_components=2), n=3)
    >>> rd.teleport(model, "Two and two is", to=grid, at=[0, 20])["states"].dims
    ('host', 'injected', 'target', 'step', 'unit')
    """
    crew = executor if isinstance(executor, Crew) else Crew((lambda: executor) if executor is not None else None)
    if crew.engine is not None and out is None:
        raise UsageError("executor= computes what is stored in out=, and there is no out=. Name a folder.")
    if out is not None:
        folder.check_out(out)
    plan = prepare(
        loaded(model),
        texts,
        to,
        at,
        position=position,
        residual=residual,
        steps=steps,
        layout=layout,
        memory=memory,
    )
    for said in plan.hosts.warnings:
        warnings.warn(said, stacklevel=2)
    with told("teleport", "targets", progress) as tell:
        report = _TargetCount(plan, tell)
        made = _in_memory(plan, report) if out is None else _to_folder(plan, Path(out), report, crew)
    for said in sorted(report.reasons):
        warnings.warn(
            f"Every row took a full pass, because a prefix cannot be shared in this model: {said}. "
            "The numbers are the same; it takes longer.",
            stacklevel=2,
        )
    return made


def _in_memory(plan: TeleportPlan, report: _TargetCount) -> xr.Dataset:
    return join([_one(plan, host, report) for host in range(len(plan.hosts))])


def _to_folder(plan: TeleportPlan, out: Path, report: _TargetCount, crew: Crew) -> xr.Dataset:
    with folder.open_folder(out, plan.describe(), len(plan.hosts)) as writer, asked_to_stop() as stop:
        pending = writer.pending()
        report.skip(len(plan.hosts) - len(pending))
        if pending and crew.engine is not None:
            by_workers(plan, writer, crew, stop, report.host)
        else:
            for host in pending:
                writer.commit(host, _one(plan, host, report))
                if stop():
                    break
        if left := len(writer.pending()):
            raise Interrupted(
                f"Stopped as asked: {len(plan.hosts) - left} of {len(plan.hosts)} hosts in {out} are stored. "
                "The same call goes on from there."
            )
    return folder.open_teleports(out)


def _one(plan: TeleportPlan, host: int, report: _TargetCount) -> xr.Dataset:
    found = teleport_host(plan, host, report.add)
    if found.reason:
        report.reasons.add(found.reason)
    return label(plan, host, found)


class _TargetCount:
    """Counts targets towards the whole work, and gathers why hosts took full passes."""

    def __init__(self, plan: TeleportPlan, progress: Progress) -> None:
        self.each = len(plan.places) * plan.targets.n
        self.total = self.each * len(plan.hosts)
        self.done = 0
        self.progress = progress
        self.reasons: set[str] = set()

    def skip(self, hosts: int) -> None:
        self.done = hosts * self.each

    def host(self, host: int, reason: str) -> None:
        """Count a host that a worker computed."""
        if reason:
            self.reasons.add(reason)
        self.add(self.each)

    def add(self, targets: int) -> None:
        self.done += targets
        self.progress(self.done, self.total)
