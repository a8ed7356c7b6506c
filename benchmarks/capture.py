"""Capture beside its peers: the same model, texts and batches, each contestant in a process of its own.

    python benchmarks/capture.py                               # the built-in model and 200 of the built-in texts
    python benchmarks/capture.py --model ORG/NAME --n 1000 --json capture.json
    python benchmarks/capture.py --random-llama-8b             # on a CUDA device; nothing is downloaded

Prints one Markdown table. The contestants, which `--only` chooses among:

    residyn            capture into a run directory: sites proved, states stored, synced and hashed
    residyn-memory     the same without a run directory
    forward            the bare model in full batches, nothing kept: what any capture costs at least
    hidden-states      transformers' output_hidden_states=True, last tokens kept; it has no states before the MLP
    nnsight            a trace that reads every site at the last token and stops after the last one
    transformer-lens   TransformerBridge.run_with_cache of hook_resid_pre and hook_resid_mid at the last token
    …-users            hidden-states and either peer in padded batches of 32 texts as they come, as most people do
    …-tutorial         either peer as the first example of its documentation uses it: one text at a time, all kept

The peers are no dependencies of residyn; what is absent is said in the table. To install them:

    pip install nnsight==0.8.1 transformer-lens==4.3.0

Each contestant runs in a fresh process, so that its peak memory is its own and no library changes another, with
the same number of threads: load, one batch to warm up, then all texts on the clock. Rounds go round robin, and
the fastest counts: what else a machine does can only slow a contestant down. Tokenizing and loading are on
nobody's clock. On a machine that others use, `--clock cpu` counts seconds of the CPU, which `--threads 1` keeps
from waiting for one another. Agreement is the largest relative difference ‖theirs − residyn's‖ / ‖residyn's‖ of
any state vector. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# This process must stay small, because a child's peak memory begins at its parent's: numpy comes after the last.
LABELS = {
    "residyn": "residyn, to disk",
    "residyn-memory": "residyn, in memory",
    "forward": "bare forward",
    "hidden-states": "output_hidden_states, tuned",
    "hidden-states-users": "output_hidden_states, padded batches of 32",
    "nnsight": "nnsight, tuned",
    "nnsight-users": "nnsight, padded batches of 32",
    "nnsight-tutorial": "nnsight, as in its tutorial",
    "transformer-lens": "TransformerLens, tuned",
    "transformer-lens-users": "TransformerLens, padded batches of 32",
    "transformer-lens-tutorial": "TransformerLens, as in its tutorial",
}
NOTES = {
    "forward": "The bare forward runs to the model's end; a capture of every site ends before the last MLP.",
    "hidden-states": "output_hidden_states gives the inputs of blocks only, and no state before the MLP.",
    "transformer-lens": 'TransformerLens switches attention to "eager"; the others use the model\'s own.',
}
HEADER = ("", "tokens/s", "of forward", "of residyn", "peak GB", "states", "largest difference")


def main() -> None:
    """Measure every contestant in its own process, compare their states, print the table."""
    options = _parse()
    if options.child:
        _measure_here(options)
        return
    if options.dir:
        options.dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.dir, prefix="residyn-benchmark-") as scratch:
        folder = Path(scratch)
        rows: dict[str, dict[str, Any]] = {name: {"runs": []} for name in options.only}
        for turn in range(options.rounds):
            for name, row in rows.items():
                if "reason" not in row:
                    print(f"round {turn + 1} of {options.rounds}: {name}", file=sys.stderr, flush=True)
                    measured = _run_child(options, name, folder, first=turn == 0)
                    row["runs"].append(measured) if "reason" not in measured else row.update(measured)
        _summarize(rows)
        _compare(rows, folder)
    print("\n".join(_table(rows)))
    if options.json:
        record = {"platform": platform.platform(), "cores": os.cpu_count(), "rows": rows}
        options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, help="texts (default 200; 1000 with --random-llama-8b)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-tokens", type=int, help="the most tokens of one batch (default: residyn's own)")
    parser.add_argument("--model", default="smollm2-135m", help="as for residyn.load_model")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N, mps")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="rates by seconds of the CPU")
    parser.add_argument("--random-llama-8b", action="store_true", help="the shape of Llama-3.1-8B, random weights")
    parser.add_argument("--only", nargs="+", choices=tuple(LABELS), help="contestants (default: all; see above)")
    parser.add_argument("--dir", type=Path, help="where run directories are written (default: temporary files)")
    parser.add_argument("--json", type=Path, help="write every number into this file")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep-states", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if min(options.rounds, options.threads, options.n or 1, options.batch_tokens or 1) < 1:
        parser.error("--n, --rounds, --threads and --batch-tokens are at least 1")
    options.n = options.n or (1000 if options.random_llama_8b else 200)
    options.only = options.only or (["residyn", "forward"] if options.random_llama_8b else list(LABELS))
    return options


def _run_child(options: argparse.Namespace, name: str, folder: Path, *, first: bool) -> dict[str, Any]:
    """One contestant, once: its measures, or the reason why there are none."""
    work = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, __file__, "--child", name, "--scratch", str(work), "--n", str(options.n)]
    command += ["--model", options.model, "--dtype", options.dtype, "--device", options.device]
    command += ["--threads", str(options.threads)]
    command += ["--batch-tokens", str(options.batch_tokens)] if options.batch_tokens else []
    command += ["--random-llama-8b"] if options.random_llama_8b else []
    command += ["--keep-states"] if first else []
    command += ["--clock", options.clock]
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(options.threads))}
    done = subprocess.run(command, check=False, env=environment, stdout=subprocess.DEVNULL)
    try:
        measured: dict[str, Any] = json.loads((work / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"reason": f"its process ended with exit status {done.returncode}"}
    if (work / "states.npy").exists():
        (work / "states.npy").rename(folder / f"{name}.npy")
    shutil.rmtree(work)
    return measured


def _measure_here(options: argparse.Namespace) -> None:
    """The child: set up, measure, write result.json; a contestant that cannot run leaves its reason there."""
    try:
        import torch

        import workload
        from contestants import measure

        torch.set_num_threads(options.threads)
        given = (options.n, options.batch_tokens, options.dtype, options.device)
        work = workload.random_llama(*given) if options.random_llama_8b else workload.real(options.model, *given)
        states = options.scratch / "states.npy" if options.keep_states else None
        result = {**measure(options.child, work, options.scratch, states), "clock": options.clock}
    except ModuleNotFoundError as error:
        result = {"reason": f"{error.name} is not installed"}
    except Exception as error:  # whatever a peer raises belongs into the table
        result = {"reason": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    (options.scratch / "result.json").write_text(json.dumps(result), encoding="utf-8")


def _summarize(rows: Mapping[str, dict[str, Any]]) -> None:
    """Add the fastest round's rate and the median of peak memory to every row that has runs."""
    for row in rows.values():
        if runs := row["runs"]:
            row["tokens_per_second"] = max(run["tokens"] / run["seconds"][run["clock"]] for run in runs)
            peaks = [run["gpu_peak_bytes"] or run["peak_bytes"] for run in runs]
            row["peak_gb"] = statistics.median(peaks) / 1e9


