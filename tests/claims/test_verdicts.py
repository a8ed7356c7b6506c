"""Verdicts, origins and sentences of records made by hand: every branch, and every word."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from residyn.claims.columns import SAID, SAME, column
from residyn.claims.parts import Found

from residyn.claims import record, verdicts
from residyn.claims.assemble import assemble
from residyn.claims.claim import Claim
from residyn.claims.record import ClaimResult, ColumnResult, NullResult, Origin, PartResult
from residyn.claims.registry import claims as all_claims
from residyn.numerics.groups import replicate_weights
from residyn.quantities.replicates import Plan

NAN = math.nan
NULL = NullResult("the same places in random order", 0.1, 0.01, 999, "values", "depth")
COLUMNS = {name: column(name, 40, 3) for name in SAID}


def part(
    value=0.7, low=0.6, high=0.8, *, threshold=0.5, above=True, null: NullResult | None = NULL, columns=None
) -> PartResult:
    """A statistic whose verdict is what the rules say."""
    made = PartResult(
        "x_trend", "rank correlation of x with depth", "1", value, low, high, threshold, above, "undecided", null,
        columns or {},
    )  # fmt: skip
    return replace(made, verdict=verdicts.part_verdict(made))


def with_p(p: float) -> NullResult:
    return replace(NULL, p=p)


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (part(), "holds"),
        (part(null=None), "holds"),
        (part(null=with_p(0.05)), "holds"),
        (part(null=with_p(0.0501)), "undecided"),
        (part(null=with_p(NAN)), "undecided"),
        (part(low=0.5), "undecided"),
        (part(low=0.501), "holds"),
        (part(0.4, 0.3, 0.5), "does not hold"),
        (part(0.4, 0.3, 0.501), "undecided"),
        (part(0.4, 0.3, 0.45, null=with_p(0.001)), "does not hold"),
        (part(0.4, 0.3, 0.45, null=with_p(NAN)), "does not hold"),
        (part(NAN), "undecided"),
        (part(low=NAN), "undecided"),
        (part(high=NAN), "undecided"),
        (part(0.4, 0.3, NAN), "undecided"),
        (part(-0.7, -0.8, -0.6, threshold=-0.5, above=False), "holds"),
        (part(-0.7, -0.8, -0.5, threshold=-0.5, above=False), "undecided"),
        (part(-0.7, -0.8, -0.6, threshold=-0.5, above=False, null=with_p(0.06)), "undecided"),
        (part(-0.4, -0.5, -0.3, threshold=-0.5, above=False), "does not hold"),
        (part(-0.4, -0.501, -0.3, threshold=-0.5, above=False), "undecided"),
        (part(0.7, 0.6, 0.8, threshold=-0.5, above=False), "does not hold"),
    ],
)
def test_a_statistic_speaks_for_its_claim_beyond_threshold_and_null(made, verdict):
    assert made.verdict == verdict


HOLDS, NOT, OPEN = part(), part(0.4, 0.3, 0.45), part(0.5, 0.4, 0.6)


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ([HOLDS], "holds"),
        ([HOLDS, HOLDS], "holds"),
        ([HOLDS, OPEN], "undecided"),
        ([OPEN, NOT, HOLDS], "does not hold"),
        ([NOT], "does not hold"),
        ([OPEN], "undecided"),
        ([], "undecided"),
    ],
)
def test_a_claim_holds_where_all_its_statistics_do(parts, verdict):
    assert verdicts.claim_verdict(parts) == verdict


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["t"], True),
        (["t", "t"], True),
        (["t", "f"], False),
        (["f", "f"], False),
        (["t", "u"], None),
        (["f", "u"], None),
        (["t", ""], None),
        ([""], None),
        ([], None),
    ],
)
def test_a_column_passes_where_all_statistics_do(found, expected):
    said = {"t": True, "f": False, "u": None}
    parts = [part(columns={"skip path": ColumnResult(0.9, said[one])} if one else {}) for one in found]
    assert record.passes(parts, "skip path") is expected


CLAIM = Claim(
    99, "x grows", "B", (),
    ("random signs", "rotated basis", "skip path", "isotropic moves", "shuffled tokens", "untrained"),
    ("without massive units", "norm-free"),
)  # fmt: skip


def beside(
    passes: dict[str, bool | None], low: float = 0.1, high: float = 0.3, *, above: bool = True
) -> PartResult:
    """A statistic that holds, and whether it passes in these columns."""
    columns = {name: ColumnResult(0.6, said) for name, said in ({"same samples": True} | passes).items()}
    for name in {"without massive units", "norm-free"} & passes.keys():
        columns[name] = ColumnResult(0.4, passes[name], 0.3, 0.5, (low + high) / 2, low, high)
    if "untrained" in columns:
        columns["untrained"] = ColumnResult(0.4, passes["untrained"], 0.3, 0.5, (low + high) / 2, low, high)
    if above:
        return part(columns=columns)
    return part(-0.7, -0.8, -0.6, threshold=-0.5, above=False, columns=columns)


@pytest.mark.parametrize(
    ("passes", "origin"),
    [
        ({}, ""),
        ({"untrained": False}, "learned"),
        ({"untrained": True}, "architecture"),
        ({"untrained": None}, ""),
        ({"untrained": False, "random signs": True}, "artefact"),
        ({"untrained": True, "random signs": True}, "artefact"),
        ({"untrained": False, "random signs": False}, "learned"),
        ({"untrained": False, "random signs": None}, "learned"),
        ({"untrained": False, "skip path": True}, "artefact"),
        ({"skip path": True}, "artefact"),
        ({"untrained": False, "rotated basis": True}, "learned"),
        ({"untrained": False, "isotropic moves": True}, "learned"),
        ({"untrained": False, "shuffled tokens": True}, "learned"),
        ({"untrained": False, "without massive units": False}, "artefact"),
        ({"untrained": True, "norm-free": False}, "artefact"),
        ({"untrained": False, "without massive units": True}, "learned"),
        ({"untrained": False, "without massive units": None}, "learned"),
        ({"untrained": False, "random walk": True}, "learned"),  # no imitation of this claim
        ({"untrained": False, "same samples": True}, "learned"),
    ],
)
def test_where_a_claim_comes_from(passes, origin):
    assert verdicts.origin(CLAIM, [beside(passes)], COLUMNS) == origin


@pytest.mark.parametrize(
    ("made", "origin"),
    [
        ([beside({"untrained": False}, 0.0, 0.3)], ""),
        ([beside({"untrained": False}, -0.1, 0.3)], ""),
        ([beside({"untrained": False}, NAN, NAN)], ""),
        ([beside({"untrained": False}, -0.3, -0.1, above=False)], "learned"),
        ([beside({"untrained": False}, -0.3, 0.0, above=False)], ""),
        ([beside({"untrained": False}, 0.1, 0.3, above=False)], ""),
        ([beside({"untrained": True}, -0.1, 0.1), beside({"untrained": False})], "learned"),
        ([beside({"untrained": True}), beside({"untrained": False}, -0.1, 0.1)], ""),
        ([beside({"untrained": False}), beside({"untrained": False}, -0.1, 0.1)], ""),
        ([beside({"untrained": False}), beside({"untrained": None})], ""),
    ],
)
def test_what_is_learned_differs_from_untrained_models_wherever_these_fall_short(made, origin):
    assert verdicts.origin(CLAIM, made, COLUMNS) == origin


def test_what_was_not_taken_away_loses_nothing():
    made = [beside({"without massive units": False})]
    assert verdicts.lost_in(CLAIM, made, COLUMNS) == ("without massive units",)
    assert verdicts.lost_in(CLAIM, made, {}) == ()
    assert verdicts.lost_in(CLAIM, [beside({"without massive units": True})], COLUMNS) == ()


def test_what_is_lost_clearly_differs():
    lost = {"without massive units": False}
    name = ("without massive units",)
    assert verdicts.lost_in(CLAIM, [beside(lost, 0.0, 0.3)], COLUMNS) == ()
    assert verdicts.lost_in(CLAIM, [beside(lost, NAN, NAN)], COLUMNS) == ()
    assert verdicts.lost_in(CLAIM, [beside(lost, -0.3, -0.1, above=False)], COLUMNS) == name
    assert verdicts.lost_in(CLAIM, [beside(lost, 0.1, 0.3, above=False)], COLUMNS) == ()
    # One statistic suffices, and one that passes there is none.
    passing = beside({"without massive units": True})
    assert verdicts.lost_in(CLAIM, [passing, beside(lost)], COLUMNS) == name
    assert verdicts.lost_in(CLAIM, [passing, beside(lost, -0.1, 0.3)], COLUMNS) == ()


def test_what_the_controls_samples_lack_was_not_taken_away():
    for own in (False, None):
        made = [beside({"without massive units": False, "norm-free": False, "same samples": own})]
        assert verdicts.lost_in(CLAIM, made, COLUMNS) == ("norm-free",)


def test_imitations_are_told_in_the_order_of_the_catalogue():
    made = [beside({"untrained": True, "skip path": True, "random signs": True, "norm-free": True})]
    assert verdicts.also_in(CLAIM, made) == ("random signs", "skip path", "untrained")


def result(*parts: PartResult, also_in=(), lost_in=(), origin: Origin = "") -> ClaimResult:
    verdict = verdicts.claim_verdict(parts)
    return ClaimResult(99, "", "x grows", "B", verdict, "", origin, also_in, lost_in, parts)


ORDER_SAID = "the same places in random order"
SAID_OF_ONE = "the rank correlation of x with depth is"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([part()], f"Holds: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5, p = 0.01 against {ORDER_SAID}."),
        ([part(null=None)], f"Holds: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5."),
        (
            [part(null=with_p(0.001))],
            f"Holds: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5, p < 0.002 against {ORDER_SAID}.",
        ),
        (
            [part(-0.71234, -0.8, -0.6, threshold=-0.5, above=False, null=None)],
            f"Holds: {SAID_OF_ONE} −0.712 (−0.8 to −0.6), below −0.5.",
        ),
        ([NOT], f"Does not hold: {SAID_OF_ONE} 0.4 (0.3 to 0.45), not above 0.5."),
        (
            [part(0.95, 0.94, 0.96, threshold=0.9, above=False, null=None)],
            f"Does not hold: {SAID_OF_ONE} 0.95 (0.94 to 0.96), not below 0.9.",
        ),
        ([OPEN], f"Undecided: {SAID_OF_ONE} 0.5 (0.4 to 0.6), which includes 0.5."),
        (
            [part(null=with_p(0.25))],
            f"Undecided: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5, "
            "but not clearly beyond its null, the same places in random order (p = 0.25).",
        ),
        (
            [part(null=replace(NULL, p=1 / 16, repeats=15))],
            f"Undecided: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5, "
            "but its null, the same places in random order, has too few draws to tell (15).",
        ),
        (
            [part(null=replace(NULL, p=0.25, repeats=19))],
            f"Undecided: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5, "
            "but not clearly beyond its null, the same places in random order (p = 0.25).",
        ),
        (
            [part(null=with_p(NAN))],
            f"Undecided: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5, but its null could not be drawn.",
        ),
        ([part(NAN, NAN, NAN)], f"Undecided: {SAID_OF_ONE} not defined on these states."),
        (
            [part(low=NAN, high=NAN)],
            f"Undecided: {SAID_OF_ONE} 0.7, without an interval: there are too few samples or documents.",
        ),
        ([], "Undecided: nothing was measured."),
        (
            [HOLDS, NOT, OPEN],
            f"Does not hold: {SAID_OF_ONE} 0.4 (0.3 to 0.45), not above 0.5.",
        ),
        ([HOLDS, OPEN], f"Undecided: {SAID_OF_ONE} 0.5 (0.4 to 0.6), which includes 0.5."),
        (
            [part(null=None), part(0.9, 0.8, 1.0, null=None)],
            f"Holds: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5; {SAID_OF_ONE} 0.9 (0.8 to 1), above 0.5.",
        ),
    ],
)  # fmt: skip
def test_the_sentence_says_what_decided(parts, words):
    assert verdicts.sentence(result(*parts), COLUMNS) == words


def test_a_statistic_with_a_comma_is_closed_by_one():
    made = replace(part(null=None), statistic="median r, over the first third")
    said = verdicts.sentence(result(made), COLUMNS)
    assert said == "Holds: the median r, over the first third, is 0.7 (0.6 to 0.8), above 0.5."


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"also_in": ("skip path",)},
            " As much is seen in the skip path alone: it follows from the spread of each unit and of its steps.",
        ),
        (
            {"also_in": ("random signs", "random walk", "skip path")},
            " As much is seen in steps of the same size and random sign, random walks of the same lengths and "
            "angles and the skip path alone: it follows from what these keep.",
        ),
        ({"also_in": ("rotated basis",)}, " So it is in a random basis: it says nothing of single units."),
        ({"also_in": ("shuffled tokens",)}, " So it is with the same tokens in random order."),
        (
            {"also_in": ("isotropic moves",)},
            " Moves in any direction are pulled as much: there is no basin of the plane.",
        ),
        (
            {"lost_in": ("norm-free", "without massive units")},
            " It is lost with steps taken relative to the state's length and the 10 most massive units left out.",
        ),
        ({"also_in": ("untrained",)}, " Untrained models of this architecture do the same."),
        ({"origin": "learned"}, " Untrained models of this architecture do not: it is learned."),
        ({"origin": "artefact"}, ""),
        (
            {"also_in": ("untrained", "shuffled tokens"), "lost_in": ("norm-free",)},
            " So it is with the same tokens in random order. It is lost with steps taken relative to the state's "
            "length. Untrained models of this architecture do the same.",
        ),
    ],
)
def test_the_sentence_says_what_else_shows_it(more, words):
    told = verdicts.sentence(result(part(null=None), **more), COLUMNS)
    assert told == f"Holds: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5.{words}"


@pytest.mark.parametrize("made", [OPEN, NOT])
def test_what_does_not_hold_needs_no_explanation(made):
    plain = verdicts.sentence(result(made), COLUMNS)
    explained = verdicts.sentence(result(made, also_in=("skip path", "untrained")), COLUMNS)
    assert plain == explained


def test_a_caution_ends_the_sentence():
    told = verdicts.sentence(result(part(null=None)), COLUMNS, "Beware.")
    assert told == f"Holds: {SAID_OF_ONE} 0.7 (0.6 to 0.8), above 0.5. Beware."


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (-0.5, "−0.5"), (12.3456, "12.3"), (1.0, "1"), (0.00001, "1e−05"), (0.0, "0")],
)
def test_numbers_have_three_digits(value, text):
    assert verdicts.number(value) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.001, "p < 0.002"), (0.002, "p = 0.002"), (0.0476, "p = 0.048"), (1.0, "p = 1")]
)
def test_p_is_told_to_two_digits_or_as_below_what_draws_can_tell(p, text):
    assert verdicts.p_text(p) == text


def assembled(tie_fraction: float) -> dict[int, str]:
    """Sentences of claims whose statistics are all not defined."""
    plan = Plan(group=np.zeros(4, dtype=np.int64), weights=replicate_weights(4, 20, 0), seed=0)
    found = Found({"model": {}, SAME: {}, "curve nulls": {}}, {}, plan, plan, 0, 20)
    _, claims = assemble(found, all_claims(), tie_fraction)
    return {claim.number: claim.sentence for claim in claims}


@pytest.mark.parametrize(("share", "said"), [(0.5, set()), (0.51, {6, 10, 11, 12})])
def test_claims_of_the_first_sublayers_are_told_with_a_caution_where_last_tokens_repeat(share, said):
    sentences = assembled(share)
    caution = "51% of the samples share their last token with others: the first sublayers rest on few values."
    assert {number for number, told in sentences.items() if told.endswith(caution)} == said
    assert all("last token" not in told for number, told in sentences.items() if number not in said)


def test_a_measure_that_no_task_left_behind_is_not_defined():
    assert all("not defined on these states" in told for told in assembled(0.0).values())
    assert sorted(assembled(0.0)) == list(range(1, 15))


def test_every_control_that_a_claim_names_can_be_told_of():
    named = set(itertools.chain.from_iterable((*claim.imitations, *claim.removals) for claim in all_claims()))
    assert named <= set(SAID)
    assert {SAID[name].kind for claim in all_claims() for name in claim.removals} == {"removal"}
    assert "removal" not in {SAID[name].kind for claim in all_claims() for name in claim.imitations}
