"""Whole runs that are killed with SIGKILL in every stage, again and again, and gone on with to the end.

    python tests/pipeline/killing.py FOLDER --kills 200 --seed 1

makes one unbroken run in FOLDER, unless it is there, then runs that are killed, several times in each stage, until
there were as many kills; each must end as the unbroken one did. It prints what happened as JSON, and ends with 1
where a run did not.

A process dies in one of three ways: before an operation on a file, in the middle of writing one, which the kernel
cuts off after some bytes, or at a random time. Each is forked from one that has imported everything, and so
starts at once.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import itertools
import json
import os
import random
import resource
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from families import build, spelling_tokenizer
from whole_runs import FEW, differing, hash_of

STAGES = (
    "capture",
    "analysis",
    "controls",
    "teleports",
    "jacobians",
    "outputs",
    "claims",
    "figures",
    "explorer",
    "report",
)
"""The functions of `pipeline.run` that do the stages, in order."""
KILLS_PER_STAGE = 3
"""In one run; then it ends unharmed."""
HANGS_AFTER_S = 1200
"""A process that takes longer, on a machine that others use too, says where it is and ends."""
WAYS = ("before", "before", "torn", "later")
_CHANGING = frozenset(
    ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree")
)
"""What Python calls the operations that change a file or a folder, beside the opening of one to write to it."""
NEEDED = (
    *("torch", "transformers", "matplotlib.pyplot", "xarray", "zarr", "numba", "scipy.stats", "pandas"),
    *("dask.array", "residyn.cli.running", "residyn.pipeline.run", "residyn.model.capture"),
    *(
        "residyn.model.teleport",
        "residyn.model.jacobians",
        "residyn.model.outputs",
        "residyn.quantities.suite",
        "residyn.claims.judge",
        "residyn.figures.figure1",
    ),
    "residyn.report.write",
    "residyn.explorer",
)
"""What a run imports sooner or later."""


@dataclass(frozen=True)
class Moment:
    """When a process dies: in which stage and WAY, at its how manieth operation on files or after how long."""

    stage: str
    way: str
    event: int
    seconds: float


@dataclass
class Unbroken:
    """A run that nobody killed: where it is, how many file operations each stage had, and how long it took."""

    run: Path
    events: dict[str, int]
    seconds: dict[str, float]


def asked(folder: Path) -> list[str]:
    """The options of a small run, whose model and texts are made in `folder` unless they are there."""
    if not (folder / "lines.txt").exists():
        model = build("llama")
        model.config.tie_word_embeddings = True
        model.save_pretrained(folder / "tiny")
        spelling_tokenizer().save_pretrained(folder / "tiny")
        lines = (f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(40))
        (folder / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    return [str(folder / "tiny"), "--texts", str(folder / "lines.txt"), "--min-chars", "0", "-q", *FEW]


def unbroken(folder: Path, options: Sequence[str]) -> Unbroken:
    """Make the run that the others are compared with, unless it is there."""
    run, told = folder / "unbroken", folder / "unbroken.json"
    if not told.exists() and _forked(lambda: _counted(run, options, told), folder / "unbroken.log"):
        raise AssertionError((folder / "unbroken.log").read_text())
    return Unbroken(run, **json.loads(told.read_text()))


@dataclass(frozen=True)
class Ended:
    """How a run ended that was killed again and again: where its processes died, and what is wrong with it."""

    kills: list[str]
    faults: dict[str, Any]


def killed_until_done(run: Path, options: Sequence[str], moments: Sequence[Moment], unbroken: Path) -> Ended:
    """Kill the making of a run at each of some moments, let it end then, and compare it with an unbroken one."""
    log, at, kills = run.with_suffix(".log"), run.with_suffix(".stage"), []
    status = 0
    for moment in moments:
        status = _forked(lambda moment=moment: _dying(run, options, moment, at), log)
        if status not in (-signal.SIGKILL, -signal.SIGXFSZ):
            break
        kills.append(f"{at.read_text()} {moment.way}")
    else:
        status = _forked(lambda: _command("run", *options, "--out", str(run)), log)
    faults: dict[str, Any] = {"differing": differing(run, unbroken)}
    if status:
        faults["said"] = log.read_text(errors="replace")[-3000:]
    elif status := _forked(lambda: _command("verify", str(run), "--json", "-q"), log):
        faults["verify"] = log.read_text(errors="replace")[-3000:]
    else:
        found = json.loads(log.read_text())
        faults |= {name: found[name] for name in ("unknown", "note")}
    return Ended(kills, {name: fault for name, fault in faults.items() if fault})


def moments(whole: Unbroken, chosen: random.Random) -> list[Moment]:
    """Moments at which one run is to be killed, the same number in every stage."""
    found = []
    for stage in STAGES:
        # A stage that goes on where it was killed has less to do then.
        events = _steps(sorted(chosen.randint(1, whole.events[stage]) for _ in range(KILLS_PER_STAGE)))
        seconds = _steps(sorted(chosen.uniform(0, whole.seconds[stage]) for _ in range(KILLS_PER_STAGE)))
        for event, late in zip(events, seconds, strict=True):
            found.append(Moment(stage, chosen.choice(WAYS), max(1, int(event)), late))
    return found


def _steps(places: Sequence[float]) -> list[float]:
    return [place - before for before, place in zip([0, *places], places, strict=False)]


def _forked(do: Callable[[], int], log: Path) -> int:
    """How a child ends that does something and prints to `log`; the negative signal where one killed it."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            printed = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(printed, 1)
            os.dup2(printed, 2)
            faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
            code = do()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _command(*arguments: str) -> int:
    from residyn.cli.running import run_command

    return run_command(list(arguments))


