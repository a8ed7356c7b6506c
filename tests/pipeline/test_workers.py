"""Workers of dask.distributed: the same files as one process writes, whoever is killed and when.

One cluster serves all tests here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

from residyn import store
from residyn.crew import Work, shared_out
from residyn.errors import ResourceError
from residyn.pipeline.cluster import crew_of
from residyn.settings import CrewSettings
from store.producer import numbers_on_disk
from whole_runs import FEW, differing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*(have the same tokens|longer than the limit)"),
]
SMALL = ("--hosts", 2, "--grid", 2, "--directions", 2, "--radii", "1", "-q")


@pytest.fixture(scope="module")
def crew():
    with crew_of(CrewSettings(workers=2)) as made:
        yield made


@pytest.fixture
def client(crew):
    found = crew.engine()._client
    found.wait_for_workers(2, timeout=600)
    return found


@pytest.fixture
def captured(residyn, model_folder, texts_file, tmp_path):
    """Capture as the command line does, with further options; what was written."""

    def capture(name, *options):
        asked = ("--model", model_folder, "--texts", texts_file, "--min-chars", 0, "--n", 40, "-q")
        code, _, errors = residyn("capture", tmp_path / name, *asked, *options)
        assert code == 0, errors
        return numbers_on_disk(tmp_path / name)

    return capture


def test_a_run_by_workers_has_the_files_of_a_plain_one(residyn, finished, client, tmp_path):
    """States, controls and teleports of a run that was finished by one process; its hosts are teleported anew."""
    address = client.scheduler.address
    plain, shared = (shutil.copytree(finished, tmp_path / name) for name in ("plain", "shared"))
    for run in (plain, shared):
        store.forget(run, [0, 2])
        for control in (run / "controls").iterdir():
            if store.has_manifest(control):
                store.forget(control, [0])
        for folder in ("teleport.zarr", "untrained", "teleports", "stages/teleports.json"):
            path = run / folder
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for run, options in ((plain, ()), (shared, ("--scheduler", address))):
        for verb in (("capture",), ("controls",), ("teleport", *SMALL[:-1])):
            code, _, errors = residyn(verb[0], run, *verb[1:], *options, "-q")
            assert code == 0, errors
    before, after = numbers_on_disk(plain), numbers_on_disk(shared)
    assert [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)] == []
    whole = numbers_on_disk(finished)
    assert all(after[name] == whole[name] for name in whole if "c." in name and "states.zarr" in name)


def test_every_file_of_a_whole_run_is_that_of_a_plain_one(residyn, asked, small, client, tmp_path):
    """Every stage from the texts on, claims among them: who computed leaves no trace in any file."""
    out = tmp_path / "shared"
    code, _, errors = residyn("run", *asked, *FEW, "--out", out, "--scheduler", client.scheduler.address)
    assert code == 0, errors
    assert differing(out, small) == []


def test_claims_and_a_comparison_by_workers_are_those_of_one_process(residyn, small, client, tmp_path):
    address = client.scheduler.address
    (shutil.copytree(small, tmp_path / "run") / "claims.json").unlink()
    code, _, errors = residyn("claims", tmp_path / "run", "--scheduler", address, "-q")
    assert code == 0, errors
    assert (tmp_path / "run" / "claims.json").read_bytes() == (small / "claims.json").read_bytes()
    tables = {}
    for name, options in (("plain", ()), ("shared", ("--scheduler", address))):
        run = shutil.copytree(small, tmp_path / name / "run")
        out = tmp_path / name / "compared"
        code, _, errors = residyn("compare", run, "--with-controls", "--out", out, *options, "-q")
        assert code == 0, errors
        tables[name] = {path.name: path.read_bytes() for path in (out / "tables").iterdir()}
        of_controls = run.glob("controls/*/tables/*.csv")
        tables[name] |= {path.relative_to(run).as_posix(): path.read_bytes() for path in of_controls}
    assert tables["plain"] == tables["shared"]
    assert {"claims.csv", "distances.csv", "controls/untrained-0/tables/velocity.csv"} <= tables["plain"].keys()


def die(moment, once):
    """Have this worker, or the other one if it is faster, end by SIGKILL at a moment of its next task."""
    import signal
    from pathlib import Path

    from residyn.model import capture, recipes
    from residyn.store import staging

    def dying(module, name, before):
        real = getattr(module, name)

        def wrapped(*given, **options):
            made = None if before else real(*given, **options)
            try:
                Path(once).touch(exist_ok=False)
            except FileExistsError:
                return real(*given, **options) if before else made
            return os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, wrapped)

    if moment == "loading":
        recipes._trained.cache_clear()
        dying(recipes, "load_model", True)
    else:
        dying(
            *{
                "computing": (capture, "computed", True),
                "writing": (staging, "flushed", True),
                "before the receipt": (staging, "_check_written", False),
                "after the receipt": (capture, "Staged", True),
            }[moment]
        )


@pytest.mark.parametrize("moment", ["loading", "computing", "writing", "before the receipt", "after the receipt"])
def test_a_worker_that_is_killed_costs_nothing_but_time(captured, client, tmp_path, moment):
    client.run(die, moment, str(tmp_path / "died"))
    assert captured("shared", "--scheduler", client.scheduler.address) == captured("plain")
    assert (tmp_path / "died").exists()
    assert not (tmp_path / "shared" / "staged").exists()


def test_a_task_that_ends_every_worker_is_told_and_the_others_are_done(crew, client):
    def end_at_one(number):
        if number == 1:
            os.kill(os.getpid(), 9)
        return number

    from collections import deque

    scheduler = client.cluster.scheduler
    before, scheduler.allowed_failures = scheduler.allowed_failures, 1
    made = []
    try:
        with pytest.raises(ResourceError, match=r"Shard 1 of DIR .* every worker that took it ended, .*tcp://127"):
            made.extend(
                result
                for _, result in shared_out(
                    crew.engine(),
                    end_at_one,
                    deque(Work(f"Shard {i} of DIR", (i,)) for i in range(8)),
                    lambda: False,
                )
            )
    finally:
        scheduler.allowed_failures = before


KILLED = """
import os, sys
from distributed import Client
import residyn as rd
def die(done, total):
    os.kill(os.getpid(), 9)
