"""Teleports on disk: DIR/teleport.zarr, one part a host, each put in place whole.

    teleport.zarr/
      teleport.json       format, fingerprint, and the description that it is the hash of; written at creation
      host-00000.zip      what became of one host: a zarr v3 group in one file (zarr's own ZipStore reads it)

A part that is there was finished. One that is no whole zip file, or of which a checksum does not fit, was damaged
since: a reader refuses it, and a writer makes it again.
"""

from __future__ import annotations

import functools
import io
import json
import math
import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from residyn.errors import StoreError, lacking
from residyn.model.teleport.labels import join
from residyn.store.creation import check_target
from residyn.store.differences import OtherSettings, differing
from residyn.store.files import disk_errors, open_file, write_bytes
from residyn.store.layout import LOCK, MAX_SAMPLES, MAX_UNITS, TELEPORT_STATES
from residyn.store.lock import locked
from residyn.store.manifest import fingerprint_of, has_manifest, residyn_version
from residyn.store.packed import chunks_of
from residyn.store.records import read_json, write_json

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer

GROUP, MANIFEST = TELEPORT_STATES, "teleport.json"
FORMAT, FORMAT_VERSION = "residyn teleports", 1
_LARGEST_CHUNK = 16 * 2**20
_LARGEST_METADATA = 2**20
_ROOM = 2**20
"""Values of labels and checks that a host may have beside its states."""
_HOST = re.compile(r"host-([0-9]{5,10})\.zip")
_SETTLED_S = 0.1
"""A file that was written so lately can be written again without another time of writing."""


@dataclass(frozen=True)
class JumpWriter:
    """The one writer of a folder of teleports, which holds its lock."""

    group: Path
    n_hosts: int

    def pending(self) -> list[int]:
        """The hosts that are not stored yet, or not any more as they were."""
        return [host for host in range(self.n_hosts) if not _is_whole(self.group, host)]

    def commit(self, host: int, part: xr.Dataset) -> None:
        """Store one host: written beside its place, flushed, and put there in one step."""
        self.put(host, packed(part))

    def put(self, host: int, content: bytes) -> None:
        """Store one host that was packed, here or by a worker."""
        with disk_errors(self.group, f"Storing host {host}"):
            write_bytes(_place(self.group, host), content)


def check_out(out: str | Path) -> None:
    """Raise StoreError, before any work, where teleports cannot be kept in the folder `out`."""
    run = Path(out)
    group = run / GROUP
    if group.is_symlink():
        raise StoreError(f"{group} is a link. Put the folder itself there, or choose another folder with out=.")
    if (group / MANIFEST).is_file():
        _manifest(group)
    elif group.exists() and not _is_begun(group):
        raise StoreError(
            f"{group} is not residyn's: it has no {MANIFEST}. Move it away, or choose another folder with out=."
        )
    elif not group.exists() or has_manifest(run):
        check_target(run)


@contextmanager
def open_folder(out: Path, description: Mapping[str, Any], n_hosts: int) -> Iterator[JumpWriter]:
    """Make the folder of these teleports, or go on with it; StoreError where its settings are others."""
    group = out / GROUP
    with disk_errors(out, "Creating the folder of teleports"):
        group.mkdir(parents=True, exist_ok=True)
    with locked(group):
        if (group / MANIFEST).is_file():
            _check_same(group, description)
        else:
            record = {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "fingerprint": fingerprint_of(description),
                "description": description,
                "n_hosts": n_hosts,
                "written_by": residyn_version(),
            }
            write_json(group / MANIFEST, record)
        yield JumpWriter(group, n_hosts)


def open_teleports(path: str | Path, *, allow_partial: bool = False) -> xr.Dataset:
    """The teleports stored in the folder `path`, as `teleport` returns them; their states are read when used.

    Raises StoreError where there are none, they are of a newer format, some hosts are missing or damaged (with
    `allow_partial` those that are whole are opened, and the attribute `partial` counts them).

    >>> rd.open_teleports(run.directory)["states"].dims
    ('host', 'injected', 'target', 'step', 'unit')
    """
    group = Path(path) / GROUP
    manifest = _manifest(group)
    n_hosts = manifest["n_hosts"]
    there = [host for host in _stored(group) if host < n_hosts and _is_whole(group, host)]
    if not there or (len(there) < n_hosts and not allow_partial):
        absent = next(host for host in range(n_hosts) if host not in there)
        raise StoreError(
            f"{group} holds {len(there)} of {n_hosts} hosts; the first missing or damaged one is host {absent}. "
            "Make the teleports again with the same out= to complete it, or open it with allow_partial=True."
        )
    found = join([_read(_place(group, host), manifest["description"]) for host in there])
    if len(there) < n_hosts:
        found.attrs["partial"] = f"{len(there)} of {n_hosts} hosts"
    return found


def _place(group: Path, host: int) -> Path:
    return group / f"host-{host:05d}.zip"


def _is_begun(group: Path) -> bool:
    """Whether a folder holds nothing but what an interrupted creation leaves."""
    return group.is_dir() and all(path.name == LOCK or path.name.startswith(".") for path in group.iterdir())


def _manifest(group: Path) -> dict[str, Any]:
    if not (group / MANIFEST).is_file():
        raise StoreError(f"{group} holds no teleports. Make them by teleport(..., out={str(group.parent)!r}).")
    record = read_json(group / MANIFEST)
    if (
        not isinstance(record, dict)
        or record.get("format") != FORMAT
        or not isinstance(record.get("n_hosts"), int)
        or not 1 <= record["n_hosts"] <= MAX_SAMPLES
        or not isinstance(record.get("description"), dict)
    ):
        raise StoreError(f"{group / MANIFEST} is damaged or not residyn's. Restore it from a copy.")
    if record.get("format_version") != FORMAT_VERSION:
        raise StoreError(
            f"{group} has format version {record.get('format_version')}; this residyn reads version "
            f"{FORMAT_VERSION}. Use the residyn that wrote it."
        )
    return record


