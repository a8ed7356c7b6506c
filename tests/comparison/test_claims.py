"""Verdicts side by side."""

from __future__ import annotations

from claims_record import example_verdicts, verdicts_of
from residyn.claims.conditions import CONDITIONS
from residyn.claims.record import ORIGINS, VERDICTS
from residyn.claims.registry import claims
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


def test_where_a_claim_comes_from_stands_behind_the_verdict() -> None:
    origins = ("learned", "scale", "architecture", "artefact", "")
    judged = verdicts_of(*((i + 1, "", "words", "holds", origin) for i, origin in enumerate(origins)))
    assert claims_table({"a": judged})["a"].tolist() == [
        "holds (learned)",
        "holds (scale)",
        "holds (architecture)",
        "holds (artefact)",
        "holds",
    ]


def test_the_example_has_every_verdict_and_every_origin() -> None:
    judged = example_verdicts()
    assert len(judged.claims) == len(claims())
    assert {one.verdict for one in judged.claims} == set(VERDICTS)
    assert {one.origin for one in judged.claims} == set(ORIGINS)
    assert {one.name for one in judged.conditions} == {one.name for one in CONDITIONS}
    cells = claims_table({"a": judged})["a"]
    assert cells.loc[5, "", :].tolist() == ["holds (artefact)"]
    assert cells.loc[14, "CCN", :].tolist() == ["does not hold"]
