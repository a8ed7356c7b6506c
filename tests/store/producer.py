"""A synthetic capture: small runs whose states follow from the row alone, as a plan of batches makes them."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from pathlib import Path

import numpy as np

from residyn.schema import Sublayer
from residyn.store import create, open_writer

WRITING = {"open", "os.rename", "os.remove", "os.mkdir", "os.truncate"}


def description(**changes):
    return {
        "model": {"id": "tiny/model", "revision": "abc123"},
        "dtype": "float32",
        "tokenizer": {"bos": True, "max_tokens": 256},
        "batches": [[0, 1, 2], [3, 4]],
    } | changes


def samples(n=11):
    rows = []
    for row in range(n):
        ids = [1, *range(5, 5 + n - row), 100 + row % 3]
        rows.append(
            {
                "sample": (row * 7 + 3) % n if n % 7 else n - 1 - row,
                "text_id": 1000 + row,
                "sha256": hashlib.sha256(str(row).encode()).hexdigest(),
                "input_ids": ids,
                "n_tokens": len(ids),
                "last_token": ids[-1],
                "text": f"text {row} “ü”\u2028\ud800\n",
            }
        )
    return rows


def sublayers(s=5):
    return [Sublayer(i // 2, ("attn", "mlp")[i % 2]) for i in range(s)]


def block(rows: slice, s=5, d=7):
    values = [np.random.default_rng(row).standard_normal((s, d)) for row in range(rows.start, rows.stop)]
    return np.stack(values).astype(np.float32)


def make(path, *, n=11, s=5, d=7, rows_per_shard=2, sites_json=None, labels=None, **changes):
    return create(
        path,
        description(**changes),
        samples(n),
        sublayers(s),
        d,
        model="tiny/model",
        capture_dtype="float32",
        sites_json=sites_json,
        labels=labels,
        rows_per_shard=rows_per_shard,
    )


def capture(path, shards=None, s=5, d=7):
    """Commit the pending shards, or those of them that are named."""
    with open_writer(path) as writer:
        for shard in writer.pending:
            if shards is None or shard in shards:
                writer.commit(shard, block(writer.rows(shard), s, d))


def complete(path, *, n=11, s=5, d=7, rows_per_shard=2, **changes):
    make(path, n=n, s=s, d=d, rows_per_shard=rows_per_shard, **changes)
    capture(path, s=s, d=d)
    return Path(path)


def capture_killed_at(path, event, rows_per_shard):
    """Make and capture a run, and die by SIGKILL before the given file operation on the run's folder."""
    count = 0

    def count_and_die(name, args):
        nonlocal count
        if name in WRITING and args and str(path) in str(args[0]):
            count += 1
            if count == event:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count_and_die)
    complete(path, rows_per_shard=rows_per_shard)
    Path(f"{path}.events").write_text(str(count))


def hold(path, ready, release):
    """Hold the writer's lock until told to let go."""
    with open_writer(path):
        ready.set()
        release.wait(30)


def open_results_of_a_stranger(path, answers):
    """Open results: what was said of them, and by how many bytes the most memory of this process grew."""
    import resource

    from residyn.runs.results import open_results

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        open_results(path)
        said = ""
    except Exception as error:  # the parent judges it
        said = str(error)
    answers.put((said, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)))


def run_out_of_file_size(path, limit, answers):
    """Capture with a limit on the size of files that the kernel enforces."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        capture(path, s=40, d=64)
    except Exception as error:  # the parent judges it
        answers.put((type(error).__name__, str(error)))
    else:
        answers.put(("none", ""))


def numbers_on_disk(path):
    """The files that decide the numbers, as bytes: everything but run.json and the lock."""
    path = Path(path)
    files = (file for file in path.rglob("*") if file.is_file())
    named = {str(file.relative_to(path)): file.read_bytes() for file in files}
    return {name: content for name, content in named.items() if name not in {"run.json", "residyn.lock"}}
