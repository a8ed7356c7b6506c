"""Results on disk: results.zarr (zarr format 3), written whole or not at all, read back verified."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from residyn import store
from residyn.dataset import Results
from residyn.errors import DataError, ResourceError, StoreError, lacking
from residyn.runs.lately_read import hash_of_files, recalled, remember
from residyn.runs.layout import RESULTS
from residyn.store.files import beside, check_file, open_file, read_file
from residyn.store.leftovers import PARTIAL, REMOVED, REPLACED, link_error, sweep_beside
from residyn.store.packed import chunks_of

FORMAT = "residyn results"
FORMAT_VERSION = 1
ATTRIBUTES_SHA256 = "attributes_sha256"
"""The attribute by which results say what their other attributes were; those of earlier versions have none."""

_METADATA = "zarr.json"
_LARGEST_METADATA = 16 * 2**20
_LARGEST_RESULTS, _SMALL_RESULTS = 2**29, 2**24
"""Values that results of any states have at most, and those of a few small ones."""
_CHUNK_ROWS = 1 << 16
"""Longest side of a stored chunk: results are small, and few files are kinder to every filesystem."""


def save_results(results: xr.Dataset, path: str | Path) -> None:
    """Write results to `path`, replacing results that are there.

    They are written beside it, under a hidden name that no other writer has, and renamed when complete: an
    interrupted save leaves the earlier results, or none, but never half of one. Raises StoreError where `path` is
    a link, holds anything that is not results, or cannot be written; ResourceError where the disk is full.

    >>> rd.save_results(rd.analyze(states), "results.zarr")
    """
    if not isinstance(results, xr.Dataset):
        raise DataError(f"Results are saved as one Dataset, got {type(results).__name__}. Pass analyze(states).")
    path = Path(path)
    if path.is_symlink():
        raise link_error(path)
    if path.exists():
        _read_header(path)
    partial, replaced = beside(path, PARTIAL), beside(path, REPLACED)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_beside(path)
        _write(results, partial)
        if path.exists():
            path.rename(replaced)
        partial.rename(path)
        shutil.rmtree(replaced, ignore_errors=True)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not isinstance(error, OSError):
            raise
        if machine := lacking(error):
            raise machine from error
        message = f"Cannot save results to {path}: {error}. "
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(message + "Free some space and save again.") from error
        raise StoreError(message + "Choose a folder that can be written.") from error


def open_results(path: str | Path) -> xr.Dataset:
    """The results saved at `path`, in memory, with every attribute, checked against what was written.

    Raises StoreError where there is nothing, where it is not residyn results, is of a newer format, or was
    damaged since.

    >>> rd.save_results(rd.analyze(states), "results.zarr")
    >>> rd.open_results("results.zarr")["velocity"].dims
    ('sample', 'transition')
    """
    path = Path(path)
    header = _read_header(path)
    # Of the run's manifest: where that is damaged, no analysis mends it.
    most = _most_values(path)
    try:
        files = hash_of_files(path)
        if (known := recalled(files)) is not None:
            return known
        sums = json.loads(header["sha256"])
        _check_stored(path, sums, most)
        # What nobody vouches for is not even opened: it could be of any size.
        strangers = sorted({entry.name for entry in path.iterdir()} - sums.keys())
        results = xr.open_zarr(path, chunks=None, consolidated=False, drop_variables=strangers).load()
        results = results.assign_coords(
            {
                name: (c.dims, np.array(c.values.tolist(), dtype=str), c.attrs)
                for name, c in results.coords.items()
                if c.dtype.kind == "T"
            }
        )
        damaged = sorted(
            name for name in sums if name not in results.variables or _sha256(results[name]) != sums[name]
        )
        results = results[[name for name in sums if name in results.data_vars]]
        for name in header:
            results.attrs.pop(name, None)
        if header[ATTRIBUTES_SHA256] not in (None, _sha256_of_attributes(results)):
            damaged.append("attributes")
    # A damaged store fails in as many ways as there are bytes in it; which of them does not help the reader.
    except Exception as error:
        if machine := lacking(error):
            raise machine from error
        raise StoreError(f"The results at {path} cannot be read ({error}). Analyze the run again.") from error
    if damaged:
        raise StoreError(
            f"The results at {path} are not what was saved; damaged: {', '.join(damaged)}. Analyze the run again."
        )
    for variable in results.variables.values():
        variable.encoding = {}
    results = Results.of(results)
    with suppress(OSError):
        remember(path, files, results)
    return results


def open_if_whole(path: Path) -> xr.Dataset | None:
    """The results at `path`, a place of a run's own; None where there are none, or they were damaged since.

    Raises StoreError where another residyn wrote them, or something else stands there: neither is made again.
    """
    if not path.exists():
        return None
    try:
        return open_results(path)
    except StoreError:
        if has_header(path) or lost_its_header(path):
            return None
        raise


def open_made(path: Path, command: str) -> xr.Dataset:
    """The results that another stage made, by `command`. Raises StoreError where they are gone or damaged."""
    made = open_if_whole(path)
    if made is None:
        what = "were damaged since they were made" if path.exists() else "are gone"
        raise StoreError(f"The results at {path} {what}. Make them again: {command}")
    return made


def replace_results(results: xr.Dataset, path: Path) -> None:
    """Write results to `path`, a place of a run's own, over those that are there, damaged or not."""
    if lost_its_header(path):
        shutil.rmtree(path)
    save_results(results, path)


