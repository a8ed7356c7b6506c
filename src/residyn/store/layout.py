"""What stands where in a run directory, and how the states are cut into shards and chunks.

A shard is what one task computes, one writer writes and one marker commits; a chunk is the smallest piece
that a reader decodes.
"""

from __future__ import annotations

import math
import shlex
from pathlib import Path

MANIFEST = "manifest.json"
SAMPLES = "samples.jsonl"
RUN = "run.json"
LOCK = "residyn.lock"
LEASE = "residyn.lease"
GROUP = "states.zarr"
ARRAY = "states"
COMMITS = "commits"
STAGED = "staged"
"""Where shards that are computed and not committed yet lie, with their receipts; gone when a run is complete."""
CONTROLS = "controls"
"""Where the run directories of a run's controls stand in its own."""
RESULTS, TABLES, FIGURES, STAGES = "results.zarr", "tables", "figures", "stages"
TELEPORT_STATES, TELEPORTS, UNTRAINED = "teleport.zarr", "teleports", "untrained"
JACOBIANS, OUTPUTS = "jacobians", "outputs"
FOLDERS = frozenset(
    (
        GROUP,
        COMMITS,
        CONTROLS,
        RESULTS,
        TABLES,
        FIGURES,
        STAGES,
        TELEPORT_STATES,
        TELEPORTS,
        UNTRAINED,
        JACOBIANS,
        OUTPUTS,
    )
)
"""Folders of a run directory that residyn writes to; whatever else stands beside them is somebody else's."""
CREATION = {LOCK, LEASE, RUN, SAMPLES, GROUP, COMMITS}
"""What an interrupted creation can have left in a folder; the manifest comes last."""

MIB = 2**20
MAX_SHARD_BYTES = 256 * MIB
SHARDS_WANTED = 16
MIN_SAMPLES_PER_SHARD = 16
MAX_SAMPLES_PER_SHARD = 64
SUBLAYERS_PER_CHUNK = 8
MAX_UNITS_PER_CHUNK = 512
MIN_UNITS_PER_CHUNK = 64

MAX_SAMPLES = 2**31
MAX_SUBLAYERS = 2**14
MAX_UNITS = 2**20
LARGEST_SHARD_BYTES = 4 * 2**30
MAX_SAMPLES_BYTES = 4 * 2**30
MAX_LINE_BYTES = 256 * 2**20
"""No run that residyn writes comes near these; a file that claims more is refused before it costs memory."""


def samples_per_shard(n: int, s: int, d: int) -> int:
    """How many samples of `n`, with `s` sublayers of `d` units each, make one shard: 16, 32 or 64.

    The largest of these that leaves at least 16 shards, so that an interruption costs at most about a
    sixteenth of the run, and that keeps a shard, whose sublayers are padded to a multiple of eight, within
    256 MiB, because two shards are held in memory while they are captured. Not more than 64, so that memory
    does not grow with the number of texts; not fewer than 16, because chunks would be too small to read and
    compress well: a run of fewer than 241 samples has fewer than 16 shards.

    >>> samples_per_shard(1000, 60, 576)
    64
    """
    rows = MIN_SAMPLES_PER_SHARD
    while (
        2 * rows <= MAX_SAMPLES_PER_SHARD
        and math.ceil(n / (2 * rows)) >= SHARDS_WANTED
        and shard_bytes(2 * rows, s, d) <= MAX_SHARD_BYTES
    ):
        rows *= 2
    return rows


def shard_shape(rows: int, n_sublayers: int, n_units: int) -> tuple[int, int, int]:
    """The shape of a shard: all sublayers, padded to whole chunks, and all units of `rows` samples."""
    padded = math.ceil(n_sublayers / SUBLAYERS_PER_CHUNK) * SUBLAYERS_PER_CHUNK
    return rows, padded, n_units


def shard_bytes(rows: int, n_sublayers: int, n_units: int) -> int:
    """The size of a shard in memory, in bytes."""
    return 4 * math.prod(shard_shape(rows, n_sublayers, n_units))


def chunk_shape(rows: int, n_units: int) -> tuple[int, int, int]:
    """The shape of a chunk inside a shard, which makes both one sublayer and one unit cheap to read.

    Eight sublayers, and the largest divisor of the units up to 512. Where that divisor is below 64 (a prime
    number of units above 512, say) a chunk takes all units: thousands of slivers would be slower.
    """
    units = max(d for d in range(1, min(n_units, MAX_UNITS_PER_CHUNK) + 1) if n_units % d == 0)
    if units < MIN_UNITS_PER_CHUNK:
        units = n_units
    return rows, SUBLAYERS_PER_CHUNK, units


def states_folder(run: Path) -> Path:
    """The folder that holds the array's metadata and its shards."""
    return run / GROUP / ARRAY


def shard_name(shard: int) -> str:
    """A shard's file inside the array's folder: one file a shard, all in one folder."""
    return f"c.{shard}.0.0"


def shard_path(run: Path, shard: int) -> Path:
    return states_folder(run) / shard_name(shard)


def marker_path(run: Path, shard: int) -> Path:
    return run / COMMITS / f"{shard:06d}.json"


def staged_folder(run: Path) -> Path:
    return run / STAGED


def resume_command(run: Path) -> str:
    """What to type to capture the shards that are still missing."""
    return controls_command(run) or f"residyn capture {shlex.quote(str(run))}"


def repair_command(run: Path) -> str:
    """What to type to capture damaged shards again."""
    return controls_command(run) or f"residyn verify {shlex.quote(str(run))} --repair"


def controls_command(run: Path) -> str:
    """What to type to capture a control, or its damaged shards, again; empty for a run that is no control."""
    owner = run.absolute().parent.parent
    if run.absolute().parent.name != CONTROLS or not (owner / MANIFEST).exists():
        return ""
    return f"residyn controls {shlex.quote(str(run.parent.parent if len(run.parts) > 1 else owner))}"
