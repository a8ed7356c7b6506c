"""How much faster several workers are, and what the coordinator costs.

    python benchmarks/scale_out.py                                  # a device that is simulated by sleeping
    python benchmarks/scale_out.py --model smollm2-135m --n 100     # then real passes, one worker beside two

A simulated device sleeps in the place of the passes; encoding, staging, hashing and committing are real. So the
first table says what sharing out costs by itself, on any machine; the second says what several processes gain on
this one, where the cores are shared out among them. Starting workers and loading models is on nobody's clock in
the first table, and on everybody's in the second. The load of the machine is printed: what else runs there can
only slow a row down.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from residyn import store
from residyn.crew import Work, shared_out, workers_of
from residyn.pipeline.cluster import crew_of
from residyn.schema import Sublayer
from residyn.settings import CrewSettings

ROWS, SUBLAYERS = 16, 24


def simulated(run: str, manifest: store.Manifest, shard: int, seconds: float) -> store.Receipt:
    """A worker's task: the passes slept, the rest as a worker does it."""
    time.sleep(seconds)
    rows = manifest.rows(shard)
    shape = rows.stop - rows.start, *manifest.shape[1:]
    block = np.random.default_rng(shard).standard_normal(shape, dtype=np.float32)
    content, dropped = store.encode(manifest, shard, block, range(rows.start, rows.stop))
    receipt = store.receipt_for(manifest, shard, content, dropped)
    store.stage(Path(run), receipt, content)
    return receipt


def new_run(out: Path, shards: int, units: int) -> store.Manifest:
    """A run directory of so many shards, with nothing in it."""
    samples = [
        {
            "sample": i,
            "text_id": i,
            "sha256": "0" * 64,
            "input_ids": [1],
            "n_tokens": 1,
            "last_token": 1,
            "text": "",
        }
        for i in range(ROWS * shards)
    ]
    sublayers = [Sublayer(i // 2, ("attn", "mlp")[i % 2]) for i in range(SUBLAYERS)]
    return store.create(
        out, {"benchmark": "scale_out"}, samples, sublayers, units,
        model="simulated", capture_dtype="float32", rows_per_shard=ROWS,
    )  # fmt: skip


def share(out: Path, workers: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One row of the first table."""
    manifest = new_run(out, arguments.shards, arguments.units)
    with crew_of(CrewSettings(workers=workers)) as crew:
        assert crew.engine is not None
        executor = crew.engine()
        while workers_of(executor) < workers:
            time.sleep(0.1)
        # Imports of what a task needs are on nobody's clock.
        warm = new_run(out.with_name(f"{out.name}-warm"), 4 * workers, 8)
        first = deque(
            Work("warm", (str(out.with_name(f"{out.name}-warm")), warm, i, 0.2)) for i in range(4 * workers)
        )
        for _ in shared_out(executor, simulated, first, lambda: False):
            pass
        puts: list[float] = []
        with store.open_writer(out) as writer:
            tasks = deque(
                Work(f"Shard {shard}", (str(out), manifest, shard, arguments.seconds)) for shard in writer.pending
            )
            began = time.perf_counter()
            for _, receipt in shared_out(executor, simulated, tasks, lambda: False):
                at = time.perf_counter()
                writer.put(receipt)
                puts.append(time.perf_counter() - at)
            took = time.perf_counter() - began
    size = sum(path.stat().st_size for path in out.rglob("c.*"))
    return {"workers": workers, "seconds": took, "ms_a_commit": 1e3 * float(np.median(puts)), "bytes": size}


def capture(out: Path, workers: int, model: Any, texts: Any) -> float:
    """The seconds of a real capture by workers, from handing out to the last commit."""
    import residyn as rd

    with crew_of(CrewSettings(workers=workers)) as crew:
        assert crew.engine is not None
        executor = crew.engine()
        while workers_of(executor) < workers:
            time.sleep(0.1)
        began = time.perf_counter()
        rd.capture(model, texts, out, executor=executor)
        return time.perf_counter() - began


def main(given: Sequence[str] | None = None) -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--shards", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=1.0, help="a simulated device takes for a shard")
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--model", help="capture with it, too, by one worker and by two")
    parser.add_argument("--n", type=int, default=100, help="texts of that capture")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(given)
    found: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        rows: list[dict[str, Any]] = []
        print(f"{arguments.shards} shards, each {arguments.seconds} s of a simulated device\n")
        print("| workers | seconds | times as fast | ms a commit | MB |\n|---:|---:|---:|---:|---:|")
        for workers in arguments.workers:
            row = share(Path(folder) / str(workers), workers, arguments)
            rows.append(row)
            speed = rows[0]["seconds"] / row["seconds"] * arguments.workers[0]
            print(
                f"| {row['workers']} | {row['seconds']:.1f} | {speed:.2f} | {row['ms_a_commit']:.1f} | "
                f"{row['bytes'] / 1e6:.1f} |",
                flush=True,
            )
        found["simulated"] = rows
        if arguments.model:
            import residyn as rd

            model, texts = rd.load_model(arguments.model), rd.read_texts("wikitext-2", n=arguments.n)
            seconds = {
                workers: capture(Path(folder) / f"real-{workers}", workers, model, texts) for workers in (1, 2)
            }
            print(
                f"\n{model.name}, {arguments.n} texts: "
                + ", ".join(f"{w} × {s:.1f} s" for w, s in seconds.items())
            )
            found["real"] = seconds
    found["load_after"] = os.getloadavg()[0]
    print(f"\n{found['cores']} cores; load {found['load_before']:.1f} before and {found['load_after']:.1f} after.")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