def remove_results(path: Path) -> None:
    """Take away results in one step, so that half of them are never found."""
    if path.exists():
        aside = beside(path, REMOVED)
        path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def hash_of_results(path: Path) -> str | None:
    """The sha256 of what results say of themselves, the hashes of their values included; None where there are
    none.
    """
    try:
        return hashlib.sha256(read_file(path / _METADATA, _LARGEST_METADATA)).hexdigest()
    except OSError:
        return None


def _write(results: xr.Dataset, path: Path) -> None:
    header = {
        "residyn_format": FORMAT,
        "residyn_format_version": FORMAT_VERSION,
        # Coordinates stand in an order that depends on the interpreter; the results keep theirs.
        "sha256": json.dumps(
            {
                str(name): _sha256(results.variables[name])
                for name in [*results.data_vars, *sorted(results.coords, key=str)]
            }
        ),
        ATTRIBUTES_SHA256: _sha256_of_attributes(results),
    }
    # Variable-length strings are the ones that zarr format 3 specifies; fixed-width ones are not portable.
    text = {name: c.astype(np.dtypes.StringDType()) for name, c in results.coords.items() if c.dtype.kind in "OUT"}
    stored = results.assign_coords(text).assign_attrs(header)
    stored = stored.drop_encoding()
    chunks = {
        name: {"chunks": tuple(max(1, min(size, _CHUNK_ROWS)) for size in array.shape)}
        for name, array in stored.variables.items()
    }
    stored.to_zarr(path, mode="w", zarr_format=3, consolidated=False, encoding=chunks)


def has_header(path: Path) -> bool:
    """Whether what stands at `path` says that it is results of residyn's, in the format that this one reads."""
    try:
        _read_header(path)
    except StoreError:
        return False
    return True


def lost_its_header(path: Path) -> bool:
    """Whether results of residyn's stand at `path` that do not say so any more, because a file was damaged.

    Not so where another residyn wrote them, or anybody else a zarr group of their own.
    """
    if path.is_symlink() or not path.is_dir() or has_header(path):
        return False
    try:
        attrs = json.loads(read_file(path / _METADATA, _LARGEST_METADATA))["attributes"]
    except FileNotFoundError:
        return any(path.glob("*/zarr.json"))
    except OSError:
        return False
    except (ValueError, TypeError, KeyError, RecursionError):
        return True
    if not isinstance(attrs, dict) or not attrs:
        return attrs != {} or _is_unfinished(path)
    ours = [name in attrs for name in ("residyn_format", "residyn_format_version", "sha256")]
    return any(ours) and not (all(ours) and attrs["residyn_format"] == FORMAT)


def _is_unfinished(path: Path) -> bool:
    """Whether a group without any attribute is what earlier versions left where two of them wrote at once.

    That is so where it is empty, and where an array in it says which quantity of which residyn it is.
    """
    arrays = sorted(path.glob(f"*/{_METADATA}"))
    entries = {entry.name for entry in path.iterdir()} - {_METADATA, *(array.parent.name for array in arrays)}
    return not entries and (not arrays or any(map(_says_its_quantity, arrays)))


