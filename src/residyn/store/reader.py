"""Opening stored states: labelled, lazy, one dask chunk a shard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from residyn.errors import ResidynError, StoreError, lacking
from residyn.schema import label_states
from residyn.store.array import open_array
from residyn.store.layout import repair_command, resume_command
from residyn.store.ledger import Marker, holds, read_ledger, states_hash
from residyn.store.manifest import Manifest, read_manifest
from residyn.store.samples import coordinates, given_coordinates, last_token_ties, read_samples

if TYPE_CHECKING:
    import xarray as xr
    import zarr


def open_states(path: str | Path, *, allow_partial: bool = False) -> xr.DataArray:
    """The states of the run directory `path`: (sample, sublayer, unit), float32, lazy.

    Rows are in order of storage, labelled by `sample`, the position of the sample among the texts: select by
    label, or use `states.sortby("sample")` for the order of the texts. Further coordinates: `text_id`,
    `n_tokens`, `last_token`; `layer` and `site` on sublayers. Attributes: model, capture_dtype, states_hash,
    sites, the run's labels, distinct_last_tokens, and tie_fraction (the share of samples whose last token
    another sample has too).

    Samples that the capture dropped, because their states were not finite, are left out, and the attribute
    `dropped` counts them. A run that is not complete is refused, unless `allow_partial`: then the committed
    rows are returned, and the attribute `partial` says how many of how many. Raises StoreError for anything
    that is damaged, now or, for the content of a shard, when it is read.

    >>> rd.open_states(run.directory).dims
    ('sample', 'sublayer', 'unit')
    """
    run = Path(path)
    manifest = read_manifest(run)
    rows = read_samples(run, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    markers = _committed(run, manifest)
    shards = sorted(markers)
    array = open_array(run, manifest)
    partial = len(shards) < manifest.n_shards
    if partial and not allow_partial:
        raise StoreError(
            f"{run} is not complete: {len(shards)} of {manifest.n_shards} shards are committed. "
            f"Go on with: {resume_command(run)} – or read what is there with allow_partial=True (--allow-partial)."
        )
    if not shards:
        raise StoreError(f"{run} has no committed shard yet. Go on with: {resume_command(run)}")
    name = states_hash(manifest, markers)
    dropped = [row for shard in shards for row in markers[shard].dropped]
    data = _lazy(StoredStates(run, manifest, array), shards, name, set(dropped))
    captured = [row for shard in shards for row in range(manifest.n_samples)[manifest.rows(shard)]]
    kept = rows.take(np.setdiff1d(captured, dropped, assume_unique=True))
    if not len(kept):
        raise StoreError(f"{run} has no sample with finite states: all {len(dropped)} captured were dropped.")
    sample, coords = coordinates(kept) if manifest.given is None else given_coordinates(kept, manifest.given)
    attrs: dict[str, Any] = {
        "model": manifest.model,
        "capture_dtype": manifest.capture_dtype,
        "states_hash": name,
    }
    if "last_token" in coords:
        attrs["distinct_last_tokens"], attrs["tie_fraction"] = last_token_ties(coords["last_token"])
    attrs |= manifest.labels
    if manifest.sites is not None:
        attrs["sites"] = manifest.sites
    if dropped:
        attrs["dropped"] = f"{len(dropped)} of {manifest.n_samples} samples: their states are not finite"
    if partial:
        attrs["partial"] = (
            f"{len(kept)} of {manifest.n_samples} samples: "
            f"{len(shards)} of {manifest.n_shards} shards are committed"
        )
    states = label_states(data, manifest.sublayers, sample=sample, sample_coords=coords, attrs=attrs)
    # However samples are sorted or chosen, chunks of one fit: xarray's `to_zarr` refuses those of a shard then.
    states.encoding["chunks"] = (1, *manifest.shape[1:])
    return states


Index = slice | int | np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class StoredStates:
    """The stored array as dask reads it: `stored[index]` decodes only the chunks that the index touches.

    Each dimension is indexed on its own (by a slice, a position or positions), as dask does.
    Raises StoreError, naming the shard, where a chunk fails its checksum, cannot be decoded, or is missing
    (zarr gives the fill value then; stored states are finite, so a NaN is never data).
    """

    run: Path
    manifest: Manifest
    array: zarr.Array[Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.manifest.shape

    @property
    def ndim(self) -> int:
        return 3

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def __getitem__(self, index: tuple[Index, ...]) -> np.ndarray:
        try:
            block = np.asarray(self.array.oindex[index])
        except ResidynError:
            raise
        except Exception as error:  # zarr, its codecs and the system each raise their own kinds
            if machine := lacking(error):
                raise machine from error
            raise self._damaged(index, str(error)) from error
        # The minimum of an array with a NaN is NaN: one pass, and no second array.
        if block.size and np.isnan(block.min()):
            raise self._damaged(index, "it is missing, or lacks a part")
        return block

    def _damaged(self, index: tuple[Index, ...], reason: str) -> StoreError:
        touched = np.atleast_1d(np.arange(self.manifest.n_samples)[index[0]]) // self.manifest.rows_per_shard
        first, last = touched.min(initial=self.manifest.n_shards), touched.max(initial=0)
        named = f"Shard {first}" if first == last else f"One of the shards {first} to {last}"
        return StoreError(
            f"{named} of {self.run} is damaged: {reason}. "
            f"Find what is damaged and capture it again with: {repair_command(self.run)}"
        )


def _committed(run: Path, manifest: Manifest) -> dict[int, Marker]:
    markers, damaged = read_ledger(run, manifest)
    damaged |= {
        shard: f"{marker.file} is missing or does not have its {marker.bytes:,} bytes"
        for shard, marker in markers.items()
        if not holds(run, marker)
    }
    if damaged:
        shard, reason = min(damaged.items())
        raise StoreError(
            f"{run} is damaged: {len(damaged)} of {manifest.n_shards} shards; shard {shard}: {reason}. "
            f"Find what is damaged and capture it again with: {repair_command(run)}"
        )
    return markers


def _lazy(stored: StoredStates, shards: list[int], name: str, dropped: set[int]) -> Any:
    import dask.array as da
    from dask.base import tokenize

    manifest = stored.manifest
    chunks: Any = (tuple(_length(manifest.rows(i)) for i in range(manifest.n_shards)), *manifest.shape[1:])
    graph_name = f"states-{tokenize(str(stored.run), name)}"
    whole = da.from_array(stored, chunks=chunks, name=graph_name, meta=np.empty((0, 0, 0), np.float32))
    if not dropped:
        return whole if len(shards) == manifest.n_shards else whole.blocks[shards]
    parts = []
    for shard in shards:
        rows = manifest.rows(shard)
        parts.append(whole.blocks[shard][[row not in dropped for row in range(rows.start, rows.stop)]])
    return da.concatenate(parts)


def _length(rows: slice) -> int:
    return rows.stop - rows.start
