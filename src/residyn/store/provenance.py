"""run.json: where a run came from and how it went. Recorded for people; nothing in it decides a number."""

from __future__ import annotations

import functools
import os
import platform
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from residyn.errors import StoreError
from residyn.store.layout import MANIFEST, RUN
from residyn.store.ledger import holds, read_ledger
from residyn.store.lock import locked
from residyn.store.manifest import has_manifest, read_manifest
from residyn.store.records import plain, read_json, write_json
from residyn.store.samples import read_samples

PACKAGES = (
    "residyn",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "xarray",
    "zarr",
    "numcodecs",
)


MAX_RUN_BYTES = 16 * 2**20
"""No run.json comes near it."""


def start_run(run: Path) -> None:
    """Write the first run.json of a run: when and with what it was made."""
    created = datetime.now(UTC).isoformat("T", "seconds")
    write_json(run / RUN, {"created": created, "versions": versions(), "machine": machine(), "warnings": []})


def update_run(path: str | Path, **sections: Any) -> None:
    """Merge provenance into run.json: model, texts, settings, versions, machine, timings, warnings, …

    A section that is a mapping is merged into the one that is there, key by key; anything else replaces it.
    Access tokens are scrubbed, and the user's home folder is written as "~". Raises StoreError where `path`
    is not a run directory or its run.json is damaged.
    """
    run = Path(path)
    if not has_manifest(run):
        raise StoreError(f"{run} is not a run directory: it has no {MANIFEST}; provenance belongs to a run.")
    with locked(run, needed=False):
        write_json(run / RUN, _merged(read_run(run), without_home(plain(sections))))


def record_warnings(path: str | Path, warnings: Sequence[str]) -> None:
    """Add to the warnings in run.json, at the time they are given: those of whoever made the states stay true."""
    # Recorded ones have no home folder in them, and are compared with others that have none.
    new = without_home(plain(list(warnings)))
    earlier = _warnings(read_run(path))
    if not set(new) <= set(earlier):
        update_run(path, warnings=list(dict.fromkeys([*earlier, *new])))


def withdraw_warnings(path: str | Path, beginning: str) -> None:
    """Take warnings back that are true no more: those of this beginning."""
    earlier = _warnings(read_run(path))
    left = [text for text in earlier if not text.startswith(beginning)]
    if left != earlier:
        update_run(path, warnings=left)


def add_timing(path: str | Path, name: str, seconds: float) -> None:
    """Add to the seconds that run.json counts for a part of the work, over all processes that took part in it."""
    update_run(path, timings={name: round(timing(path, name) + seconds, 2)})


def timing(path: str | Path, name: str) -> float:
    """The seconds that run.json counts for a part of the work; 0 where it does not say."""
    timings = read_run(path).get("timings")
    found = timings.get(name) if isinstance(timings, dict) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else 0


def _warnings(record: Mapping[str, Any]) -> list[str]:
    found = record.get("warnings")
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def read_run(path: str | Path) -> dict[str, Any]:
    """The content of run.json; empty where there is none. Raises StoreError where it is damaged."""
    file = Path(path) / RUN
    if not file.exists():
        return {}
    record = read_json(file, MAX_RUN_BYTES)
    if not isinstance(record, dict):
        raise StoreError(f"{file} is damaged: a mapping is wanted, got {type(record).__name__}.")
    return record


def info(path: str | Path) -> dict[str, Any]:
    """What a run directory holds, as plain values: the content of `residyn info DIR`.

    path, model, capture_dtype, texts and position (where the run is labelled so), n_samples, n_sublayers, n_units,
    shards_committed (marked, and there in full size), shards_total, complete, bytes (of these shards),
    fingerprint, format_version, written_by, created, versions. No content is verified; see `verify`.
    """
    run = Path(path)
    manifest = read_manifest(run)
    recorded = read_run(run)
    markers = [marker for marker in read_ledger(run, manifest)[0].values() if holds(run, marker)]
    return {
        "path": str(run),
        "model": manifest.model,
        "capture_dtype": manifest.capture_dtype,
        "texts": manifest.labels.get("texts"),
        "position": manifest.labels.get("position"),
        "n_samples": manifest.n_samples,
        "n_sublayers": len(manifest.sublayers),
        "n_units": manifest.n_units,
        "shards_committed": len(markers),
        "shards_total": manifest.n_shards,
        "complete": len(markers) == manifest.n_shards,
        "bytes": sum(marker.bytes for marker in markers),
        "fingerprint": manifest.fingerprint,
        "format_version": manifest.format_version,
        "written_by": manifest.written_by,
        "created": recorded.get("created"),
        "versions": recorded.get("versions"),
    }


def dropped_samples(path: str | Path) -> list[int]:
    """The samples that the capture left out because their states were not finite, in the order of the store."""
    run = Path(path)
    manifest = read_manifest(run)
    rows = [row for _, marker in sorted(read_ledger(run, manifest)[0].items()) for row in marker.dropped]
    if not rows:
        return []
    samples = read_samples(run, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    return samples.sample[rows].tolist()


def machine() -> dict[str, Any]:
    """The machine in terms that matter to a result, and in none that name its owner."""
    memory = None
    with suppress(ValueError, OSError):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"platform": platform.platform(), "cores": os.cpu_count(), "memory_bytes": memory}


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that take part in a capture, where installed."""
    return dict(_versions())


@functools.cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def without_home(value: Any) -> Any:
    """A plain value with the user's home folder, wherever text names it, written as "~"."""
    home = str(Path("~").expanduser())
    if home in ("~", "/", ""):
        return value
    return _replaced(value, re.compile(re.escape(home) + r"(?![\w.\-])"))


def _replaced(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub("~", value)
    if isinstance(value, Mapping):
        return {key: _replaced(item, pattern) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, pattern) for item in value]
    return value


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(old[key], new[key]) for key in old.keys() & new.keys() if _mappings(old[key], new[key])}
    return {**old, **new, **both}


def _mappings(old: Any, new: Any) -> bool:
    return isinstance(old, Mapping) and isinstance(new, Mapping)
