"""Where the file system has no locks, a lease that is kept young takes their place."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time

import pytest

from residyn.errors import StoreError
from residyn.store import lease, open_writer
from residyn.store.layout import LEASE
from residyn.store.lock import is_held, locked
from store.producer import block, capture, complete, make, numbers_on_disk

pytestmark = pytest.mark.filterwarnings("ignore:.*without file locks")


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def without_locks(request, monkeypatch):
    def refuse(descriptor, operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)


def of_another(run, age=0.0):
    """A lease of another machine, kept young until so many seconds ago."""
    (run / LEASE).write_text(json.dumps({"host": "other", "pid": 7, "since": "2026", "token": "x"}))
    os.utime(run / LEASE, (time.time() - age,) * 2)


def test_a_run_is_made_and_gone_on_with_where_there_are_no_locks(without_locks, tmp_path):
    with pytest.warns(UserWarning, match="without file locks: a lease"):
        make(tmp_path / "run")
    capture(tmp_path / "run", shards=[1])
    capture(tmp_path / "run")
    assert not (tmp_path / "run" / LEASE).exists()
    assert numbers_on_disk(tmp_path / "run") == numbers_on_disk(complete(tmp_path / "whole"))


def test_the_holder_of_a_young_lease_is_named(without_locks, run):
    of_another(run, age=lease.STALE_S - 20)
    assert is_held(run)
    with pytest.raises(StoreError, match="process 7 on other since 2026"), locked(run):
        pass
    assert json.loads((run / LEASE).read_text())["host"] == "other"


def test_a_lease_that_nobody_keeps_young_is_taken(without_locks, run):
    of_another(run, age=lease.STALE_S + 20)
    assert not is_held(run)
    with locked(run):
        assert is_held(run)
        assert json.loads((run / LEASE).read_text())["pid"] == os.getpid()
    assert not is_held(run)


def test_a_lease_is_kept_young(without_locks, run, monkeypatch):
    monkeypatch.setattr(lease, "BEAT_S", 0.01)
    with locked(run):
        os.utime(run / LEASE, (1, 1))
        until = time.monotonic() + 10
        while (run / LEASE).stat().st_mtime < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert (run / LEASE).stat().st_mtime > 2


def test_whoever_lost_the_lease_puts_nothing_in_place_any_more(without_locks, tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "BEAT_S", 0.01)
    make(tmp_path / "run")
    with open_writer(tmp_path / "run") as writer:
        writer.commit(0, block(writer.rows(0)))
        of_another(tmp_path / "run")
        assert writer._lost.wait(10)
        with pytest.raises(StoreError, match="taken by another while this one hung"):
            writer.commit(1, block(writer.rows(1)))
        assert 1 in writer.pending
    assert json.loads((tmp_path / "run" / LEASE).read_text())["host"] == "other"


def test_a_lease_that_another_took_meanwhile_is_given_back(run, monkeypatch):
    """Both saw the stale one; the other was faster."""
    of_another(run, age=lease.STALE_S + 20)
    ages = iter([lease.STALE_S + 20])

    def slow(path):
        age = next(ages)
        of_another(run)
        (run / LEASE).write_text(json.dumps({"host": "third", "pid": 8, "since": "now", "token": "y"}))
        return age

    monkeypatch.setattr(lease, "_age", slow)
    lease._break_stale(run / LEASE)
    assert json.loads((run / LEASE).read_text())["host"] == "third"
    assert not [path for path in run.iterdir() if path.name.endswith(".removed")]
