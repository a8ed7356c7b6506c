"""Verdicts side by side, from files that may come from anywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from residyn.analysis.comparison import claims_table, read_claims
from residyn.analysis.comparison.claims import MAX_BYTES, MAX_CLAIMS
from residyn.errors import StoreError


def claim(number: int, verdict: str = "holds", variant: str = "", **more: Any) -> dict[str, Any]:
    return {
        "number": number, "variant": variant, "claim": f"claim {number}", "panel": "B", "verdict": verdict,
        "sentence": "so it is", "origin": "learned", "also_in": [], "parts": [], **more,
    }  # fmt: skip


def record(*claims: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "format": "residyn claims", "format_version": 1, "model": "tiny", "n_samples": 30,
        "claims": list(claims), **more,
    }  # fmt: skip


@pytest.fixture
def write(tmp_path: Path):
    def to_file(content: Any) -> Path:
        path = tmp_path / "claims.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return to_file


def test_a_record_is_read_as_it_was_written(write) -> None:
    written = record(claim(1), claim(14, "undecided"), claim(14, "does not hold", "arXiv", origin=""))
    assert read_claims(write(written)) == written


def test_verdicts_stand_in_order_of_claims_and_runs() -> None:
    first = record(claim(14, "undecided", "arXiv"), claim(2, "does not hold"), claim(14))
    other = record(claim(1, claim="in other words"), claim(2, claim="ignored"))
    table = claims_table({"b": first, "none": None, "a": other})
    assert list(table.columns) == ["b", "none", "a"]
    assert list(table.index) == [
        (1, "", "in other words"), (2, "", "claim 2"), (14, "", "claim 14"), (14, "arXiv", "claim 14"),
    ]  # fmt: skip
    assert table.to_numpy().tolist() == [
        ["—", "—", "holds"],
        ["does not hold", "—", "holds"],
        ["holds", "—", "—"],
        ["undecided", "—", "—"],
    ]


def test_runs_without_any_claims_have_no_rows() -> None:
    table = claims_table({"a": None, "b": record()})
    assert table.shape == (0, 2)
    assert list(table.columns) == ["a", "b"]
    assert list(table.index.names) == ["number", "variant", "claim"]


WRONG = [
    ([], "it should be a mapping, got list"),
    (record(format="other"), '"format" should be "residyn claims", got \'other\''),
    (record(format_version=2), '"format_version" should be 1, got 2'),
    (record(format_version=True), '"format_version" should be 1, got True'),
    (record(model=3), '"model" should be text'),
    (record(model="x" * 2001), '"model" should be text of at most 2,000 letters'),
    (record(n_samples="many"), '"n_samples" should be a whole number'),
    (record(claims={}), '"claims" should be a list of at most 200, got dict of 0'),
    (record(*[claim(n) for n in range(MAX_CLAIMS + 1)]), "got list of 201"),
    (record(claim(1), 7), r'"claims\[1\]" should be a mapping, got int'),  # type: ignore[arg-type]
    (record(claim(1), claim(-1)), r'"claims\[1\].number" should be a whole number'),
    (record(claim(1, variant=None)), r'"claims\[0\].variant" should be text'),
    (record(claim(1, claim="\ud800")), r'"claims\[0\].claim" should be text'),
    (record(claim(1, sentence=[])), r'"claims\[0\].sentence" should be text'),
    (record(claim(1, "maybe\x1b[31m")), r"verdict\" should be one of 'holds', .*got 'maybe\\x1b\[31m'"),
    (record(claim(1, ["holds"])), r'"claims\[0\].verdict" should be one of'),  # type: ignore[arg-type]
    (record(claim(1, origin="magic")), r'"claims\[0\].origin" should be one of'),
    (record(claim(3, variant="x"), claim(3, variant="x")), r'"claims\[1\].number" names claim .* a second time'),
]


@pytest.mark.parametrize(("content", "said"), WRONG)
def test_what_is_wrong_is_named(write, content: Any, said: str) -> None:
    path = write(content)
    with pytest.raises(StoreError, match=said) as caught:
        read_claims(path)
    assert str(path) in str(caught.value)
    assert "residyn claims" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_files_that_are_no_records_are_refused(write, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a JSON record"):
        read_claims(write("{"))
    with pytest.raises(StoreError, match="not a JSON record"):
        read_claims(write("[" * 100_000))
    with pytest.raises(StoreError, match="cannot be read"):
        read_claims(tmp_path / "absent.json")
    with pytest.raises(StoreError, match="cannot be read"):
        read_claims(tmp_path)
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(StoreError, match="16,777,217 bytes"):
        read_claims(tmp_path / "large.json")
