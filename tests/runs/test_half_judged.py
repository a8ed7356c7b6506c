"""What an interrupted judgement leaves: a line a task; damage costs the damaged line alone."""

from __future__ import annotations

import json
import math

import pytest

from residyn.errors import StoreError
from residyn.runs.half_judged import HalfJudged
from residyn.store.records import sha256_of_record

OF = "f" * 64
FIRST = {"model": {"trend": [0.5, math.nan, 2]}}
SECOND = {"condition/untrained/0": {"trend": [1.25]}}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "claims.partial.json"


@pytest.fixture
def content(path) -> bytes:
    """A file of two tasks."""
    judged = HalfJudged(path, OF)
    judged.keep(FIRST)
    judged.keep(FIRST | SECOND)
    return path.read_bytes()


def test_each_task_is_appended_once(path, content):
    first, second = map(json.loads, content.splitlines())
    assert first["made"] == {"model": {"trend": [0.5, None, 2]}}
    assert second["made"] == SECOND
    again = HalfJudged(path, OF)
    again.keep(FIRST | SECOND)
    assert path.read_bytes() == content
    assert set(again.ledger) == {"model", "condition/untrained/0"}
    found = again.ledger["model"]["trend"]
    assert found[::2] == [0.5, 2]
    assert math.isnan(found[1])


def test_nothing_is_written_before_there_is_something(path):
    judged = HalfJudged(path, OF)
    judged.keep({})
    assert not path.exists()


@pytest.mark.parametrize("lost", range(2, 120, 13))
def test_wherever_the_last_line_was_cut_the_first_one_stays(path, content, lost):
    path.write_bytes(content[:-lost])
    judged = HalfJudged(path, OF)
    assert set(judged.ledger) == {"model"}
    assert path.read_bytes() == content.splitlines(keepends=True)[0]
    judged.keep(FIRST | SECOND)
    assert path.read_bytes() == content


def test_a_line_that_lacks_its_end_alone_is_whole(path, content):
    path.write_bytes(content[:-1])
    assert set(HalfJudged(path, OF).ledger) == {"model", "condition/untrained/0"}
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "damage",
    [
        lambda line: line.replace(b"0.5", b"0.6"),
        lambda line: line.replace(b"model", b"modem"),
        lambda line: line.replace(b"f" * 64, b"e" * 64),
        lambda line: b"[1, 2]",
        lambda line: b'{"made": ',
        lambda line: b"\xff\xfe",
        lambda line: b"[" * 100_000,
    ],
)
def test_a_damaged_line_is_dropped_and_the_others_stay(path, content, damage):
    first, second = content.splitlines()
    path.write_bytes(damage(first) + b"\n" + second + b"\n")
    assert set(HalfJudged(path, OF).ledger) == {"condition/untrained/0"}
    assert path.read_bytes() == second + b"\n"


def test_what_is_left_of_another_judgement_is_dropped(path, content):
    assert HalfJudged(path, "e" * 64).ledger == {}
    assert path.read_bytes() == b""


def test_a_place_that_cannot_be_written_is_told(path):
    path.mkdir()
    with pytest.raises(StoreError, match=r"Writing claims\.partial\.json"):
        HalfJudged(path, OF)


@pytest.mark.parametrize(
    "made", [[1], {"model": 3}, {"model": {"x": 1}}, {"model": {"x": ["1"]}}, {"model": {"x": [True]}}, "text"]
)
def test_what_is_no_ledger_is_dropped_though_its_hash_is_right(path, made):
    path.write_text(json.dumps({"fingerprint": OF, "made": made, "sha256": sha256_of_record([OF, made])}) + "\n")
    assert HalfJudged(path, OF).ledger == {}
    assert path.read_bytes() == b""
