"""Which kinds of machine computed a run's states: equal bits are promised within one kind, and not between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from residyn.errors import StoreError
from residyn.store.layout import RUN
from residyn.store.provenance import read_run

Kind = Mapping[str, str]
"""What the last bits of a state depend on beside the run's settings: the device, versions, number format, …"""
KINDS = "kinds"
"""The section of run.json."""
MIXED = (
    "Shards of these states were computed on more than one kind of machine, as --mixed allowed: the run is not "
    "bit-reproducible. The kinds section of run.json names them."
)
HALVED = (
    "A batch did not fit into memory and was halved: the run is not bit-reproducible. "
    "A lower --batch-tokens makes it so."
)


def read_kinds(run: Path) -> list[Kind]:
    """The kinds of machine that run.json names, the first first; empty where it names none, as in older runs.

    Raises StoreError where the section is damaged.
    """
    kinds = read_run(run).get(KINDS, [])
    right = isinstance(kinds, list) and all(
        isinstance(kind, dict) and all(isinstance(value, str) for value in kind.values()) for kind in kinds
    )
    if not right:
        raise StoreError(
            f"{run / RUN} is damaged: {KINDS} should be a list of objects that hold texts, each a kind of "
            "machine. Restore the file from a copy."
        )
    return kinds


def check_kind(run: Path, known: Sequence[Kind], kind: Kind, what: str) -> None:
    """Raise StoreError where `what` is of a kind of machine that none of the run's states were computed on."""
    if not known or not kind or kind in known:
        return
    raise StoreError(
        f"{what} of {run} should be computed on the kind of machine that computed the others, because other kinds "
        f"round differently; {differences(known[0], kind)}. Go on with such a machine, or give --mixed, which "
        "marks the run as not bit-reproducible."
    )


def differences(stored: Kind, came: Kind) -> str:
    """What tells two kinds of machine apart, in words."""
    names = dict.fromkeys((*stored, *came))
    told = [
        f"{name}: stored {stored.get(name, 'nothing')}, now {came.get(name, 'nothing')}"
        for name in names
        if stored.get(name) != came.get(name)
    ]
    return "; ".join(told) or "nothing that is recorded tells them apart"