def _check_same(group: Path, description: Mapping[str, Any]) -> None:
    if lines := differing(_manifest(group)["description"], description):
        raise OtherSettings(
            f"{group} holds teleports with other settings",
            lines,
            "Use the same settings to go on with it, or choose another folder with out=.",
        )


def _stored(group: Path) -> list[int]:
    """The hosts that there are files of: as many steps as there are files, whatever a manifest claims."""
    found = (_HOST.fullmatch(path.name) for path in group.iterdir())
    return sorted(int(match[1]) for match in found if match)


def _is_whole(group: Path, host: int) -> bool:
    """Whether a host is stored, and every byte of it is what its checksums say."""
    path = _place(group, host)
    try:
        found = path.stat()
    except OSError:
        return False
    if time.time() - found.st_mtime < _SETTLED_S:
        return _has_right_checksums(path)
    return _was_whole(path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@functools.lru_cache(maxsize=1 << 12)
def _was_whole(path: Path, _inode: int, _size: int, _written_ns: int, _changed_ns: int) -> bool:
    """The same of a file that was read before, as long as nothing was written to it."""
    return _has_right_checksums(path)


def _has_right_checksums(path: Path) -> bool:
    """Whether a file is a zip of parts that are stored as they are, and every checksum of it fits.

    None unpacks to more than the file: what was compressed could be of any size.
    """
    try:
        with open_file(path) as stream, zipfile.ZipFile(stream) as archive:
            parts = archive.infolist()
            as_they_are = all(
                part.compress_type == zipfile.ZIP_STORED and part.file_size == part.compress_size for part in parts
            )
            size = os.fstat(stream.fileno()).st_size
            if not as_they_are or sum(part.file_size for part in parts) > size:
                return False
            return archive.testzip() is None
    # zipfile raises of itself, of zlib and of struct, as the damaged byte has it.
    except Exception as error:
        if machine := lacking(error):
            raise machine from error
        return False


def packed(part: xr.Dataset) -> bytes:
    """One host as a zarr group in a zip file; the same bytes for the same content."""
    from zarr.codecs import BloscCodec
    from zarr.storage import MemoryStore

    # Variable-length strings are the ones that zarr format 3 specifies; fixed-width ones are not portable.
    text = {
        name: coord.astype(np.dtypes.StringDType())
        for name, coord in part.coords.items()
        if coord.dtype.kind in "OU"
    }
    _, _, n_targets, n_steps, n_units = part["states"].shape
    targets = max(1, min(n_targets, _LARGEST_CHUNK // (4 * n_steps * n_units)))
    encoding = {
        "states": {
            "chunks": (1, 1, targets, n_steps, n_units),
            "compressors": [BloscCodec(typesize=4, cname="lz4", clevel=5, shuffle="shuffle")],
        }
    }
    files: dict[str, Buffer] = {}
    stored = part.assign_coords(text).drop_encoding()
    stored.to_zarr(MemoryStore(files), mode="w", zarr_format=3, consolidated=False, encoding=encoding)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name].to_bytes())
    return packed.getvalue()


def _check_sizes(path: Path, description: Mapping[str, Any]) -> None:
    """Raise where a host's arrays are larger than the settings of its teleports make them: they cost memory.

    Raises as damage does, in as many ways as there are bytes.
    """
    places, targets, steps = len(description["at"]), description["targets"]["n"], description["steps"]
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith("/zarr.json") or name == "zarr.json"]
        records = {}
        for name in names:
            if archive.getinfo(name).file_size > _LARGEST_METADATA:
                raise ValueError(f"{name} is larger than a record of zarr's")
            records[name.removesuffix("zarr.json").strip("/")] = json.loads(archive.read(name))
    units = records["states"]["shape"][-1]
    if records["states"]["shape"] != [1, places, targets, steps + 1, units] or units > MAX_UNITS:
        raise ValueError(f"states have the shape {records['states']['shape']}")
    most = _ROOM + (places * targets * (steps + 1) + len(description["sites"])) * units
    for name, record in records.items():
        shape, chunk = record.get("shape", []), record.get("chunk_grid", {}).get("configuration", {})
        for sizes in (shape, chunk.get("chunk_shape", [])):
            if math.prod(sizes) > most:
                raise ValueError(f"{name} has the shape {sizes}")
    with zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            if part.filename not in names:
                with archive.open(part) as packed:
                    chunks_of(records[part.filename.split("/")[0]]).check(packed, part.file_size)


def _read(path: Path, description: Mapping[str, Any]) -> xr.Dataset:
    from zarr.storage import ZipStore

    try:
        _check_sizes(path, description)
        part = xr.open_zarr(ZipStore(path, read_only=True), chunks=None, consolidated=False)
        small = part.drop_vars("states").load()
        states = part["states"].variable
        lazy = states.chunk(dict(zip(states.dims, states.encoding["chunks"], strict=True)))
    # A damaged part fails in as many ways as there are bytes in it; which of them does not help the reader.
    except Exception as error:
        if machine := lacking(error):
            raise machine from error
        raise StoreError(f"{path} cannot be read ({error}). Remove it and make the teleports again.") from error
    text = {
        name: (coord.dims, np.array(coord.values.tolist(), dtype=str))
        for name, coord in small.coords.items()
        if coord.dtype.kind == "T"
    }
    return small.assign_coords(text).assign(states=lazy).drop_encoding()
