"""What checks of a model and of a run found, as the terminal shows it: tables for people, or one JSON object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from residyn import store
from residyn.cli.display import Display
from residyn.runs import layout

if TYPE_CHECKING:
    from residyn.model.check import Check
    from residyn.pipeline.verification import Verification
    from residyn.sitemap import Site


def show_check(found: Check, display: Display) -> None:
    """Whether a model's sites are right, where they are, and every probe; sites of like layers in one line."""
    if display.as_json:
        display.emit(found.describe())
        return
    passed = sum(probe.status == "pass" for probe in found.probes)
    verdict = f"{found.model}: {passed} of {len(found.probes)} probes hold."
    display.result(verdict)
    sites = _like_layers(found.sites.sites)
    how = {"table": "from the table of families", "structure": "found by structure", "user": "as you gave them"}
    title = f"{found.model}: {found.sites.family}, {found.sites.arrangement} blocks; sites {how[found.how]}"
    display.table(title, ["layer", "site", "state read at", "what becomes of it"], sites)
    probes = [(p.name, p.statement, f"{p.error:.1e}", f"{p.limit:.0e}", p.status) for p in found.probes]
    display.table("Probes, on these weights", ["probe", "what must hold", "error", "limit", ""], probes)
    display.result(verdict)


def _like_layers(sites: Sequence[Site]) -> list[tuple[str, str, str, str]]:
    """A row for each kind of site: the layers that have it, and its modules with the layers' numbers in one."""
    layers: dict[tuple[str, str, str], list[int]] = {}
    for site in sites:
        number = rf"(?<=\.){site.layer}(?=\.|,| |$)"
        told = [re.sub(number, "{}", text) for text in (f"{site.where} of {site.module}", site.describe())]
        layers.setdefault((site.site, told[0], told[1]), []).append(site.layer)
    rows = []
    for (name, read, written), own in layers.items():
        whole = own == list(range(own[0], own[-1] + 1))
        shown = str(own[0]) if len(own) == 1 else f"{own[0]}…{own[-1]}" if whole else ",".join(map(str, own))
        rows.append((shown, name, read.replace("{}", shown), written.replace("{}", shown)))
    return rows


def show_verification(directory: Path, found: Verification, display: Display) -> None:
    """What verifying a run found: damaged, missing and changed files by name, and those that nobody knows."""
    report, outputs = found.states, found.outputs
    controls = {name: one for name, one in found.controls.items() if name in found.damaged_controls}
    if display.as_json:
        display.emit(
            {
                "run": str(directory),
                "shards": report.n_shards,
                "valid": report.n_valid,
                "damaged": [{"shard": d.shard, "file": d.file, "reason": d.reason} for d in report.damaged],
                "pending": list(report.pending),
                "staged": [{"shard": shard, "file": file} for shard, file in report.staged.items()],
                "unfinished": list(report.unfinished),
                "strangers": list(report.strangers),
                "controls": {name: _fault_rows(name, one) for name, one in controls.items()},
                "files": outputs.n_files,
                "differing": [
                    {"stage": d.stage, "file": d.file, "reason": d.reason, "detail": d.detail}
                    for d in outputs.differences
                ],
                "unknown": list(outputs.unknown),
                "note": found.note,
            }
        )
        return
    rows = [(f"shard {damage.shard}", damage.file, damage.reason, damage.detail) for damage in report.damaged]
    rows += [
        (f"shard {shard}", report.staged[shard], "staged", "the next capture puts it in place")
        if shard in report.staged
        else (f"shard {shard}", "", "not captured yet", "")
        for shard in report.pending
    ]
    rows += [("", name, "unfinished", "a worker's, or left for the next capture") for name in report.unfinished]
    for name, one in controls.items():
        rows += [("controls", *row) for row in _fault_rows(name, one)]
    rows += [(one.stage, one.file, one.reason, one.detail) for one in outputs.differences]
    rows += [
        ("", f"states.zarr/states/{name}", "not known", "no shard has this name") for name in report.strangers
    ]
    rows += [("", name, "not known", "no finished stage wrote it") for name in outputs.unknown]
    if rows:
        display.table(str(directory), ["of", "file", "fault", ""], rows)
    if not found.shards:
        display.result(f"{directory}: all {report.n_shards} shards are what was committed.")
    if outputs.ok:
        display.result(f"{directory}: all {outputs.n_files} files that its stages wrote are what was written.")
    display.warn([found.note] if found.note else [])


def _fault_rows(name: str, found: store.StoreReport | str) -> list[tuple[str, str, str]]:
    """The faults of a control: file, what is wrong, details."""
    folder = f"{layout.CONTROLS}/{name}"
    if isinstance(found, str):
        return [(folder, "damaged", found)]
    return [(f"{folder}/{damage.file}", damage.reason, damage.detail) for damage in found.damaged]
