"""A part of a capture, for a job array without a scheduler: it takes no lock, and stages what it computes."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from residyn import store
from residyn.crew import ALONE, Crew
from residyn.errors import Interrupted, UsageError
from residyn.pipeline.capture import Planned, check_is_run, planned
from residyn.pipeline.models import continued, load_again, read_layout, recorded_model, revised
from residyn.pipeline.reporter import SILENT, Reporter
from residyn.settings import BUILT_IN_MODEL, CaptureSettings, CrewSettings
from residyn.store.kinds import check_kind, read_kinds
from residyn.store.layout import resume_command

if TYPE_CHECKING:
    from residyn.model.capture_plan import CapturePlan

_PART = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
_PATIENCE_S, _PAUSE_S = 120.0, 0.3


def read_part(text: str, crew: CrewSettings) -> tuple[int, int]:
    """The number of a part and how many there are, of text like 3/16. Raises UsageError."""
    found = _PART.fullmatch(text)
    number, parts = (int(found[1]), int(found[2])) if found else (0, 0)
    if not number < parts:
        raise UsageError(
            f"--part is I/N, a part from 0 to N − 1 and how many there are, such as 3/16; got {text!r}."
        )
    if crew.workers or crew.scheduler is not None:
        raise UsageError("--part computes here, and --workers and --scheduler elsewhere; got both. Leave one out.")
    return number, parts


def capture_part(
    directory: Path,
    model: str | None,
    asked: CaptureSettings,
    chosen: Collection[str],
    part: tuple[int, int],
    *,
    crew: Crew = ALONE,
    reporter: Reporter = SILENT,
) -> None:
    """Stage the shards of one part that are neither committed nor staged yet; `residyn capture DIR` commits them.

    The first of the parts to come makes the run directory. Settings and model are those of `capture_or_continue`.
    Raises as it does, and Interrupted after the shard in hand where the user asks to stop.
    """
    check_is_run(directory)
    settings = revised(directory, model, continued(directory, asked, chosen), chosen)
    known = model is not None or recorded_model(directory) is not None
    if known and store.has_manifest(directory) and not settings.deciding().keys() & set(chosen):
        from residyn.model.capture_plan import plan_of

        loaded = load_again(directory, model, settings, reporter, crew.gpus)
        with reporter.stage("Proving the sites on the model's weights"):
            plan = plan_of(directory, loaded, read_layout(settings.sites), settings.on_nonfinite)
    else:
        store.check_target(directory)
        given = model or recorded_model(directory) or BUILT_IN_MODEL
        if model is None and recorded_model(directory) is not None:
            made = planned(
                directory, load_again(directory, None, settings, reporter, crew.gpus), settings, reporter
            )
        else:
            made = planned(directory, given, settings, reporter, crew.gpus)
        _begin(directory, made, settings, given)
        plan = made.plan
    _stage(directory, plan, part, mixed=crew.mixed, reporter=reporter)


def _begin(directory: Path, made: Planned, settings: CaptureSettings, named: str) -> None:
    """Make the run directory, unless another part has: it is waited for while it does so."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            made.plan.create(directory)
            if CaptureSettings.SECTION not in store.read_run(directory):
                with store.locked(directory):
                    made.record(directory, settings, named)
        except store.InUse:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def _stage(directory: Path, plan: CapturePlan, part: tuple[int, int], *, mixed: bool, reporter: Reporter) -> None:
    from residyn.model.capture import staged
    from residyn.model.interrupts import asked_to_stop
    from residyn.model.kind import kind_of
    from residyn.model.order import part_of, tokens_of

    manifest = store.read_manifest(directory)
    committed = store.committed(directory, manifest)
    if committed and not mixed:
        check_kind(directory, read_kinds(directory), kind_of(plan.model), f"Part {part[0]} of {part[1]}")
    there = committed | {receipt.shard for receipt in store.receipts(directory, manifest)}
    mine = part_of(tokens_of(plan), *part)
    lacking = [shard for shard in mine if shard not in there]
    reporter.note(
        f"Part {part[0]} of {part[1]} has {len(mine)} of {manifest.n_shards} shards; {len(lacking)} are to be "
        "computed."
    )
    with asked_to_stop() as stop, reporter.progress("capture", "tokens") as progress:
        made = staged(plan, manifest, lacking, directory, progress)
        for left, _ in zip(reversed(range(len(lacking))), made, strict=True):
            if stop() and left:
                raise Interrupted(
                    f"Stopped as asked: {len(lacking) - left} of {len(lacking)} shards were staged. The same "
                    "command goes on from there."
                )
    reporter.note(f"Where every part is done, commit them: {resume_command(directory)}")
