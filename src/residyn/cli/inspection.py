"""Looking at models and runs: what is where, and whether it is what it should be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from residyn import store
from residyn.cli.display import Display
from residyn.cli.request import ModelRequest, Request
from residyn.cli.stages import complete, continued, load, read_layout
from residyn.errors import ModelError, StoreError, UsageError


def show_info(record: dict[str, Any], display: Display) -> None:
    """What `store.info` says of a run."""
    if display.as_json:
        display.emit(record)
        return
    rows = [(name.replace("_", " "), _short(value)) for name, value in record.items()]
    display.table(str(record["path"]), ["", ""], rows)


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items() if isinstance(item, str | int | float))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def check(model: str, request: ModelRequest, display: Display) -> int:
    """Print the sites of a model and every probe; the exit code, 0 where all hold."""
    from residyn.model.check import check_model

    layout = read_layout(request.sites)
    loaded = load(model, request, display)
    with display.stage("Running the probes"):
        found = check_model(loaded, layout)
    if display.as_json:
        display.emit(found.describe())
        return 0 if found.passed else ModelError.exit_code
    sites = [(s.layer, s.site, f"{s.where} of {s.module}", " + ".join(s.writes)) for s in found.sites.sites]
    how = {"table": "from the table of families", "structure": "found by structure", "user": "as you gave them"}
    title = f"{found.model}: {found.sites.family}, {found.sites.arrangement} blocks; sites {how[found.how]}"
    display.table(title, ["layer", "site", "state read at", "then added"], sites)
    probes = [(p.name, p.statement, f"{p.error:.1e}", f"{p.limit:.0e}", p.status) for p in found.probes]
    display.table("Probes, on these weights", ["probe", "what must hold", "error", "limit", ""], probes)
    return 0 if found.passed else ModelError.exit_code


def verify(directory: Path, display: Display) -> list[int]:
    """Check every shard against the ledger and show what was found; the damaged and missing shards."""
    with display.progress("verify", "shards") as progress:
        report = store.verify(directory, progress=progress)
    if display.as_json:
        display.emit(
            {
                "run": str(directory),
                "shards": report.n_shards,
                "valid": report.n_valid,
                "damaged": [{"shard": d.shard, "file": d.file, "reason": d.reason} for d in report.damaged],
                "pending": list(report.pending),
                "strangers": list(report.strangers),
            }
        )
    elif report.ok and not report.pending:
        display.result(f"{directory}: all {report.n_shards} shards are what was committed.")
    else:
        rows = [(damage.shard, damage.file, damage.reason, damage.detail) for damage in report.damaged]
        rows += [(shard, "", "not captured yet", "") for shard in report.pending]
        display.table(str(directory), ["shard", "file", "fault", ""], rows)
    return [damage.shard for damage in report.damaged] + list(report.pending)


def is_control(directory: Path) -> bool:
    """Whether a folder is the run directory of a control."""
    return store.has_manifest(directory) and "control" in store.read_run(directory)


def check_is_run(directory: Path) -> None:
    """Raise StoreError where a run directory is that of a control: its run alone says what it is of."""
    if is_control(directory):
        raise StoreError(f"{directory} is a control, which is captured with: {controls_command(directory)}")


def repair_advice(directory: Path) -> str:
    """How damaged shards are captured again."""
    if is_control(directory):
        return f"It is a control, and only those are captured again with: {controls_command(directory)}"
    return f"`residyn verify {directory} --repair` captures only those again."


def controls_command(control: Path) -> str:
    """What captures a control: it lies in RUN/controls/NAME."""
    return f"residyn controls {control.resolve().parent.parent}"


def repair(directory: Path, damaged: Sequence[int], model: str | None, display: Display) -> None:
    """Capture damaged and missing shards of a run again, and no others."""
    named, request = continued(directory, model, Request(), set())
    if named is None:
        raise UsageError(f"{directory} does not say which model it is of. Name it with --model.")
    complete(directory, named, request, display, damaged)
