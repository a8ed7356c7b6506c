"""What this process may use of the machine."""

from __future__ import annotations

import os

import psutil
import pytest

from residyn.machine import available_memory, cores


def test_cores_are_those_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert cores() == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1


def test_available_memory_is_that_of_this_machine() -> None:
    assert 0 < available_memory() <= psutil.virtual_memory().total