def _says_its_quantity(metadata: Path) -> bool:
    try:
        attrs = json.loads(read_file(metadata, _LARGEST_METADATA))["attributes"]
        return {"quantity", "definition", "residyn_version"} <= attrs.keys()
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def _check_stored(path: Path, names: Iterable[str], most: int) -> None:
    """Raise StoreError where arrays claim to hold more than `most` values, or unpack to more than they claim.

    Raises OSError where something else stands in the place of a file.
    """
    for folder, _, files in os.walk(path):
        for file in files:
            check_file(Path(folder, file))
    for name in names:
        record = store.read_json(path / name / _METADATA, _LARGEST_METADATA, finite=False)
        shape, chunk = record["shape"], record["chunk_grid"]["configuration"]["chunk_shape"]
        most -= math.prod(shape)
        if most < 0 or any(part > max(1, size) for part, size in zip(chunk, shape, strict=True)):
            raise StoreError(f"{name} claims the shape {shape} in parts of {chunk}: results are smaller")
        _check_chunks(path / name, record)


def _check_chunks(array: Path, record: dict[str, Any]) -> None:
    chunks = chunks_of(record)
    for folder, _, files in os.walk(array):
        for path in (Path(folder, file) for file in files if file != _METADATA):
            try:
                with open_file(path) as packed:
                    chunks.check(packed, check_file(path))
            except StoreError as error:
                raise StoreError(f"{path.relative_to(array.parent)}: {error}") from error


def _most_values(path: Path) -> int:
    """The most values that results have: of a run's own states, as many as these let them have."""
    run = path.parent
    if path.name != RESULTS or not store.has_manifest(run):
        return _LARGEST_RESULTS
    return min(_LARGEST_RESULTS, _SMALL_RESULTS + 32 * math.prod(store.read_manifest(run).shape))


def _read_header(path: Path) -> dict[str, Any]:
    """The attributes that mark residyn's results; StoreError unless they are there and of a format we know."""
    try:
        metadata = json.loads(read_file(path / _METADATA, _LARGEST_METADATA))
        attrs = metadata["attributes"]
        header = {name: attrs[name] for name in ("residyn_format", "residyn_format_version", "sha256")}
    except FileNotFoundError:
        what = "there is no such folder" if not path.exists() else "it holds no zarr.json"
        raise StoreError(
            f"Expected residyn results at {path}, but {what}. Write them with `residyn analyze` or save_results."
        ) from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        if machine := lacking(error):
            raise machine from error
        raise _foreign(path) from error
    if header["residyn_format"] != FORMAT:
        raise _foreign(path)
    if header["residyn_format_version"] != FORMAT_VERSION:
        raise StoreError(
            f"The results at {path} have format version {header['residyn_format_version']}; this residyn reads "
            f"version {FORMAT_VERSION}. Use the residyn that wrote them, or analyze the run again."
        )
    return {**header, ATTRIBUTES_SHA256: attrs.get(ATTRIBUTES_SHA256)}


def _foreign(path: Path) -> StoreError:
    return StoreError(
        f"Expected residyn results at {path}, but residyn did not write what is there. "
        "Name another path; this one is left as it is."
    )


def _sha256(array: xr.DataArray | xr.Variable) -> str:
    """Hash of an array's shape and values, equal for text of any width."""
    values = np.asarray(array.values)
    if values.dtype.kind in "OUT":
        content = json.dumps([str(value) for value in values.ravel()]).encode()
    else:
        if values.dtype.kind == "f":
            # A chunk of nothing but NaN is not stored, and comes back as the NaN of another sign.
            values = np.where(np.isnan(values), np.nan, values).astype(values.dtype)
        content = np.ascontiguousarray(values).tobytes()
    return hashlib.sha256(f"{values.shape}".encode() + content).hexdigest()


def _sha256_of_attributes(results: xr.Dataset) -> str:
    """Hash of all that results say beside their values: attributes, and which dimensions values are along."""
    said = {
        "attributes": results.attrs,
        "variables": {
            str(name): {"dimensions": list(map(str, array.dims)), "attributes": array.attrs}
            for name, array in results.variables.items()
        },
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """What zarr writes in place of a numpy scalar or array."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
