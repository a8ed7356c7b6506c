"""What a run directory holds, at a glance: without reading what it can take long to read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from residyn import store
from residyn.errors import StoreError
from residyn.runs import layout, stages
from residyn.runs.contents import begun_controls, captured_controls
from residyn.runs.verdicts import read_verdicts


def held(directory: str | Path) -> dict[str, Any]:
    """What a run directory holds, as plain values: the content of `residyn info DIR`.

    Everything that `store.info` says of its states, and: stages (those that were finished), controls (captured,
    and begun), claims (how many verdicts of each kind; None where none were judged), warnings. No content is
    verified; see `residyn verify`. What is damaged is said to be so in its place.
    """
    run = Path(directory)
    said = store.info(run)
    finished = [name for name in stages.COMMANDS if stages.read_stage(run, name) is not None]
    return {
        **said,
        "stages": finished,
        "controls": _controls(run),
        "claims": _claims(run),
        "warnings": list(map(str, store.read_run(run).get("warnings") or [])),
    }


def _controls(run: Path) -> list[str]:
    try:
        return [*captured_controls(run), *(f"{name} (begun)" for name in begun_controls(run))]
    except StoreError as error:
        return [f"damaged: {error}"]


def _claims(run: Path) -> dict[str, Any] | None:
    try:
        verdicts = read_verdicts(run / layout.CLAIMS)
    except StoreError as error:
        return {"damaged": str(error)}
    return None if verdicts is None else dict(Counter(claim.verdict for claim in verdicts.claims))
