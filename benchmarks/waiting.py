"""How long threads of OpenMP should spin for each other: capture on all cores, alone and beside busy neighbours.

    python benchmarks/waiting.py                      # spins of several lengths, and one thread beside them

One process for each number of spins (GOMP_SPINCOUNT; libgomp's own is 300,000) captures texts for a few seconds,
in turns, so that what else runs on the machine meets all of them alike; first alone, then beside as many
neighbours as there are cores, which compute without end. A row is the median of its turns, in tokens a second.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO

VARIABLE = "GOMP_SPINCOUNT"


class Contestant:
    """A process with a number of threads and of spins, which captures when it is told to."""

    def __init__(self, threads: int, spins: str, model: str) -> None:
        self.name = f"{threads} threads, {spins} spins" if threads > 1 else "1 thread"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--captures", str(threads), "--model", model],
            env={**environment, VARIABLE: spins},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()

    def answer(self) -> float:
        out: IO[str] | None = self.process.stdout
        assert out is not None
        line = out.readline()
        if not line:
            raise SystemExit(f"{self.name} ended without an answer (exit code {self.process.wait()}).")
        return float(line)

    def turn(self, seconds: float) -> float:
        """Tokens a second."""
        asked: IO[str] | None = self.process.stdin
        assert asked is not None
        print(seconds, file=asked, flush=True)
        return self.answer()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def captures(threads: int, name: str) -> None:
    """A contestant's own process: reads seconds, captures for so long, writes tokens a second."""
    import torch

    import residyn as rd
    from residyn.model.capture import capture_in_memory, prepare

    torch.set_num_threads(threads)
    plan, _ = prepare(rd.load_model(name, offline=True), rd.read_texts("wikitext-2", n=3))
    tokens = int(capture_in_memory(plan)["n_tokens"].sum())
    print(0, flush=True)
    for line in sys.stdin:
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < float(line):
            capture_in_memory(plan)
            done += tokens
        print(done / (time.perf_counter() - began), flush=True)


def busy() -> None:
    """A neighbour."""
    while True:
        pass


def main(given: Sequence[str] | None = None) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spins", nargs="+", default=["300000", "0", "1000", "10000"])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--captures", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args(given)
    if arguments.captures:
        captures(arguments.captures, arguments.model)
        return
    cores, load = os.cpu_count() or 1, os.getloadavg()[0]
    with ExitStack() as held:
        contestants = [Contestant(1, "300000", arguments.model)]
        contestants += [Contestant(cores, spins, arguments.model) for spins in arguments.spins]
        for one in contestants:
            held.callback(one.end)
        print(f"| {arguments.model} | alone | of one thread | beside {cores} neighbours | of one thread |")
        print("|---|---:|---:|---:|---:|")
        found: list[list[float]] = []
        for neighbours in (0, cores):
            others = [multiprocessing.Process(target=busy, daemon=True) for _ in range(neighbours)]
            for other in others:
                other.start()
            turns = [[one.turn(arguments.seconds) for one in contestants] for _ in range(arguments.rounds)]
            for other in others:
                other.kill()
            found.append([statistics.median(column) for column in zip(*turns, strict=True)])
            # The ratio of each pair of turns, and not of medians: what else ran met both of them.
            found.append([statistics.median(t[i] / t[0] for t in turns) for i in range(len(contestants))])
    for i, one in enumerate(contestants):
        alone, of_one, beside, of_one_beside = (column[i] for column in found)
        print(f"| {one.name} | {alone:.0f} | {of_one:.2f} | {beside:.0f} | {of_one_beside:.2f} |")
    print(f"\n{cores} cores; load {load:.1f} before and {os.getloadavg()[0]:.1f} after.")


if __name__ == "__main__":
    main()