def _stages_told(begun: Callable[[str], None]) -> None:
    """Have every stage of a run tell that it begins."""
    run = importlib.import_module("residyn.pipeline.run")

    def telling(name: str, do: Callable) -> Callable:
        def stage(*given, **options):
            begun(name)
            return do(*given, **options)

        return stage

    for name in STAGES:
        setattr(run, name, telling(name, getattr(run, name)))


def watch(run: Path, happens: Callable[[], None]) -> None:
    """Call a function before each operation that changes a file or a folder of a run, and before each flush."""

    def heard(event: str, given: tuple) -> None:
        opened = event == "open" and str(given[0]).startswith(f"{run}/") and given[2] & (os.O_WRONLY | os.O_RDWR)
        if opened or event in _CHANGING:
            happens()

    flush = os.fsync

    def flushed(descriptor: int) -> None:
        happens()
        flush(descriptor)

    sys.addaudithook(heard)
    os.fsync = flushed


def _counted(run: Path, options: Sequence[str], told: Path) -> int:
    """Make a run, and write down how many operations on files each stage had and how long it took."""
    at, began = [""], {}
    events: Counter[str] = Counter()

    def begun(stage: str) -> None:
        at[0], began[stage] = stage, time.perf_counter()

    _stages_told(begun)
    watch(run, lambda: events.update(at))
    code = _command("run", *options, "--out", str(run))
    ends = [*(began[stage] for stage in STAGES[1:]), time.perf_counter()]
    seconds = {stage: end - began[stage] for stage, end in zip(STAGES, ends, strict=True)}
    told.write_text(json.dumps({"events": {stage: events[stage] for stage in STAGES}, "seconds": seconds}))
    return code


def _dying(run: Path, options: Sequence[str], moment: Moment, at: Path) -> int:
    """Make a run in this process, which dies at a moment; the file `at` names the stage that it has come to."""
    dying, count = threading.Event(), itertools.count(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)

    def begun(stage: str) -> None:
        at.write_text(stage)
        if stage == moment.stage:
            dying.set()
            if moment.way == "later":
                threading.Timer(moment.seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()

    def happens() -> None:
        if not dying.is_set() or moment.way == "later" or next(count) != moment.event:
            return
        if moment.way == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        # The kernel writes as many bytes of the next larger file, and kills whoever wants to write more.
        resource.setrlimit(resource.RLIMIT_FSIZE, (moment.event * 37 % 4096, resource.RLIM_INFINITY))

    _stages_told(begun)
    watch(run, happens)
    return _command("run", *options, "--out", str(run))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked_for = parser.parse_args(arguments)
    folder = asked_for.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    options = asked(folder)
    for name in NEEDED:
        importlib.import_module(name)
    whole, chosen = unbroken(folder, options), random.Random(asked_for.seed)
    kills, faults, n = [], {}, 0
    while len(kills) < asked_for.kills:
        run, n = folder / f"run-{asked_for.seed}-{n}", n + 1
        ended = killed_until_done(run, options, moments(whole, chosen), whole.run)
        kills += ended.kills
        if ended.faults:
            faults[str(run)] = ended.faults
        else:
            shutil.rmtree(run)
    told = {"kills": dict(sorted(Counter(kills).items())), "runs": n, "events": whole.events, "faults": faults}
    print(json.dumps({**told, "content": hash_of(whole.run)}))
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