with Client(sys.argv[1]) as client:
    model = rd.load_model(sys.argv[2])
    texts = rd.read_texts(sys.argv[3], n=40, min_chars=0)
    rd.capture(model, texts, sys.argv[4], executor=client.get_executor(pure=False), progress=die)
"""


def test_a_coordinator_that_is_killed_is_gone_on_from(captured, client, model_folder, texts_file, tmp_path):
    """Its workers finish what they are at, and stage it after their coordinator and even after the run's end."""
    given = [client.scheduler.address, str(model_folder), str(texts_file), str(tmp_path / "run")]
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", KILLED, *given], check=False).returncode == -9
    assert store.info(tmp_path / "run")["shards_committed"] == 1
    whole = captured("plain")
    assert captured("run") == whole
    time.sleep(1)
    with store.open_writer(tmp_path / "run") as writer:
        assert writer.pending == []
    assert numbers_on_disk(tmp_path / "run") == whole


def test_no_scheduler_and_no_engine_are_told(monkeypatch, tmp_path):
    from residyn.pipeline import cluster

    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    for wrong in ("tcp://127.0.0.1:1", "nonsense", str(tmp_path / "absent.json")):
        with (
            crew_of(CrewSettings(scheduler=wrong)) as crew,
            pytest.raises(ResourceError, match="should answer at"),
        ):
            crew.engine()
    monkeypatch.setitem(sys.modules, "distributed", None)
    with crew_of(CrewSettings(workers=1)) as crew, pytest.raises(ResourceError, match=r"residyn\[cluster\]"):
        crew.engine()
