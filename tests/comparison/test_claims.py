"""Verdicts side by side."""

from __future__ import annotations

from claims_record import verdicts_of
from residyn.comparison import claims_table


def test_verdicts_stand_in_order_of_claims_and_runs() -> None:
    first = verdicts_of(
        (14, "arXiv", "claim 14", "undecided"), (2, "", "claim 2", "does not hold"), (14, "", "claim 14", "holds")
    )
    other = verdicts_of((1, "", "in other words", "holds"), (2, "", "ignored", "holds"))
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
    table = claims_table({"a": None, "b": verdicts_of()})
    assert table.shape == (0, 2)
    assert list(table.columns) == ["a", "b"]
    assert list(table.index.names) == ["number", "variant", "claim"]
