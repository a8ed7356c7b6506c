"""Making a run directory, or finding that it is there already with the same settings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from residyn.errors import DataError, StoreError
from residyn.schema import SITES, Sublayer
from residyn.store.array import array_metadata
from residyn.store.differences import OtherSettings, differing
from residyn.store.files import disk_errors, sync, write_bytes
from residyn.store.layout import (
    COMMITS,
    CREATION,
    GROUP,
    LARGEST_SHARD_BYTES,
    LOCK,
    MANIFEST,
    MAX_SUBLAYERS,
    MAX_UNITS,
    SAMPLES,
    samples_per_shard,
    shard_bytes,
    states_folder,
)
from residyn.store.leftovers import is_leftover
from residyn.store.lock import locked
from residyn.store.manifest import Manifest, fingerprint_of, has_manifest, read_manifest, residyn_version
from residyn.store.provenance import start_run, without_home
from residyn.store.records import plain, write_json
from residyn.store.samples import encode_samples


def create(
    path: str | Path,
    description: Mapping[str, Any],
    samples: Sequence[Mapping[str, Any]],
    sublayers: Sequence[Sublayer],
    n_units: int,
    *,
    model: str,
    capture_dtype: str,
    sites_json: str | None = None,
    labels: Mapping[str, str | int | float] | None = None,
    rows_per_shard: int | None = None,
) -> Manifest:
    """Make the run directory `path`, or go on with the one that is there if it has the same settings.

    `description` is everything that decides the numbers, as plain values; `samples` are the rows in order of
    storage (see docs/run-directory.md for their fields); `sublayers` and `n_units` are the other two axes.
    `model`, `capture_dtype`, `sites_json` and `labels` become attributes of the states. `rows_per_shard`
    overrides `samples_per_shard`. The manifest is written last: a creation that is cut off is simply made again.

    Raises StoreError, before anything is written, where the folder belongs to something else, cannot be
    written to, or holds a run of other settings (each differing key is named with both values); DataError
    for samples or sublayers that no run can be made of; ResourceError where the disk is full.
    """
    encoded = encode_samples(samples)
    described = without_home(plain(description))
    places = tuple(Sublayer(int(layer), str(site)) for layer, site in sublayers)
    rows = samples_per_shard(len(samples), len(places), n_units) if rows_per_shard is None else rows_per_shard
    wanted = Manifest(
        fingerprint=fingerprint_of(described),
        description=described,
        model=without_home(plain(model)),
        capture_dtype=capture_dtype,
        sites=sites_json,
        sublayers=places,
        n_samples=len(samples),
        n_units=n_units,
        rows_per_shard=rows,
        samples_sha256=hashlib.sha256(encoded).hexdigest(),
        written_by=residyn_version(),
        labels=without_home(plain(labels or {})),
    )
    _check_axes(wanted)
    run = check_target(path)
    if has_manifest(run):
        return _same_run(run, wanted, samples, rows_per_shard)
    with disk_errors(run, "Creating the folder"):
        if not run.exists():
            run.mkdir(parents=True, exist_ok=True)
            sync(run.parent)
    with locked(run):
        if has_manifest(run):  # made by another process since we looked
            return _same_run(run, wanted, samples, rows_per_shard)
        with disk_errors(run, "Creating a run directory"):
            states_folder(run).mkdir(parents=True, exist_ok=True)
            (run / COMMITS).mkdir(exist_ok=True)
            for name, content in array_metadata(wanted).items():
                write_bytes(run / GROUP / name, content)
            write_bytes(run / SAMPLES, encoded)
            start_run(run)
            write_json(run / MANIFEST, wanted.to_record())
    return wanted


def check_target(path: str | Path, advice: str = "Choose an empty or new folder with --out.") -> Path:
    """The folder `path`, once it is known that a run can be made or continued there.

    Nothing is written; it can be asked before a model is loaded. Raises StoreError for a file in the way, a
    folder of something else, a folder that cannot be written to, and a run directory whose manifest is lost;
    `advice` is what the error says to do.
    """
    run = Path(path)
    if "\0" in str(run):
        raise StoreError(f"{str(run)!r} cannot be a folder: a path has no NUL character. {advice}")
    with disk_errors(run, "Looking"):
        _check_writable(run, advice)
        if not run.exists() or has_manifest(run):
            return run
        found = sorted(entry.name for entry in run.iterdir())
    strangers = [name for name in found if name not in CREATION and not is_leftover(name)]
    if strangers or (found and LOCK not in found):
        shown = ", ".join((strangers or found)[:5])
        raise StoreError(
            f"{run} is not a run directory of residyn's, and not empty: it has {shown}. Nothing was written "
            f"to it. {advice}"
        )
    if any(states_folder(run).glob("c.*")):
        raise StoreError(
            f"{run} holds states but no {MANIFEST}, so nobody can say what they are. Restore {MANIFEST} from a "
            f"copy, or do without these states. {advice}"
        )
    return run


def _check_writable(run: Path, advice: str) -> None:
    if run.is_symlink() and not run.exists():
        raise StoreError(f"{run} is a link to nowhere. {advice}")
    nearest = next(folder for folder in (run, *run.parents) if folder.exists())
    if not nearest.is_dir():
        raise StoreError(f"{nearest} is a file, where a folder is wanted. {advice}")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise StoreError(f"{nearest} cannot be written to. {advice}")


def _check_axes(wanted: Manifest) -> None:
    """Raise DataError for sublayers, units or a shard that no stored array can have."""
    labels = [place.label for place in wanted.sublayers]
    if len(set(labels)) != len(labels) or any(place.site not in SITES for place in wanted.sublayers):
        raise DataError(f"Each sublayer is named once, at one of the sites {', '.join(SITES)}; got {labels[:8]}.")
    if not 1 <= len(labels) <= MAX_SUBLAYERS or not 1 <= wanted.n_units <= MAX_UNITS:
        raise DataError(
            f"A run has 1 to {MAX_SUBLAYERS:,} sublayers of 1 to {MAX_UNITS:,} units; "
            f"got {len(labels)} of {wanted.n_units}."
        )
    rows = wanted.rows_per_shard
    if rows < 1 or shard_bytes(rows, len(labels), wanted.n_units) > LARGEST_SHARD_BYTES:
        raise DataError(
            f"rows_per_shard must be at least 1, and a shard at most {LARGEST_SHARD_BYTES:,} bytes; got {rows} "
            f"rows of {len(labels)} × {wanted.n_units} units. Leave it out to have a good one chosen."
        )


def _same_run(
    run: Path, wanted: Manifest, samples: Sequence[Mapping[str, Any]], rows_per_shard: int | None
) -> Manifest:
    """The manifest on disk, if a capture with the wanted settings would give the same numbers."""
    stored = read_manifest(run)
    # A run made before its samples said so much has the same states, and is gone on with as it is.
    bare = hashlib.sha256(encode_samples(samples, optional=False)).hexdigest()
    if stored.samples_sha256 == bare:
        wanted = replace(wanted, samples_sha256=bare)
    lines = differing(stored.description, wanted.description)
    if not lines:
        names = ["n_samples", "n_units", "sublayers", "samples_sha256"]
        names += ["rows_per_shard"] if rows_per_shard is not None else []
        records = stored.to_record(), wanted.to_record()
        lines = differing(*({name: record[name] for name in names} for record in records))
    if lines:
        raise OtherSettings(
            f"{run} holds a run with other settings",
            lines,
            "Use the same settings to go on with it, or choose another folder with --out.",
        )
    return stored
