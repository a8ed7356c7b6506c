"""Teleports whose hosts workers compute: the same files as one process writes."""

from __future__ import annotations

import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import residyn as rd
from families import build, spelling_tokenizer
from residyn.crew import Crew
from residyn.errors import Interrupted, ModelError, StoreError, UsageError
from residyn.model.kind import kind_of
from residyn.model.teleport import shared_out

TEXTS = ["abc def ghi", "One fish, two fish.", "Red fish, blue fish."]
AT = (0, "1.mlp")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "tiny"
    build("llama").save_pretrained(folder)
    spelling_tokenizer().save_pretrained(folder)
    return rd.load_model(folder)


@pytest.fixture
def engine():
    with ThreadPoolExecutor(2) as made:
        yield made


def targets(seed=0):
    """Of its own for each host and place, so that those of another host would be seen."""
    return np.random.default_rng(seed).standard_normal((3, 2, 4, 32)).astype(np.float32)


def stored(out):
    return {path.name: path.read_bytes() for path in (out / "teleport.zarr").iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize("weights", ["trained", "untrained", "permuted"])
def test_workers_store_the_same_bytes(model, engine, tmp_path, weights):
    made = {
        "trained": lambda: model,
        "untrained": lambda: rd.untrained(model, 3),
        "permuted": lambda: rd.permuted(model, 2),
    }
    mine = made[weights]()
    done = []
    rd.teleport(mine, TEXTS, targets(), AT, out=tmp_path / "one")
    found = rd.teleport(
        mine,
        TEXTS,
        targets(),
        AT,
        out=tmp_path / "crew",
        executor=engine,
        progress=lambda *told: done.append(told),
    )
    assert len(stored(tmp_path / "one")) == 4
    assert stored(tmp_path / "crew") == stored(tmp_path / "one")
    assert done == [(8, 24), (16, 24), (24, 24)]
    np.testing.assert_array_equal(found.states.isel(step=0).values, targets())


def test_workers_go_on_where_it_was_left(model, engine, tmp_path):
    def press(done, total):
        if done == 8:
            os.kill(os.getpid(), signal.SIGINT)

    rd.teleport(model, TEXTS, targets(), AT, out=tmp_path / "one")
    with pytest.raises(Interrupted, match="1 of 3 hosts"):
        rd.teleport(model, TEXTS, targets(), AT, out=tmp_path / "crew", progress=press)
    rd.teleport(model, TEXTS, targets(), AT, out=tmp_path / "crew", executor=engine)
    assert stored(tmp_path / "crew") == stored(tmp_path / "one")


def test_workers_of_two_kinds_are_refused_unless_mixed(model, tmp_path, monkeypatch):
    kinds = itertools.cycle("ab")
    monkeypatch.setattr(shared_out, "kind_of", lambda model: {**kind_of(model), "device": next(kinds)})
    with ThreadPoolExecutor(1) as one:
        with pytest.raises(StoreError, match=r"Host \d, which .* computed, .*device: stored a, now b"):
            rd.teleport(model, TEXTS, targets(), AT, out=tmp_path / "crew", executor=one)
        crew = Crew(lambda: one, mixed=True)
        assert rd.teleport(model, TEXTS, targets(), AT, out=tmp_path / "crew", executor=crew).sizes["host"] == 3


def test_a_model_in_memory_and_no_folder_are_refused(model, engine, tmp_path):
    with pytest.raises(UsageError, match="no out="):
        rd.teleport(model, TEXTS, targets(), AT, executor=engine)
    in_memory = rd.load_model(build("llama"), spelling_tokenizer())
    with pytest.raises(ModelError, match="cannot travel"):
        rd.teleport(in_memory, TEXTS, targets(), AT, out=tmp_path, executor=engine)
