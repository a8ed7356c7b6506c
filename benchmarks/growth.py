"""How the cost and the memory of `analyze` grow with samples and units, step by step.

    python benchmarks/growth.py --dir /scratch/bench 1000x60x576 10000x60x576
    python benchmarks/growth.py --dir /scratch/bench 10000x24x64 100000x24x64
    python benchmarks/growth.py --dir /scratch/bench 1000x64x4096

Each shape is samples × sublayers × units. Writes synthetic states of that shape into DIR, in shards as a run has
them, and analyses them in a process of its own with the default settings. Prints the CPU seconds of each step (of
all threads of the walk, and those of the estimators), what a sample costs beside the first shape's, and the peak
resident memory. States are a random walk over depth with a falling spectrum and one massive unit. The arrays are
deleted afterwards unless --keep is given.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from residyn.walk import Progress

Shape = tuple[int, int, int]
FACTORS = 256
"""Directions in which the states of the benchmark vary together."""


def main() -> None:
    """Parse, generate, analyse each shape in its own process, print."""
    options = _parse()
    if options.child:
        _measure(options.dir, options.shapes[0])
        return
    options.dir.mkdir(parents=True, exist_ok=True)
    rows = []
    for shape in options.shapes:
        path = _generated(options.dir, shape)
        try:
            command = [sys.executable, __file__, "--dir", str(options.dir), "--child", _spelled(shape)]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        finally:
            if not options.keep:
                shutil.rmtree(path)
        rows.append((shape, found))
    names = list(dict.fromkeys(name for _, found in rows for name in found["steps"]))
    print(f"{'CPU seconds':32}" + "".join(f"{_spelled(shape):>16}" for shape, _ in rows))
    for name in names:
        print(f"{name:32}" + "".join(f"{found['steps'].get(name, float('nan')):16.1f}" for _, found in rows))
    totals = [sum(found["steps"].values()) for _, found in rows]
    per_sample = [1e3 * total / shape[0] for total, (shape, _) in zip(totals, rows, strict=True)]
    print(f"{'all':32}" + "".join(f"{total:16.1f}" for total in totals))
    print(f"{'ms a sample':32}" + "".join(f"{each:16.2f}" for each in per_sample))
    print(f"{'beside the first':32}" + "".join(f"{each / per_sample[0]:16.2f}" for each in per_sample))
    print(f"{'peak GB':32}" + "".join(f"{found['peak_gb']:16.2f}" for _, found in rows))
    print(f"{'states, GB':32}" + "".join(f"{4e-9 * np.prod(shape):16.2f}" for shape, _ in rows))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="+", type=_shape, help="samples x sublayers x units, such as 1000x60x576")
    parser.add_argument("--dir", type=Path, required=True, help="where the arrays are written")
    parser.add_argument("--keep", action="store_true", help="leave the arrays in DIR")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _shape(text: str) -> Shape:
    samples, sublayers, units = map(int, text.split("x"))
    return samples, sublayers, units


def _spelled(shape: Shape) -> str:
    return "x".join(map(str, shape))


def _generated(folder: Path, shape: Shape) -> Path:
    """States in the shards and chunks that a run of this shape has."""
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec

    from residyn.store import layout, samples_per_shard

    n, n_sublayers, n_units = shape
    path = folder / f"states_{_spelled(shape)}.zarr"
    rows = samples_per_shard(*shape)
    array = zarr.create_array(
        path,
        shape=shape,
        shards=layout.shard_shape(rows, n_sublayers, n_units),
        chunks=layout.chunk_shape(rows, n_units),
        dtype="float32",
        compressors=(BloscCodec(cname="lz4", shuffle="shuffle"), Crc32cCodec()),
        fill_value=np.nan,
        overwrite=True,
    )
    rng = np.random.default_rng(0)
    n_factors = min(FACTORS, n_units)
    factors = rng.standard_normal((n_factors, n_units)) * np.arange(1, n_factors + 1)[:, None] ** -0.8
    own = 0.15 * np.exp(0.3 * rng.standard_normal(n_units))
    mean = 0.3 * rng.standard_normal(n_units)
    mean[0] += 40
    for start in range(0, n, rows):
        rng = np.random.default_rng([1, start])
        here = (min(rows, n - start), n_sublayers)
        steps = rng.standard_normal((*here, n_factors), dtype=np.float32) @ factors.astype(np.float32)
        steps += rng.standard_normal((*here, n_units), dtype=np.float32) * own.astype(np.float32)
        array[start : start + rows] = np.cumsum(steps, axis=1, out=steps) + mean.astype(np.float32)
    return path


def _measure(folder: Path, shape: Shape) -> None:
    """Analyse in this process and print the measures as JSON."""
    import dask.array
    import zarr

    from residyn.adapters import from_array
    from residyn.quantities.suite import analyze

    steps: dict[str, float] = {}

    @contextmanager
    def timed(name: str, _counts: str) -> Iterator[Progress]:
        start = time.process_time()
        yield lambda _done, _total: None
        steps[name] = time.process_time() - start

    # Compiling, or loading what was compiled, is on nobody's clock.
    few = np.random.default_rng(0).standard_normal((40, 4, 64)).astype(np.float32)
    analyze(from_array(few, [0, 0, 1, 1], ["attn", "mlp"] * 2))
    array: Any = zarr.open_array(folder / f"states_{_spelled(shape)}.zarr", mode="r")
    chunks: Any = (array.shards[0], *shape[1:])
    lazy = dask.array.from_array(array, chunks=chunks)
    depth = range(shape[1])
    states = from_array(lazy, [s // 2 for s in depth], ["mlp" if s % 2 else "attn" for s in depth])
    analyze(states, stages=timed)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"steps": steps, "peak_gb": peak / 1e9}))


if __name__ == "__main__":
    main()
