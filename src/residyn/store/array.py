"""The stored array: its zarr metadata as residyn writes it, and the only metadata that residyn opens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residyn.errors import StoreError
from residyn.schema import STATE_DIMS
from residyn.store.layout import ARRAY, GROUP, chunk_shape, shard_shape, states_folder
from residyn.store.manifest import Manifest
from residyn.store.records import read_json

if TYPE_CHECKING:
    import zarr

METADATA = "zarr.json"
SHARDING, CHUNK_CODECS, INDEX_CODECS = "sharding_indexed", ("bytes", "blosc", "crc32c"), ("bytes", "crc32c")
BLOSC: dict[str, Any] = {"typesize": 4, "cname": "lz4", "clevel": 5, "shuffle": "shuffle"}


def array_metadata(manifest: Manifest) -> dict[str, bytes]:
    """The zarr metadata files of an empty array for a run: path inside states.zarr → content.

    Made in memory by zarr itself, so that the caller can put them on disk whole, flushed, and without
    deleting anything.
    """
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec
    from zarr.core.buffer import Buffer
    from zarr.storage import MemoryStore

    rows = manifest.rows_per_shard
    files: dict[str, Buffer] = {}
    zarr.create_group(MemoryStore(files), zarr_format=3).create_array(
        ARRAY,
        shape=manifest.shape,
        shards=shard_shape(rows, len(manifest.sublayers), manifest.n_units),
        chunks=chunk_shape(rows, manifest.n_units),
        dtype="float32",
        fill_value=float("nan"),
        compressors=[BloscCodec(**BLOSC), Crc32cCodec()],
        chunk_key_encoding={"name": "default", "separator": "."},
        dimension_names=STATE_DIMS,
    )
    return {name: content.to_bytes() for name, content in files.items()}


def open_array(run: Path, manifest: Manifest, *, writable: bool = False) -> zarr.Array[Any]:
    """Open the stored array of a run, after its metadata has passed `check_metadata`."""
    check_metadata(run, manifest)
    import zarr
    from zarr.storage import LocalStore

    store = LocalStore(run / GROUP, read_only=not writable)
    return zarr.open_array(store, path=ARRAY, mode="r+" if writable else "r", zarr_format=3)


def check_metadata(run: Path, manifest: Manifest) -> None:
    """Raise StoreError unless zarr would find exactly the array that the manifest describes.

    zarr looks up a codec by the name that a file gives, and allocates what a file claims; so nothing but
    residyn's own codecs, float32, and the manifest's shape gets as far as zarr.
    """
    _check(run / GROUP / METADATA, {"zarr_format": 3, "node_type": "group"})
    file = states_folder(run) / METADATA
    rows = manifest.rows_per_shard
    outer = shard_shape(rows, len(manifest.sublayers), manifest.n_units)
    metadata = _check(
        file,
        {
            "zarr_format": 3,
            "node_type": "array",
            "data_type": "float32",
            "shape": list(manifest.shape),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(outer)}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
            "fill_value": "NaN",
            "dimension_names": list(STATE_DIMS),
        },
    )
    if metadata.get("storage_transformers"):
        raise _refused(file, "storage_transformers", [], metadata["storage_transformers"])
    sharding = _codecs(file, metadata.get("codecs"), (SHARDING,))[0]
    inner = list(chunk_shape(rows, manifest.n_units))
    if sharding.get("chunk_shape") != inner:
        raise _refused(file, "inner chunk_shape", inner, sharding.get("chunk_shape"))
    if sharding.get("index_location") != "end":
        raise _refused(file, "index_location", "end", sharding.get("index_location"))
    to_bytes, blosc, _ = _codecs(file, sharding.get("codecs"), CHUNK_CODECS)
    index_to_bytes, _ = _codecs(file, sharding.get("index_codecs"), INDEX_CODECS)
    for configuration in (to_bytes, index_to_bytes):
        if configuration != {"endian": "little"}:
            raise _refused(file, "bytes codec", {"endian": "little"}, configuration)
    # A shard that is captured again has to come out with the bytes that it had.
    wanted = {**BLOSC, "blocksize": 0}
    if blosc != wanted:
        raise _refused(file, "blosc codec", wanted, blosc)


def _check(file: Path, wanted: Mapping[str, Any]) -> dict[str, Any]:
    metadata = read_json(file)
    if not isinstance(metadata, dict):
        raise _refused(file, "zarr.json", "a mapping", type(metadata).__name__)
    unknown = (
        metadata.keys() - wanted.keys() - {"attributes", "codecs", "storage_transformers", "consolidated_metadata"}
    )
    if unknown:
        raise _refused(file, "keys", sorted(wanted), sorted(unknown))
    for key, value in wanted.items():
        if metadata.get(key) != value:
            raise _refused(file, key, value, metadata.get(key))
    if metadata.get("consolidated_metadata") is not None:
        raise _refused(file, "consolidated_metadata", None, "another copy of the metadata")
    return metadata


def _codecs(file: Path, codecs: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The configurations of a list of codecs that must have exactly these names."""
    entries = codecs if isinstance(codecs, list) and all(isinstance(codec, dict) for codec in codecs) else []
    came = tuple(codec.get("name") for codec in entries)
    configurations = [codec.get("configuration", {}) for codec in entries]
    if came != names or not all(isinstance(configuration, dict) for configuration in configurations):
        raise _refused(file, "codecs", list(names), list(came) if entries else codecs)
    return configurations


def _refused(file: Path, what: str, wanted: Any, came: Any) -> StoreError:
    return StoreError(
        f"{file} does not describe the states of this run: {what} must be {wanted}, got {came!r:.120}. "
        "Only arrays that residyn wrote are opened; restore the file from a copy, or capture into a new folder."
    )
