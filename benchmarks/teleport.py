"""Teleports beside the same experiment done otherwise: each contestant in a process of its own.

    python benchmarks/teleport.py                              # the built-in model, hosts of 15 and 200 tokens
    python benchmarks/teleport.py --rows 25 --rounds 3         # the slow contestants on 25 of the 500 rows
    python benchmarks/teleport.py --model ORG/NAME --json teleport.json

The experiment: a grid of 10 × 10 points in a plane (±15) put in the place of the state that enters attention, at
five layers from first to last, at the last token of one text; kept are the state written, the next twelve
sublayers, and KL of the next-token distribution. Prints one Markdown table a host length. The contestants, which
`--only` chooses among:

    residyn   residyn.model.teleport: sites proved, one token a row beside a shared prefix, every write checked
    hooks     a full forward pass a row, with plain PyTorch hooks that write and read; the head at the last token
    batched   the same, as many rows in a pass as fit into `--batch-tokens`
    nnsight   the same as `hooks`, in traces (pip install nnsight==0.8.1)

All are given the same weights, token ids and targets, and the same number of threads, after a pass to warm up.
Loading, tokenizing and making the targets are on nobody's clock. With `--rows`, all but residyn do a share of the
rows, spread evenly over the layers, and their time is multiplied accordingly; the table says so. (A small share
leaves `batched` with small batches, and so slower than it is.) Rounds go round robin, and the fastest counts.
Agreement: the largest ‖theirs − residyn's‖ / ‖residyn's‖ of any state vector, and the largest difference of KL.
Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# This process must stay small, because a child's peak memory begins at its parent's: numpy comes after the last.
LABELS = {
    "residyn": "residyn",
    "hooks": "plain hooks, row by row",
    "batched": "plain hooks, batched",
    "nnsight": "nnsight, row by row",
}
HEADER = ("", "seconds", "times residyn's", "rows run", "peak GB", "states differ by", "KL differs by")


def main() -> None:
    """Measure every contestant at every host length, compare what they found, print the tables."""
    options = _parse()
    if options.child:
        _measure_here(options)
        return
    record: dict[str, Any] = {"platform": platform.platform(), "cores": os.cpu_count()}
    for tokens in options.tokens:
        with tempfile.TemporaryDirectory(prefix="residyn-benchmark-") as scratch:
            rows: dict[str, dict[str, Any]] = {name: {"runs": []} for name in options.only}
            for turn in range(options.rounds):
                for name, row in rows.items():
                    print(
                        f"{tokens} tokens, round {turn + 1} of {options.rounds}: {name}",
                        file=sys.stderr,
                        flush=True,
                    )
                    measured = _run_child(options, name, tokens, Path(scratch))
                    row.update(measured) if "reason" in measured else row["runs"].append(measured)
            _compare(rows, Path(scratch))
        print("\n".join(_table(rows, tokens)), "\n")
        record[str(tokens)] = rows
    if options.json:
        options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[15, 200], help="lengths of the host")
    parser.add_argument("--rows", type=int, help="rows of all but residyn; the time is scaled up (default: all)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--batch-tokens", type=int, default=2048, help="the most tokens of one pass of `batched`")
    parser.add_argument("--model", default="smollm2-135m", help="as for residyn.load_model")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N, mps")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    parser.add_argument("--only", nargs="+", choices=tuple(LABELS), default=list(LABELS))
    parser.add_argument("--json", type=Path, help="write every number into this file")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.rounds, options.threads, options.rows or 1, options.batch_tokens, *options.tokens) < 1:
        parser.error("--tokens, --rows, --rounds, --threads and --batch-tokens are at least 1")
    return options


def _run_child(options: argparse.Namespace, name: str, tokens: int, folder: Path) -> dict[str, Any]:
    """One contestant, once: its measures, or the reason why there are none."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--child", name, "--scratch", str(folder), "--tokens", str(tokens)]
    command += ["--model", options.model, "--dtype", options.dtype, "--device", options.device]
    command += ["--threads", str(options.threads), "--batch-tokens", str(options.batch_tokens)]
    command += ["--rows", str(options.rows)] if options.rows else []
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(options.threads))}
    done = subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL)
    try:
        return json.loads(result.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"reason": f"its process ended with exit status {done.returncode}"}


