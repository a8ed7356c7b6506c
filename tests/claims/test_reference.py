"""docs/claims.md is made of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from handmade_claims import claimed, stated
from residyn.claims import reference as page
from residyn.claims.claim import RANKS
from residyn.claims.conditions import CONDITIONS, MASSIVE, POSITIONS, SIGNS, UNTRAINED
from residyn.claims.depth_nulls import FLIPPED_STEPS
from residyn.claims.reference import reference
from residyn.claims.registry import claims

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"


def test_the_page_is_what_the_claims_are():
    """Made anew by `python -m residyn.claims.reference > docs/claims.md`."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    table = reference().split(f"## {heading}\n\n")[1].split("\n\n")[0]
    lines = table.replace("\\|", "¦").splitlines()[2:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_every_claim_and_each_of_its_statistics_has_a_row():
    found = rows("The claims")
    assert [row[0] for row in found if row[0]] == [f"{one.number} {one.variant}".strip() for one in claims()]
    assert [row[1] for row in found if row[0]] == [one.claim for one in claims()]
    assert len(found) == sum(len(one.criteria) for one in claims())
    assert {len(row) for row in found} == {7}


def test_every_condition_that_a_claim_names_is_told():
    told = {row[0]: row[1:] for row in rows("The conditions")}
    assert list(told) == [one.name for one in CONDITIONS if one.name != "same samples"]
    for one in CONDITIONS:
        if one.name in told:
            assert told[one.name] == [one.title, one.preserves, one.destroys]
    assert {one.name for claim in claims() for one in claim.conditions} <= set(told)


@pytest.mark.parametrize(
    ("number", "row"),
    [
        (
            "1",
            [
                "rank correlation of mean ¦h¦ with depth, the weaker of both kinds",
                "above 0.5",
                "",
                "the curve's own steps with random signs",
                "random signs, shuffled tokens, permuted weights, untrained · "
                "random positions, without massive units",
            ],
        ),
        (
            "9",
            [
                "rise of velocity from the first places to the last",
                "above 0",
                "21.1",
                "",
                "shuffled tokens, permuted weights, untrained · "
                "random positions, norm-free, without massive units",
            ],
        ),
        (
            "10",
            [
                "share of samples that share their first state with others (a premise)",
                "below 0.5",
                "",
                "",
                "linear floor, random walk, shuffled tokens, permuted weights, untrained · random positions",
            ],
        ),
        (
            "14 CCN",
            [
                "largest ρ in the first third of the depth",
                "below 0.9",
                "",
                "each host's distance from the threshold with a random sign",
                "isotropic moves, untrained",
            ],
        ),
    ],
)
def test_a_row_has_what_a_statistic_must_be_and_what_the_paper_s_own_curves_give(number, row):
    (found,) = [one for one in rows("The claims") if one[0] == number]
    assert found[2:] == row


def test_claims_and_their_statistics_are_told_as_they_are_declared(monkeypatch):
    more = stated("y", above=False, threshold=-0.25, null=FLIPPED_STEPS, second=RANKS)
    first = stated("x", statistic="size |h| at the start", premise=True, second=RANKS)
    made = [
        claimed(first, more, number=3, variant="b", imitations=(SIGNS, UNTRAINED), removals=(MASSIVE,)),
        claimed(more, number=4, removals=(POSITIONS,)),
        claimed(more, number=5),
    ]
    monkeypatch.setattr(page, "claims", lambda: made)
    monkeypatch.setattr(page, "n_of_paper", lambda: 77)
    said = "first y; of ranks too", "below −0.25", "", "the curve's own steps with random signs"
    both = "random signs, untrained · without massive units"
    assert rows("The claims") == [
        ["3 b", "x grows", "size ¦h¦ at the start (a premise); of ranks too", "above 0.5", "", "", both],
        ["", "", *said, ""],
        ["4", "x grows", *said, "random positions"],
        ["5", "x grows", *said, ""],
    ]
    assert "The paper makes 77 claims" in reference()
    assert "so of 77 claims that nothing supports" in reference()
    assert "fewer than 5 groups" in reference()
    assert "≥ 3." in reference()