def _compare(rows: Mapping[str, dict[str, Any]], folder: Path) -> None:
    """Add each contestant's largest relative difference from residyn's states."""
    import numpy as np

    reference = folder / "residyn.npy"
    if not reference.exists():
        return
    ours = np.load(reference, mmap_mode="r")
    for name, row in rows.items():
        file = folder / f"{name}.npy"
        if name == "residyn" or not row["runs"] or not file.exists():
            continue
        theirs, worst = np.load(file, mmap_mode="r"), 0.0
        for one, other in zip(ours, theirs, strict=True):
            wanted = one[row["runs"][0]["places"]].astype(np.float64)
            difference = np.linalg.norm(other - wanted, axis=1) / np.linalg.norm(wanted, axis=1)
            worst = max(worst, float(difference.max()))
        row["largest_difference"] = worst


def _table(rows: Mapping[str, dict[str, Any]]) -> list[str]:
    """The table as lines of Markdown, under it what it was measured on."""
    rates = {name: row.get("tokens_per_second") for name, row in rows.items()}
    lines: list[Sequence[str]] = [HEADER]
    for name, row in rows.items():
        if "reason" in row:
            lines.append((LABELS[name], "not run", *[""] * (len(HEADER) - 3), row["reason"]))
            continue
        run, rate = row["runs"][0], row["tokens_per_second"]
        difference = "reference" if name == "residyn" else row.get("largest_difference", "")
        lines.append(
            (
                LABELS[name],
                f"{rate:,.0f}",
                *(f"{rate / other:.2f}" if (other := rates.get(key)) else "" for key in ("forward", "residyn")),
                f"{row['peak_gb']:.2f}",
                f"{len(run['places'])} of {run['sites']}",
                f"{difference:.1e}" if isinstance(difference, float) else difference,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    cells = [_line(line, widths) for line in lines]
    rule = "|".join(["", "-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:]), ""])
    return [cells[0], rule, *cells[1:], "", *_conditions(rows)]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return " | ".join([f"| {first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)]) + " |"


def _conditions(rows: Mapping[str, dict[str, Any]]) -> list[str]:
    runs = [run for row in rows.values() for run in row["runs"]]
    if not runs:
        return []
    one, versions = runs[0], {key: value for run in runs for key, value in run["versions"].items()}
    memory = "GPU memory" if one["gpu_peak_bytes"] else "resident memory of the whole process"
    return [
        f"{one['model']}, {one['dtype']}, {one['device']}, {one['threads']} threads; {one['texts']} texts, "
        f"{one['tokens']:,} tokens, at most {one['batch_tokens']:,} in a batch; "
        f"fastest of {max(len(row['runs']) for row in rows.values())}, by {one['clock']} seconds; peak: {memory}.",
        ", ".join(f"{package} {number}" for package, number in sorted(versions.items())) + ".",
        *(note for name, note in NOTES.items() if rows.get(name, {}).get("runs")),
    ]


if __name__ == "__main__":
    main()
