"""The claims stage: states, results, controls and teleports → claims.json, and a table on the terminal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from residyn import store
from residyn.cli import stages
from residyn.cli.controls import open_controls
from residyn.cli.display import Display
from residyn.cli.origin import of_other_states
from residyn.cli.request import ClaimsRequest
from residyn.cli.teleports import open_flow
from residyn.errors import StoreError
from residyn.words import MARKS

if TYPE_CHECKING:
    import xarray as xr


FILE = "claims.json"
PARTIAL = "claims.partial.json"


def claims(directory: Path, request: ClaimsRequest, display: Display) -> dict[str, Any]:
    """Judge the paper's claims on a run, and write claims.json; its content.

    What is there for the same states, results, controls, teleports and settings is not judged again, and an
    interrupted judgement goes on with the tasks that it lacks. Results of other states are left out.
    """
    from residyn.claims import judge
    from residyn.run.results import open_results

    states = store.open_states(directory)
    stored = open_results(directory / stages.RESULTS)
    notice = of_other_states(directory, stored, states)
    display.warn([notice] if notice else [])
    results = None if notice else stored
    summary = open_flow(directory).get("summary")
    controls = open_controls(directory)
    basis = _basis(states, results, summary, controls, request)
    found = _read(directory / FILE)
    if found.get("basis") == basis and _is_whole(directory / FILE):
        return found
    partial = _read(directory / PARTIAL)
    left = partial.get("ledger") if partial.get("basis") == basis else None

    def keep(ledger: Mapping[str, Any]) -> None:
        store.write_json(directory / PARTIAL, {"basis": basis, "ledger": ledger})

    with stages.timed() as seconds, display.progress("claims", "tasks") as progress:
        verdicts = judge(
            states,
            results,
            teleport_summary=summary,
            controls=controls,
            settings=request.settings(),
            ledger=_with_undefined(left) if _is_ledger(left) else {},
            keep=keep,
            progress=progress,
        )
    record = {**verdicts.to_record(), "basis": basis}
    store.write_json(directory / FILE, record)
    (directory / PARTIAL).unlink(missing_ok=True)
    store.update_run(directory, claims=request.record(), timings={"claims_s": seconds()})
    return _read(directory / FILE)


def _basis(
    states: xr.DataArray,
    results: xr.Dataset | None,
    summary: xr.Dataset | None,
    controls: Mapping[str, xr.DataArray],
    request: ClaimsRequest,
) -> str:
    """A hash of everything that decides the verdicts."""
    from residyn import __version__

    decisive = {
        "states": states.attrs["states_hash"],
        "results": None if results is None else [results.attrs.get("settings"), *sorted(map(str, results))],
        "teleports": None if summary is None else summary.attrs.get("settings"),
        "controls": {name: control.attrs["states_hash"] for name, control in controls.items()},
        "settings": request.settings().to_json(),
        "version": __version__,
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    """A record of this stage's; empty where there is none, or one that was damaged: it is made again."""
    if not path.exists():
        return {}
    try:
        record = store.read_json(path)
    except StoreError:
        return {}
    return record if isinstance(record, dict) else {}


def _is_whole(path: Path) -> bool:
    """Whether a record of verdicts is what this residyn writes, field by field."""
    from residyn.claims import read_verdicts

    try:
        return read_verdicts(path) is not None
    except StoreError:
        return False


def _is_ledger(record: Any) -> TypeGuard[dict[str, dict[str, list[float | None]]]]:
    """Whether what an interrupted judgement left is a ledger: lists of numbers by their names, by the task."""
    return isinstance(record, dict) and all(
        isinstance(made, dict)
        and all(isinstance(values, list) for values in made.values())
        and all(_is_number(value) for values in made.values() for value in values)
        for made in record.values()
    )


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _with_undefined(ledger: Mapping[str, Mapping[str, list[float | None]]]) -> dict[str, dict[str, list[float]]]:
    """The ledger as it was before JSON, which has no NaN."""
    nan = float("nan")
    return {
        task: {name: [nan if value is None else value for value in values] for name, values in made.items()}
        for task, made in ledger.items()
    }


def show(record: Mapping[str, Any], directory: Path, display: Display) -> None:
    """The verdicts as a table: what was found, what its null does, and what else shows it."""
    if display.as_json:
        display.emit({"run": str(directory), "claims": record["claims"]})
        return
    columns = ["", "claim", "verdict, and what else shows it", "value (95 % interval), threshold, p"]
    display.table(f"{directory / FILE}: the paper's claims on {record['model']}", columns, rows_of(record))


def rows_of(record: Mapping[str, Any]) -> list[list[str]]:
    """The rows of that table: a claim each, with a line for every statistic."""
    rows = []
    for claim in record["claims"]:
        origin = f": {claim['origin']}" if claim["origin"] else ""
        said = [f"{MARKS[claim['verdict']]} {claim['verdict']}{origin}"]
        said += [f"also in {', '.join(claim['also_in'])}"] if claim["also_in"] else []
        said += [f"not {', '.join(claim['lost_in'])}"] if claim["lost_in"] else []
        name = f"{claim['number']} {claim['variant']}".strip()
        rows.append([name, claim["claim"], "\n".join(said), "\n".join(map(_value, claim["parts"]))])
    return rows


def _value(part: Mapping[str, Any]) -> str:
    threshold = f"{'>' if part['above'] else '<'} {_number(part['threshold']):g}"
    if part["value"] is None:
        return f"not defined ({threshold})"
    interval = "" if part["low"] is None else f" ({_number(part['low']):.3g} to {_number(part['high']):.3g})"
    null = part["null"]
    p = "" if null is None or null["p"] is None else f", p {_number(null['p']):.2g}"
    return f"{_number(part['value']):.3g}{interval} {threshold}{p}"


def _number(value: float | str | None) -> float:
    """A number of the record: null where it is not defined, a word where it is infinite."""
    return float("nan" if value is None else value)
