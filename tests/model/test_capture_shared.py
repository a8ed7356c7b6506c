"""A capture whose shards workers compute: the same files, whoever they are and whatever disk they see."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Executor, ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import residyn as rd
from families import build, spelling_tokenizer
from residyn.errors import DataError, Interrupted, ModelError, StoreError, UsageError
from residyn.model import capture as capturing
from residyn.model import order as orders
from residyn.model import recipes
from residyn.model.kind import kind_of
from residyn.model.order import in_ranges, part_of, shards_a_task
from residyn.store import committed, open_writer, read_manifest, read_run
from store.producer import numbers_on_disk

TEXTS = [f"{'abc def ' * (1 + i % 5)}{i}" for i in range(70)]
pytestmark = pytest.mark.filterwarnings("ignore:.*(have the same tokens|longer than the limit)")


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    """Models that this process made as a worker are those of one test, and tasks have a shard each."""
    monkeypatch.setattr(orders, "_BATCHES_A_TASK", 0.01)
    orders._plans.clear()
    for made in (recipes._trained, recipes._other, recipes.sites_of, recipes.head_of):
        made.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("model") / "tiny"
    build("llama").save_pretrained(place)
    spelling_tokenizer().save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def model(folder):
    return rd.load_model(folder)


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    rd.capture(model, TEXTS, out)
    return out


@pytest.fixture
def engine():
    with ThreadPoolExecutor(2) as made:
        yield made


def test_workers_write_the_same_files(model, whole, engine, tmp_path):
    done = []
    states = rd.capture(model, TEXTS, tmp_path / "run", executor=engine, progress=lambda *told: done.append(told))
    assert numbers_on_disk(tmp_path / "run") == numbers_on_disk(whole)
    np.testing.assert_array_equal(states.values, rd.open_states(whole).values)
    assert done[-1][0] == done[-1][1]
    assert len(done) == 5
    assert read_run(tmp_path / "run")["kinds"] == [dict(kind_of(model))]
    assert not (tmp_path / "run" / "staged").exists()


def test_workers_that_do_not_see_the_disk_give_the_bytes_back(model, whole, engine, tmp_path, monkeypatch):
    asked, computed = [], orders._checked_plan

    def without_disk(order):
        asked.append(order.records is not None)
        return computed(order)

    monkeypatch.setattr(capturing.store, "sees", lambda run, nonce: False)
    monkeypatch.setattr(orders, "_checked_plan", without_disk)
    rd.capture(model, TEXTS, tmp_path / "run", executor=engine)
    assert asked == [True]
    assert numbers_on_disk(tmp_path / "run") == numbers_on_disk(whole)


def test_workers_go_on_where_a_run_was_left(model, whole, engine, tmp_path):
    class Cut(Exception):
        pass

    def cut(done, total):
        raise Cut

    with pytest.raises(Cut):
        rd.capture(model, TEXTS, tmp_path / "run", executor=engine, progress=cut)
    assert 0 < rd.open_states(tmp_path / "run", allow_partial=True).sizes["sample"] < len(TEXTS)
    rd.capture(model, TEXTS, tmp_path / "run")
    assert numbers_on_disk(tmp_path / "run") == numbers_on_disk(whole)


def test_ctrl_c_puts_what_comes_back_and_stops(model, whole, tmp_path):
    def press(done, total):
        if not pressed:
            pressed.append(done)
            os.kill(os.getpid(), signal.SIGINT)

    pressed = []
    with ThreadPoolExecutor(1) as one, pytest.raises(Interrupted, match=r"[1-4] of 5 shards .* are stored"):
        rd.capture(model, TEXTS, tmp_path / "run", executor=one, progress=press)
    rd.capture(model, TEXTS, tmp_path / "run")
    assert numbers_on_disk(tmp_path / "run") == numbers_on_disk(whole)


def test_a_second_ctrl_c_ends_at_once_and_the_run_is_gone_on_with(model, whole, tmp_path):
    def press(done, total):
        if not pressed:
            pressed.append(done)
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    pressed = []
    with ThreadPoolExecutor(1) as one, pytest.raises(KeyboardInterrupt) as caught:
        rd.capture(model, TEXTS, tmp_path / "run", executor=one, progress=press)
    assert caught.type is KeyboardInterrupt
    rd.capture(model, TEXTS, tmp_path / "run")
    assert numbers_on_disk(tmp_path / "run") == numbers_on_disk(whole)


def test_a_model_that_only_this_process_has_cannot_travel(folder, model, engine, tmp_path):
    in_memory = rd.load_model(build("llama"), spelling_tokenizer())
    with pytest.raises(ModelError, match=r"cannot travel .* given in memory.*Save it to a shared folder"):
        rd.capture(in_memory, TEXTS, tmp_path / "memory", executor=engine)
    hooked = rd.load_model(folder)
    hooked.module.layers[0].register_forward_hook(lambda *_: None)
    with pytest.raises(ModelError, match=r"hooks of your own are on layers.0"):
        rd.capture(hooked, TEXTS, tmp_path / "hooked", executor=engine)
    with pytest.raises(UsageError, match="no out="):
        rd.capture(model, TEXTS, executor=engine)


def test_workers_of_another_model_are_refused(folder, model, engine, tmp_path):
    """Its folder was changed since this process loaded it."""
    place = tmp_path / "tiny"
    build("llama", seed=1).save_pretrained(place)
    spelling_tokenizer().save_pretrained(place)
    mine = rd.load_model(place)
    build("llama").save_pretrained(place)
    with pytest.raises(StoreError, match=r"(?s)made another one of .*model\.files\.model\.safetensors: stored"):
        rd.capture(mine, TEXTS, tmp_path / "run", executor=engine)
    assert not committed(tmp_path / "run", read_manifest(tmp_path / "run"))


def test_what_workers_compute_has_to_be_what_the_model_here_does(folder, engine, tmp_path):
    """Weights that were changed in memory are not in the files that workers read."""
    mine = rd.load_model(folder)
    with torch.no_grad():
        mine.module.layers[0].mlp.down_proj.weight.mul_(2)
    with pytest.raises(StoreError, match="holds the states of another model"):
        rd.capture(mine, TEXTS, tmp_path / "run", executor=engine)


def test_states_that_are_not_finite_are_told_as_by_one_process(model, engine, tmp_path, monkeypatch):
    real = capturing.computed

    def spoilt(plan, shards, progress=None):
        for made in real(plan, shards, progress):
            if made.shard == 2:
                made.block[3, 1, 0] = np.nan
            yield made

    monkeypatch.setattr(capturing, "computed", spoilt)
    with pytest.raises(DataError, match=r"not finite: sample \d+, first at sublayer 0\.mlp"):
        rd.capture(model, TEXTS, tmp_path / "run", executor=engine)
    with pytest.warns(UserWarning, match="1 samples were dropped"):
        states = rd.capture(model, TEXTS, tmp_path / "drop", executor=engine, on_nonfinite="drop")
    assert states.sizes["sample"] == len(TEXTS) - 1


def test_another_kind_of_machine_is_refused_on_resume_and_in_a_crew(model, whole, engine, tmp_path, monkeypatch):
    out = tmp_path / "run"
    plan, _ = capturing.prepare(model, TEXTS)
    plan.create(out)
    with open_writer(out) as writer:
        kind = {**kind_of(model), "device": "CPU of another kind"}
        made = next(iter(capturing.computed(plan, [0])))
        writer.admit(kind)
        writer.commit(0, made.block, kind=kind)
    for executor in (None, engine):
        with pytest.raises(StoreError, match=r"device: stored CPU of another kind, now .*--mixed"):
            rd.capture(model, TEXTS, out, executor=executor)
    with pytest.warns(UserWarning, match="more than one kind of machine"):
        rd.capture(model, TEXTS, out, executor=engine, mixed=True)
    assert numbers_on_disk(out) == numbers_on_disk(whole)
    assert len(read_run(out)["kinds"]) == 2


def test_a_kind_names_device_versions_and_format_and_no_host(model):
    kind = kind_of(model)
    assert kind["torch"] == torch.__version__
    assert torch.backends.cpu.get_cpu_capability() in kind["device"]
    assert kind["dtype"] == "float32"
    assert all(isinstance(value, str) for value in kind.values())
    assert os.uname().nodename not in str(kind)


@pytest.mark.parametrize("tokens", [[9, 8, 7, 6, 5, 4, 3, 2, 1], [1], [1, 1], [100, 1, 1, 1], [3] * 40])
@pytest.mark.parametrize("parts", [1, 2, 3, 7, 50])
def test_parts_are_neighbours_and_every_shard_is_in_one(tokens, parts):
    made = [part_of(tokens, number, parts) for number in range(parts)]
    assert [shard for part in made for shard in part] == list(range(len(tokens)))
    loads = [sum(tokens[shard] for shard in part) for part in made]
    assert max(loads) <= sum(tokens) / parts + max(tokens)


@pytest.mark.parametrize(("batches", "shards", "wanted"), [(16, 4, 1), (4, 4, 4), (2, 8, 16), (1, 5, 20)])
def test_a_task_has_several_batches(monkeypatch, batches, shards, wanted):
    monkeypatch.undo()
    plan = SimpleNamespace(batches=SimpleNamespace(batches=range(batches), n_shards=shards))
    assert shards_a_task(plan) == wanted
    assert list(in_ranges(range(20), wanted)) == [
        list(range(first, min(first + min(wanted, 8), 20))) for first in range(0, 20, min(wanted, 8))
    ]


def test_tasks_are_runs_of_neighbours():
    assert list(in_ranges([0, 1, 5, 6])) == [[0], [1], [5], [6]]
    many = list(in_ranges([*range(200), *range(300, 400)]))
    assert max(map(len, many)) == 4
    assert [shard for run in many for shard in run] == [*range(200), *range(300, 400)]
    assert all(run == list(range(run[0], run[0] + len(run))) for run in many)


class Nobody(Executor):
    """Work is not shared out where there is none."""

    def submit(self, *given):
        raise AssertionError


def test_a_complete_run_needs_no_workers(model, whole):
    before = numbers_on_disk(whole)
    rd.capture(model, TEXTS, whole, executor=Nobody())
    assert numbers_on_disk(whole) == before
