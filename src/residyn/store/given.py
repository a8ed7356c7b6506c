"""States that were given, and not captured: a run directory of them, for every verb that needs no model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.schema import DOCUMENT, SAMPLE, check_states, sublayers_of
from residyn.store.creation import check_target, create
from residyn.store.layout import samples_per_shard
from residyn.store.manifest import ORIGIN
from residyn.store.provenance import update_run
from residyn.store.reader import open_states
from residyn.store.samples import GIVEN
from residyn.store.table import SampleTable
from residyn.store.writer import open_writer

NAMED = "sample_name"
"""The coordinate that keeps what samples were called where that were no whole numbers."""
_OF_STORE = {
    "quantity",
    "n_samples",
    "model",
    "capture_dtype",
    "states_hash",
    "distinct_last_tokens",
    "tie_fraction",
    "sites",
    "partial",
}
"""Attributes that the store gives to all states by itself."""


def save_states(states: xr.DataArray, out: str | Path, *, texts: Sequence[str] | None = None) -> xr.DataArray:
    """The states as `rd.open_states` gives them, out of the run directory `out` that this writes of them.

    For states that residyn did not capture: of another tool, or a recording, as `rd.from_array`, `rd.from_cache`,
    `rd.from_hidden_states` and `rd.from_npz` label them. Every verb of the command line that needs no model works
    on the directory then: analyze, claims, figure, explorer, view, report, compare, info, verify.

    `states` (sample, sublayer, unit) may be lazy; they are read twice, shard by shard. Values are stored as
    float32: float64 is rounded to it. Coordinates along the samples, and attributes that are texts or numbers, are
    kept; the attribute `model` names the states in figures, and where there is none the folder's name does.
    Samples that are not labelled by whole numbers are numbered, and their labels are the coordinate `sample_name`.
    `texts`, one for each sample, are what the explorer shows.

    A directory that holds the same states is gone on with. Raises DataError where the states break the data
    contract, are not finite in float32, or a coordinate is neither text nor number; StoreError for a directory of
    something else; ResourceError where the disk is full.

    >>> import tempfile, numpy as np, residyn as rd
    >>> recording = np.random.default_rng(0).normal(size=(40, 6, 12))  # (trial, time bin, neuron)
    >>> states = rd.from_array(recording, range(6), ["block"] * 6)
    >>> run = tempfile.mkdtemp() + "/recording"
    >>> rd.save_states(states, run).sizes["sample"]
    40
    """
    check_states(states)
    run = check_target(out)
    n, s, d = states.shape
    if not n * s * d:
        raise DataError(f"A run needs at least one state; these have the shape {states.shape}.")
    if texts is not None and len(texts) != n:
        raise DataError(f"texts has one text for each sample, here {n}; got {len(texts)}. Leave out none of them.")
    rows = samples_per_shard(n, s, d)
    if states[SAMPLE].dtype.kind not in "iu":
        states = states.assign_coords({NAMED: (SAMPLE, states[SAMPLE].values), SAMPLE: np.arange(n)})
    known = {
        str(name): _plain(str(name), one.values)
        for name, one in states.coords.items()
        if one.dims == (SAMPLE,) and name != SAMPLE
    }
    description = {ORIGIN: sorted(known), "samples": {"n": n}, "sha256": _sha256(states, rows)}
    attrs = {name: value for name, value in states.attrs.items() if name not in _OF_STORE}
    sites = states.attrs.get("sites")
    create(
        run,
        description,
        SampleTable.of(_rows(states[SAMPLE].values.tolist(), known, texts)),
        sublayers_of(states),
        d,
        model=str(states.attrs.get("model") or run.resolve().name),
        capture_dtype=str(states.attrs.get("capture_dtype", "float32")),
        sites_json=sites if isinstance(sites, str) else None,
        labels={str(name): value for name, value in attrs.items() if isinstance(value, str | int | float)},
        rows_per_shard=rows,
    )
    with open_writer(run) as writer:
        for shard in writer.pending:
            block = states[writer.rows(shard)]
            writer.commit(shard, _float32(block))
    update_run(run, states={"given": "with rd.save_states"})
    return open_states(run)


def _float32(block: xr.DataArray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(block.values, dtype=np.float32)


def _sha256(states: xr.DataArray, rows: int) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(states), rows):
        digest.update(_float32(states[start : start + rows]).data)
    return digest.hexdigest()


def _rows(
    labels: Sequence[int], known: Mapping[str, Sequence[Any]], texts: Sequence[str] | None
) -> Iterator[Mapping[str, Any]]:
    """The rows of samples.jsonl: one token stands for those that nobody knows, and what is known beside it."""
    last = known.get("last_token", [0] * len(labels))
    for row, label in enumerate(labels):
        text = "" if texts is None else str(texts[row])
        own = {name: values[row] for name, values in known.items()}
        yield {
            "sample": label,
            "text_id": row,
            "sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            "input_ids": [last[row]],
            "n_tokens": 1,
            "last_token": last[row],
            "text": text,
            **({DOCUMENT: own[DOCUMENT]} if DOCUMENT in own else {}),
            GIVEN: own,
        }


def _plain(name: str, values: np.ndarray) -> list[Any]:
    """The entries of a coordinate as JSON keeps them. Raises DataError for what it does not keep."""
    entries = values.tolist()
    right = values.dtype.kind in "biufUO" and all(isinstance(entry, bool | int | float | str) for entry in entries)
    if not right or any(isinstance(entry, float) and math.isinf(entry) for entry in entries):
        raise DataError(
            f"A coordinate along the samples is stored as numbers or texts; {name!r} holds {values.dtype}. Give "
            f"it as texts: states.assign_coords({name}=states[{name!r}].astype(str))."
        )
    return entries
