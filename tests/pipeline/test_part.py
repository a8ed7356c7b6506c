"""Parts of a capture, as a job array computes them: staged without a lock, and committed by a plain capture."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest

from residyn.cli.running import run_command
from residyn.errors import UsageError
from residyn.model import capture as capturing
from residyn.pipeline import models
from residyn.pipeline.part import read_part
from residyn.settings import CrewSettings
from residyn.store import info, open_states, read_manifest, read_run, receipts
from residyn.store.layout import RUN
from store.producer import numbers_on_disk


@pytest.fixture(scope="module")
def asked(model_folder, texts_file):
    return ("--model", model_folder, "--texts", texts_file, "--min-chars", 0, "--n", 40)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "run"


@pytest.fixture(scope="module")
def whole(asked, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "run"
    assert run_command([str(one) for one in ("capture", out, *asked, "-q")]) == 0
    return numbers_on_disk(out)


@pytest.mark.parametrize("order", [(2, 0, 1, 2), (1, 2)], ids=["one twice", "one missing"])
def test_parts_in_any_order_and_a_plain_capture_are_one(residyn, asked, whole, order, out):
    for number in order:
        code, _, errors = residyn("capture", out, *asked, "--part", f"{number}/3", "-q")
        assert code == 0, errors
    assert info(out)["shards_committed"] == 0
    assert {receipt.shard for receipt in receipts(out, read_manifest(out))} == (
        {1, 2} if len(order) < 3 else {0, 1, 2}
    )
    _, printed, _ = residyn("verify", out, "--json")
    told = json.loads(printed)
    assert [one["shard"] for one in told["staged"]] == sorted(set(order))
    assert (told["unfinished"], told["unknown"]) == ([], [])
    shown = residyn("verify", out)[1]
    assert shown.count("staged/") == shown.count("the next capture") == len(set(order))
    assert shown.count("not captured yet") == 3 - len(set(order))
    with pytest.MonkeyPatch.context() as patch:
        if len(order) > 2:
            # What is all there needs no model.
            patch.setattr(models, "load", lambda *given: pytest.fail("a model was loaded"))
        code, _, errors = residyn("capture", out)
    assert code == 0, errors
    assert numbers_on_disk(out) == whole
    assert not (out / "staged").exists()


def test_a_part_that_comes_again_computes_nothing_twice(residyn, asked, tmp_path, monkeypatch):
    assert residyn("capture", tmp_path / "run", *asked, "--part", "0/2", "-q")[0] == 0
    before = sorted(path.name for path in (tmp_path / "run" / "staged").iterdir())
    code, _, errors = residyn("capture", tmp_path / "run", "--part", "0/2")
    assert code == 0, errors
    assert "0 are to be computed" in errors
    assert sorted(path.name for path in (tmp_path / "run" / "staged").iterdir()) == before


def test_parts_that_begin_together_make_one_run(asked, whole, tmp_path):
    codes = {}

    def part(number):
        codes[number] = run_command(
            [str(one) for one in ("capture", tmp_path / "run", *asked, "--part", f"{number}/3", "-q")]
        )

    threads = [threading.Thread(target=part, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {0: 0, 1: 0, 2: 0}
    assert read_run(tmp_path / "run")["request"]["n"] == 40
    assert run_command(["capture", str(tmp_path / "run"), "-q"]) == 0
    assert numbers_on_disk(tmp_path / "run") == whole


def test_a_part_of_another_kind_of_machine_is_refused_when_it_is_adopted(residyn, asked, tmp_path, monkeypatch):
    out = tmp_path / "run"
    assert residyn("capture", out, *asked, "--part", "0/3", "-q")[0] == 0
    real = capturing.kind_of
    monkeypatch.setattr(capturing, "kind_of", lambda model: {**real(model), "device": "another"})
    assert residyn("capture", out, "--part", "2/3", "-q")[0] == 0
    monkeypatch.undo()
    code, _, errors = residyn("capture", out, "-q")
    assert code == 5
    assert "now another" in errors
    assert "--mixed" in errors
    assert receipts(out, read_manifest(out))  # they are kept, and could be allowed
    code, _, errors = residyn("capture", out, "--mixed", "-q")
    assert code == 0
    assert "not bit-reproducible" in errors
    assert open_states(out).sizes["sample"] == 40
    assert len(read_run(out)["kinds"]) == 2
    assert not (out / RUN).read_text().count(os.uname().nodename)


def test_a_part_that_is_stopped_keeps_what_it_staged(residyn, asked, whole, tmp_path, monkeypatch):
    real = capturing.computed

    def pressed(plan, shards, progress=None):
        for made in real(plan, shards, progress):
            os.kill(os.getpid(), signal.SIGINT)
            yield made

    monkeypatch.setattr(capturing, "computed", pressed)
    code, _, errors = residyn("capture", tmp_path / "run", *asked, "--part", "0/1", "-q")
    assert code == 130
    assert "1 of 3 shards were staged" in errors
    monkeypatch.undo()
    assert residyn("capture", tmp_path / "run", "-q")[0] == 0
    assert numbers_on_disk(tmp_path / "run") == whole


@pytest.mark.parametrize("text", ["3/3", "-1/3", "1", "a/b", "0/0", "1/2/3", ""])
def test_what_is_no_part_is_told(text):
    with pytest.raises(UsageError, match=r"--part is I/N"):
        read_part(text, CrewSettings())


def test_a_part_and_workers_do_not_go_together():
    with pytest.raises(UsageError, match="got both"):
        read_part("0/2", CrewSettings(workers=2))
    with pytest.raises(UsageError, match=r"--workers .* got both"):
        CrewSettings(workers=2, scheduler="tcp://a:1").check(lambda name: f"--{name}")
