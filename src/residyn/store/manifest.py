"""manifest.json: what the numbers of a run were decided by, and how they are laid out. Written once, last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from residyn.errors import StoreError
from residyn.schema import FORMAT_VERSION, SITES, Sublayer
from residyn.store.layout import (
    LARGEST_SHARD_BYTES,
    MANIFEST,
    MAX_SAMPLES,
    MAX_SUBLAYERS,
    MAX_UNITS,
    shard_bytes,
)
from residyn.store.records import read_json, sha256_of_record

FORMAT = "residyn run"
ADVICE = (
    "Restore manifest.json from a copy; residyn never recreates one, because the states could then mean anything."
)


ORIGIN = "given"
"""The key of a description of states that were given, and not captured; it lists what is known of samples."""


@dataclass(frozen=True)
class Manifest:
    """The record that makes a folder a run directory.

    `description` holds everything that decides the numbers, and `fingerprint` is its hash together with the
    format's version. `model`, `capture_dtype`, `sites` (the site map as JSON text, or None) and whatever
    `labels` holds become attributes of the states; `written_by` is the version of residyn that made the run.
    """

    fingerprint: str
    description: dict[str, Any]
    model: str
    capture_dtype: str
    sites: str | None
    sublayers: tuple[Sublayer, ...]
    n_samples: int
    n_units: int
    rows_per_shard: int
    samples_sha256: str
    written_by: str
    labels: dict[str, str | int | float] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def given(self) -> tuple[str, ...] | None:
        """The samples' coordinates of states that were given, and not captured; None where a model made them."""
        names = self.description.get(ORIGIN)
        return tuple(map(str, names)) if isinstance(names, list) else None

    @property
    def n_shards(self) -> int:
        return math.ceil(self.n_samples / self.rows_per_shard)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(samples, sublayers, units) of the stored array."""
        return self.n_samples, len(self.sublayers), self.n_units

    def rows(self, shard: int) -> slice:
        """The rows that a shard holds; the last shard may hold fewer than the others."""
        start = shard * self.rows_per_shard
        return slice(start, min(start + self.rows_per_shard, self.n_samples))

    def to_record(self) -> dict[str, Any]:
        """The manifest as it is written, with a checksum over everything else in it."""
        record: dict[str, Any] = {
            "format": FORMAT,
            "format_version": self.format_version,
            "written_by": self.written_by,
        }
        record |= {item.name: getattr(self, item.name) for item in fields(self)}
        record["sublayers"] = [[place.layer, place.site] for place in self.sublayers]
        return record | {"checksum": sha256_of_record(record)}


def fingerprint_of(description: Mapping[str, Any]) -> str:
    """The sha256 of everything that decides the numbers: the format's version and a plain description."""
    return sha256_of_record({"format_version": FORMAT_VERSION, "description": dict(description)})


def residyn_version() -> str:
    return version("residyn")


def has_manifest(run: Path) -> bool:
    """Whether a folder is a run directory: whether a manifest stands in it, damaged or not."""
    return (run / MANIFEST).exists() or (run / MANIFEST).is_symlink()


def read_manifest(path: str | Path) -> Manifest:
    """Read and check the manifest of the run directory `path`.

    Raises StoreError where there is none, where a newer residyn wrote it, or where it is damaged: not JSON,
    a field missing or of a wrong type or range, or another checksum or fingerprint than its content has.
    """
    run = Path(path)
    file = run / MANIFEST
    if not has_manifest(run):
        raise StoreError(
            f"{run} is not a run directory: it has no {MANIFEST}. "
            "Name the folder that `residyn run` or `residyn capture` wrote (its --out)."
        )
    record = read_json(file)
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise StoreError(f'{file} is not a manifest of residyn\'s: "format" must be "{FORMAT}". {ADVICE}')
    _check_version(file, record)
    wrong = _wrong_field(record)
    if wrong:
        raise StoreError(f"{file} is damaged: {wrong}. {ADVICE}")
    checksum = record.pop("checksum")
    if sha256_of_record(record) != checksum:
        raise StoreError(f"{file} is damaged: its checksum does not fit its content. {ADVICE}")
    if fingerprint_of(record["description"]) != record["fingerprint"]:
        raise StoreError(f"{file} is damaged: its fingerprint does not fit its description. {ADVICE}")
    record["sublayers"] = tuple(Sublayer(layer, site) for layer, site in record["sublayers"])
    return Manifest(**{item.name: record[item.name] for item in fields(Manifest)})


def _check_version(file: Path, record: Mapping[str, Any]) -> None:
    found = record.get("format_version")
    if not isinstance(found, int) or not _whole(found, 1, 2**31):
        raise StoreError(f'{file} is damaged: "format_version" must be a whole number, got {found!r}. {ADVICE}')
    if found > FORMAT_VERSION:
        writer = record.get("written_by")
        needed = f"residyn {writer[:40]}" if isinstance(writer, str) else "a newer residyn"
        raise StoreError(
            f"{file} is of format {found}, written by {needed}; this is residyn {residyn_version()}, "
            f"which reads formats up to {FORMAT_VERSION}. Install {needed} or newer: pip install -U residyn"
        )


def _wrong_field(record: Mapping[str, Any]) -> str | None:
    checks = {
        "fingerprint": _digest(record.get("fingerprint")),
        "samples_sha256": _digest(record.get("samples_sha256")),
        "checksum": _digest(record.get("checksum")),
        "description": isinstance(record.get("description"), dict),
        "model": isinstance(record.get("model"), str),
        "capture_dtype": isinstance(record.get("capture_dtype"), str),
        "sites": record.get("sites") is None or isinstance(record.get("sites"), str),
        "written_by": isinstance(record.get("written_by"), str),
        "labels": _labels(record.get("labels")),
        "sublayers": _sublayers(record.get("sublayers")),
        "n_samples": _whole(record.get("n_samples"), 1, MAX_SAMPLES),
        "n_units": _whole(record.get("n_units"), 1, MAX_UNITS),
        "rows_per_shard": _whole(record.get("rows_per_shard"), 1, MAX_SAMPLES),
    }
    for name, right in checks.items():
        if not right:
            return f'"{name}" is missing, of a wrong type or out of range'
    size = shard_bytes(record["rows_per_shard"], len(record["sublayers"]), record["n_units"])
    if size > LARGEST_SHARD_BYTES:
        return f'"rows_per_shard" claims a shard of {size:,} bytes, at most {LARGEST_SHARD_BYTES:,} are allowed'
    return None


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _labels(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str | int | float) for item in value.values())


def _sublayers(value: Any) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_SUBLAYERS:
        return False
    for place in value:
        if not isinstance(place, list) or len(place) != 2:
            return False
        if not _whole(place[0], 0, MAX_SUBLAYERS) or place[1] not in SITES:
            return False
    return len({tuple(place) for place in value}) == len(value)
