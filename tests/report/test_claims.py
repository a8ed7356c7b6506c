"""The verdicts as rows: each number of a claim once, beside its null and untrained networks."""

from __future__ import annotations

import json

import pytest

from claims_record import example_claims, old_record
from residyn.figures.pages import PAGES
from residyn.figures.registry import declared
from residyn.report.claims import anchor_of, claim_rows, claims_of
from residyn.runs.verdicts import read_verdicts


def read(record, tmp_path):
    (tmp_path / "claims.json").write_text(json.dumps(record))
    return read_verdicts(tmp_path / "claims.json")


@pytest.fixture
def verdicts(tmp_path):
    record = example_claims()
    for one in record["claims"][4]["criteria"]:
        one["conditions"]["untrained"] |= {"value": 0.2, "low": 0.1, "high": 0.3}
    return read(record, tmp_path)


def test_each_statistic_has_a_row_with_what_untrained_networks_show(verdicts):
    rows = claim_rows(verdicts)
    assert [row.result for row in rows] == list(verdicts.claims)
    for row in rows:
        assert [one.result for one in row.statistics] == list(row.result.criteria)
    assert [one.untrained for one in rows[4].statistics] == ["0.2 (0.1 to 0.3)"] * len(rows[4].statistics)
    for row in rows:
        for one in row.statistics:
            assert bool(one.untrained) == any(
                name in one.result.conditions
                and one.result.conditions[name].value == one.result.conditions[name].value
                for name in ("untrained", "untrained teleports")
            )
    assert claim_rows(None) == ()


def test_what_else_shows_a_claim_stands_by_name_and_in_words(tmp_path):
    record = example_claims()
    claim = record["claims"][7]
    claim |= {
        "verdict": "holds",
        "reproduced_in": ["random signs"],
        "passes_in": ["shuffled tokens"],
        "abolished_by": ["without massive units"],
    }
    row = claim_rows(read(record, tmp_path))[7]
    assert row.also == "random signs; less in shuffled tokens; lost: without massive units"
    assert "As much is seen in steps of the same size and random sign" in row.remarks
    assert "Less of it is seen with the same tokens in random order." in row.remarks
    assert "It is lost with the 10 most massive units left out." in row.remarks
    claim["verdict"] = "does not hold"
    assert claim_rows(read(record, tmp_path))[7].remarks == ""


def test_every_claim_rests_on_one_panel(verdicts):
    moving = [panel.stem for panel in declared() if panel.figure in PAGES]
    found = [claim for name in (*"ABCDEFGHIJKL", *moving) for claim in claims_of(verdicts, name)]
    assert sorted(found, key=lambda claim: claim.number) == sorted(verdicts.claims, key=lambda claim: claim.number)
    assert claims_of(None, "C") == claims_of(verdicts, "A") == ()
    assert len({anchor_of(claim) for claim in verdicts.claims}) == len(verdicts.claims)


def test_verdicts_of_format_1_have_their_rows(tmp_path):
    rows = claim_rows(read(old_record(), tmp_path))
    assert "−0.4" in rows[0].statistics[0].untrained