def _measure_here(options: argparse.Namespace) -> None:
    """The child: set up, warm up, measure; a contestant that cannot run leaves its reason."""
    try:
        import numpy as np
        import torch

        import teleporters

        torch.set_num_threads(options.threads)
        task = teleporters.prepare(options.model, options.dtype, options.device, options.tokens[0])
        every = len(task.rows)
        share = every if options.child == "residyn" else min(every, options.rows or every)
        chosen = [task.rows[index * every // share] for index in range(share)]
        contestant: Callable[..., Any] = teleporters.CONTESTANTS[options.child](task, options.batch_tokens)
        contestant(chosen[:1] if options.child != "residyn" else chosen)
        begun = time.perf_counter()
        states, kl = contestant(chosen)
        seconds = time.perf_counter() - begun
        np.savez(options.scratch / f"{options.child}.npz", states=states, kl=kl, rows=np.array(chosen))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        result = {
            "seconds": seconds * every / share,
            "rows": share,
            "all_rows": every,
            "peak_bytes": peak,
            "threads": torch.get_num_threads(),
            **task.describe(),
        }
    except ModuleNotFoundError as error:
        result = {"reason": f"{error.name} is not installed"}
    except Exception as error:  # whatever a peer raises belongs into the table
        result = {"reason": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    (options.scratch / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _compare(rows: Mapping[str, dict[str, Any]], folder: Path) -> None:
    """Add the fastest round, the median of peak memory, and each contestant's largest difference from residyn."""
    import numpy as np

    ours = np.load(folder / "residyn.npz") if (folder / "residyn.npz").exists() else None
    for name, row in rows.items():
        if not row["runs"]:
            continue
        row["seconds"] = min(run["seconds"] for run in row["runs"])
        row["peak_gb"] = statistics.median(run["peak_bytes"] for run in row["runs"]) / 1e9
        if ours is None or name == "residyn":
            continue
        theirs = np.load(folder / f"{name}.npz")
        known = {tuple(one): index for index, one in enumerate(ours["rows"].tolist())}
        places = [known[tuple(one)] for one in theirs["rows"].tolist()]
        wanted = ours["states"][places].astype(np.float64)
        errors = np.linalg.norm(theirs["states"] - wanted, axis=-1) / np.linalg.norm(wanted, axis=-1)
        row["states_differ"] = float(np.nanmax(errors))
        row["kl_differs"] = float(np.abs(theirs["kl"] - ours["kl"][places]).max())


def _table(rows: Mapping[str, dict[str, Any]], tokens: int) -> list[str]:
    """The table of one host length as lines of Markdown, under it what it was measured on."""
    reference = rows.get("residyn", {}).get("seconds")
    lines: list[Sequence[str]] = [HEADER]
    for name, row in rows.items():
        if not row["runs"]:
            lines.append((LABELS[name], "not run", *[""] * (len(HEADER) - 3), row.get("reason", "")))
            continue
        run, seconds = row["runs"][0], row["seconds"]
        scaled = run["rows"] < run["all_rows"]
        lines.append(
            (
                LABELS[name],
                f"{seconds:,.2f}" + (" (scaled up)" if scaled else ""),
                f"{seconds / reference:,.1f}" if reference else "",
                f"{run['rows']} of {run['all_rows']}",
                f"{row['peak_gb']:.2f}",
                *(f"{row[key]:.1e}" if key in row else "reference" for key in ("states_differ", "kl_differs")),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    cells = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    runs = [run for row in rows.values() for run in row["runs"]]
    about = [
        f"{run['model']}, {run['dtype']}, {run['device']}, {run['threads']} threads; a host of {tokens} tokens, "
        f"layers {run['layers']}; fastest of {max(len(row['runs']) for row in rows.values())}; "
        f"peak: resident memory of the whole process. {run['versions']}."
        for run in runs[:1]
    ]
    return [cells[0], rule, *cells[1:], "", *about]


if __name__ == "__main__":
    main()
