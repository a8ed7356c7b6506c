"""Time and memory of `analyze` on a store larger than memory should have to hold, beside plain numpy.

    python benchmarks/analysis.py --dir /scratch/bench
    python benchmarks/analysis.py --dir /scratch/bench --samples 1000 --sublayers 32 --units 1024

Writes a synthetic zarr array shaped and coded like a run's states into DIR, reads it in a fresh process with
`analyze`, and prints wall time, throughput and peak resident memory. Then, on the first samples only, does
the same in plain numpy on a float64 copy and prints both with their largest differences. The array is
deleted afterwards unless --keep is given; with --keep a second run uses it again.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SHARD_BYTES = 256 << 20
QUANTITIES = ("mean_activation", "unit_correlation", "norm", "density", "cosine", "velocity")


def main() -> None:
    """Parse, generate, measure each way in its own process, print."""
    options = _parse()
    if options.child:
        _measure(options)
        return
    options.dir.mkdir(parents=True, exist_ok=True)
    try:
        _generate(options.dir, (options.samples, options.sublayers, options.units))
        few = min(options.naive_samples, options.samples)
        whole = _run_child(options, "analyze", options.samples)
        part = _run_child(options, "analyze", few)
        naive = _run_child(options, "numpy", few)
        print(f"{'':28}{'samples':>8}{'GB':>8}{'wall s':>9}{'GB/s':>8}{'peak GB':>9}")
        for label, row in (("analyze, all", whole), ("analyze, some", part), ("numpy, float64 copy", naive)):
            print(
                f"{label:28}{row['samples']:8}{row['gb']:8.2f}{row['wall_s']:9.1f}"
                f"{row['gb'] / row['wall_s']:8.2f}{row['peak_gb']:9.2f}"
            )
        print(f"numpy / analyze, wall: {naive['wall_s'] / part['wall_s']:.2f}")
        print(f"numpy / analyze, peak: {naive['peak_gb'] / part['peak_gb']:.2f}")
        for name, difference in _differences(options.dir).items():
            print(f"largest difference, {name}: {difference:.1e}")
    finally:
        if not options.keep:
            for path in (
                _array_path(options.dir),
                *(_result_path(options.dir, way) for way in ("analyze", "numpy")),
            ):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", type=Path, required=True, help="where the array is written")
    parser.add_argument("--samples", type=int, default=8000)
    parser.add_argument("--sublayers", type=int, default=64)
    parser.add_argument("--units", type=int, default=4096)
    parser.add_argument("--naive-samples", type=int, default=512, help="samples for the comparison with numpy")
    parser.add_argument("--keep", action="store_true", help="leave the array in DIR")
    parser.add_argument("--child", choices=("analyze", "numpy"), help=argparse.SUPPRESS)
    return parser.parse_args()


def _array_path(folder: Path) -> Path:
    return folder / "benchmark_states.zarr"


def _result_path(folder: Path, way: str) -> Path:
    return folder / f"benchmark_{way}.npz"


def _generate(folder: Path, shape: tuple[int, int, int]) -> None:
    """A random walk over depth, in shards of a power of two samples and at most `SHARD_BYTES`."""
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec

    path, done = _array_path(folder), folder / "benchmark_states.zarr/complete.json"
    if done.exists() and json.loads(done.read_text()) == list(shape):
        return
    shutil.rmtree(path, ignore_errors=True)
    n_samples, n_sublayers, n_units = shape
    rows = 1 << (max(1, SHARD_BYTES // (n_sublayers * n_units * 4)).bit_length() - 1)
    deep = -(-n_sublayers // 8) * 8
    wide = next(width for width in range(min(512, n_units), 0, -1) if n_units % width == 0)
    array = zarr.create_array(
        path,
        shape=shape,
        shards=(rows, deep, n_units),
        chunks=(rows, 8, wide),
        dtype="float32",
        compressors=(BloscCodec(cname="lz4", shuffle="shuffle"), Crc32cCodec()),
        fill_value=np.nan,
    )
    for start in range(0, n_samples, rows):
        rng = np.random.default_rng(start)
        size = min(rows, n_samples - start)
        steps = rng.standard_normal((size, n_sublayers, n_units), dtype=np.float32)
        array[start : start + size] = np.cumsum(steps, axis=1, out=steps)
    done.write_text(json.dumps(shape))


def _run_child(options: argparse.Namespace, way: str, samples: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--dir", str(options.dir), "--child", way, "--samples", str(samples)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _measure(options: argparse.Namespace) -> None:
    """Compute in this process, keep the results for comparison, print the measures as JSON."""
    import zarr

    array = zarr.open_array(_array_path(options.dir), mode="r")
    start = time.perf_counter()
    results = (_analyze if options.child == "analyze" else _numpy)(array, options.samples)
    wall = time.perf_counter() - start
    np.savez(_result_path(options.dir, options.child), **results)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    gb = options.samples * array.shape[1] * array.shape[2] * 4 / 1e9
    print(json.dumps({"samples": options.samples, "gb": gb, "wall_s": wall, "peak_gb": peak / 1e9}))


def _analyze(array: Any, samples: int) -> dict[str, np.ndarray]:
    import dask.array

    from residyn.adapters import from_array
    from residyn.quantities.suite import analyze

    depth = range(array.shape[1])
    lazy = dask.array.from_array(array, chunks=(array.shards[0], *array.shape[1:]))[:samples]
    states = from_array(lazy, [s // 2 for s in depth], ["mlp" if s % 2 else "attn" for s in depth])
    results = analyze(states)
    return {name: results[name].values for name in QUANTITIES}


def _numpy(array: Any, samples: int) -> dict[str, np.ndarray]:
    """The same quantities as one writes them down, all states in memory as float64."""
    states = array[:samples].astype(np.float64)
    mean, sd = states.mean(axis=0), states.std(axis=0)
    norm = np.linalg.norm(states, axis=2)
    velocity = np.linalg.norm(np.diff(states, axis=1), axis=2)
    cosine = (states[:, :-1] * states[:, 1:]).sum(axis=2) / (norm[:, :-1] * norm[:, 1:])
    density = np.abs(states).mean(axis=2) ** 2 / (states**2).mean(axis=2)
    z = (states - mean) / sd
    correlation = (z[:, :-1] * z[:, 1:]).mean(axis=0)
    values = (mean, correlation, norm, density, cosine, velocity)
    return dict(zip(QUANTITIES, values, strict=True))


def _differences(folder: Path) -> dict[str, float]:
    ours, theirs = (np.load(_result_path(folder, way)) for way in ("analyze", "numpy"))
    return {name: float(np.abs(ours[name] - theirs[name]).max()) for name in QUANTITIES}


if __name__ == "__main__":
    main()
