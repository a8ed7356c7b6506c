"""What is said of a claim: every branch, and every word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handmade_claims import NAN, RECORDS, criterion, result, second, with_p
from residyn.claims.sentences import sentence

HOLDS, NOT, OPEN = criterion(), criterion(0.4, 0.3, 0.45), criterion(0.5, 0.4, 0.6)
GIVEN, DENIED = (replace(one, premise=True, statistic="start") for one in (HOLDS, NOT))
OPEN_PREMISE = replace(OPEN, premise=True, statistic="other start")
SHUFFLED = "the same places in random order"
IT_IS = "the rank correlation of x with depth is"


def typeset(words: str) -> str:
    """The words with spaces at which no line breaks, written ~ here."""
    return words.replace("~", "\u00a0")


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ([HOLDS], f"Holds: {IT_IS} 0.7 (0.6 to 0.8), above 0.5, p~=~0.01 against {SHUFFLED}."),
        ([criterion(null=None)], f"Holds: {IT_IS} 0.7 (0.6 to 0.8), above 0.5."),
        (
            [criterion(null=with_p(0.001))],
            f"Holds: {IT_IS} 0.7 (0.6 to 0.8), above 0.5, p~<~0.002 against {SHUFFLED}.",
        ),
        (
            [criterion(null=with_p(0.05, 19))],
            f"Holds: {IT_IS} 0.7 (0.6 to 0.8), above 0.5, p~=~0.05 against {SHUFFLED}.",
        ),
        (
            [criterion(-0.71234, -0.8, -0.6, threshold=-0.5, above=False, null=None)],
            f"Holds: {IT_IS} −0.712 (−0.8 to −0.6), below −0.5.",
        ),
        ([NOT], f"Does not hold: {IT_IS} 0.4 (0.3 to 0.45), not above 0.5."),
        (
            [criterion(0.4, 0.3, 0.45, null=with_p(NAN))],
            f"Does not hold: {IT_IS} 0.4 (0.3 to 0.45), not above 0.5.",
        ),
        (
            [criterion(0.95, 0.94, 0.96, threshold=0.9, above=False, null=None)],
            f"Does not hold: {IT_IS} 0.95 (0.94 to 0.96), not below 0.9.",
        ),
        ([OPEN], f"Undecided: {IT_IS} 0.5 (0.4 to 0.6), which includes 0.5."),
        (
            [criterion(-0.5, -0.6, -0.4, threshold=-0.5, above=False)],
            f"Undecided: {IT_IS} −0.5 (−0.6 to −0.4), which includes −0.5.",
        ),
        (
            [criterion(null=with_p(0.25))],
            f"Undecided: {IT_IS} 0.7 (0.6 to 0.8), above 0.5, "
            f"but not clearly beyond its null, {SHUFFLED} (p~=~0.25).",
        ),
        (
            [criterion(-0.7, -0.8, -0.6, threshold=-0.5, above=False, null=with_p(0.051))],
            f"Undecided: {IT_IS} −0.7 (−0.8 to −0.6), below −0.5, "
            f"but not clearly beyond its null, {SHUFFLED} (p~=~0.051).",
        ),
        (
            [criterion(null=with_p(1 / 16, 15))],
            f"Undecided: {IT_IS} 0.7 (0.6 to 0.8), above 0.5, "
            f"but its null, {SHUFFLED}, has too few draws to tell (15).",
        ),
        (
            [criterion(null=with_p(2 / 19, 18))],
            f"Undecided: {IT_IS} 0.7 (0.6 to 0.8), above 0.5, "
            f"but its null, {SHUFFLED}, has too few draws to tell (18).",
        ),
        (
            [criterion(null=with_p(0.25, 19))],
            f"Undecided: {IT_IS} 0.7 (0.6 to 0.8), above 0.5, "
            f"but not clearly beyond its null, {SHUFFLED} (p~=~0.25).",
        ),
        (
            [criterion(null=with_p(NAN, 0))],
            f"Undecided: {IT_IS} 0.7 (0.6 to 0.8), above 0.5, but its null could not be drawn.",
        ),
        ([criterion(NAN, NAN, NAN)], f"Undecided: {IT_IS} not defined on these states."),
        (
            [criterion(low=NAN, high=NAN)],
            f"Undecided: {IT_IS} 0.7, without an interval: there are too few samples or documents.",
        ),
        ([], "Undecided: nothing was measured."),
    ],
)
def test_the_sentence_says_what_was_seen(criteria, words):
    assert sentence(result(*criteria), RECORDS) == typeset(words)


def test_large_numbers_have_their_thousands_apart():
    made = criterion(12345.6, 11000, 1.3e7, threshold=9999.6, null=None)
    assert sentence(result(made), RECORDS) == f"Holds: {IT_IS} 12,346 (11,000 to 13,000,000), above 10,000."


YES, NO, MAYBE = (
    second(0.9, 0.8, 1.0, "holds"),
    second(-0.1234, -1, 0.1, "does not hold"),
    second(0.5, 0.4, 0.6, "undecided"),
)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (criterion(null=None, second=YES), f"Holds: {IT_IS} 0.7 (0.6 to 0.8), above 0.5."),
        (
            criterion(second=NO),
            f"Undecided: {IT_IS} 0.7 (0.6 to 0.8), and of ranks −0.123 (−1 to 0.1), which says something else.",
        ),
        (
            criterion(null=with_p(0.5), second=NO),
            f"Undecided: {IT_IS} 0.7 (0.6 to 0.8), and of ranks −0.123 (−1 to 0.1), which says something else.",
        ),
        (
            criterion(null=with_p(0.5), second=YES),
            f"Undecided: {IT_IS} 0.7 (0.6 to 0.8), above 0.5, "
            f"but not clearly beyond its null, {SHUFFLED} (p~=~0.5).",
        ),
        (
            criterion(0.4, 0.3, 0.45, second=YES),
            f"Undecided: {IT_IS} 0.4 (0.3 to 0.45), and of ranks 0.9 (0.8 to 1), which says something else.",
        ),
        (criterion(0.4, 0.3, 0.45, second=NO), f"Does not hold: {IT_IS} 0.4 (0.3 to 0.45), not above 0.5."),
        (
            criterion(0.5, 0.4, 0.6, second=YES),
            f"Undecided: {IT_IS} 0.5 (0.4 to 0.6), and of ranks 0.9 (0.8 to 1), which says something else.",
        ),
        (criterion(0.5, 0.4, 0.6, second=MAYBE), f"Undecided: {IT_IS} 0.5 (0.4 to 0.6), which includes 0.5."),
        (criterion(NAN, NAN, NAN, second=YES), f"Undecided: {IT_IS} not defined on these states."),
        (
            criterion(second=second(NAN, NAN, NAN, "undecided")),
            f"Undecided: {IT_IS} 0.7 (0.6 to 0.8), and of ranks not defined, which says something else.",
        ),
    ],
)
def test_of_two_estimates_that_say_different_things_both_are_told(made, words):
    assert sentence(result(made), RECORDS) == typeset(words)


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ([HOLDS, NOT, OPEN], f"Does not hold: {IT_IS} 0.4 (0.3 to 0.45), not above 0.5."),
        ([HOLDS, OPEN], f"Undecided: {IT_IS} 0.5 (0.4 to 0.6), which includes 0.5."),
        (
            [criterion(null=None), criterion(0.9, 0.8, 1.0, null=None)],
            f"Holds: {IT_IS} 0.7 (0.6 to 0.8), above 0.5; {IT_IS} 0.9 (0.8 to 1), above 0.5.",
        ),
        (
            [NOT, HOLDS, criterion(0.2, 0.1, 0.3)],
            f"Does not hold: {IT_IS} 0.4 (0.3 to 0.45), not above 0.5; {IT_IS} 0.2 (0.1 to 0.3), not above 0.5.",
        ),
        # Premises that do not hold are all there is to say, and those that do are nothing.
        ([DENIED, HOLDS], "Undecided: the start is 0.4 (0.3 to 0.45), not above 0.5."),
        ([DENIED, NOT, OPEN], "Undecided: the start is 0.4 (0.3 to 0.45), not above 0.5."),
        ([OPEN, OPEN_PREMISE, GIVEN], "Undecided: the other start is 0.5 (0.4 to 0.6), which includes 0.5."),
        (
            [DENIED, OPEN_PREMISE, HOLDS],
            "Undecided: the start is 0.4 (0.3 to 0.45), not above 0.5; "
            "the other start is 0.5 (0.4 to 0.6), which includes 0.5.",
        ),
        ([GIVEN, criterion(null=None)], f"Holds: {IT_IS} 0.7 (0.6 to 0.8), above 0.5."),
        ([GIVEN, NOT], f"Does not hold: {IT_IS} 0.4 (0.3 to 0.45), not above 0.5."),
        ([GIVEN, HOLDS, OPEN], f"Undecided: {IT_IS} 0.5 (0.4 to 0.6), which includes 0.5."),
        # Nothing but premises, and these hold.
        ([replace(GIVEN, null=None)], "Undecided: the start is 0.7 (0.6 to 0.8), above 0.5."),
    ],
)
def test_the_sentence_says_what_decided(criteria, words):
    assert sentence(result(*criteria), RECORDS) == words


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (criterion(null=None), "Holds: the median r, over the first third, is 0.7 (0.6 to 0.8), above 0.5."),
        (criterion(NAN), "Undecided: the median r, over the first third, is not defined on these states."),
    ],
)
def test_a_statistic_with_a_comma_is_closed_by_one(made, words):
    made = replace(made, statistic="median r, over the first third")
    assert sentence(result(made), RECORDS) == words


# What else shows it.

KEPT_BY_SKIP = "the spread of each unit and of its steps"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"reproduced_in": ("skip path",)},
            f" As much is seen in the skip path alone: it follows from {KEPT_BY_SKIP}.",
        ),
        (
            {"reproduced_in": ("random signs",)},
            " As much is seen in steps of the same size and random sign: it follows from the size of every step "
            "of every unit, and the first state.",
        ),
        (
            {"reproduced_in": ("random signs", "random walk", "skip path")},
            " As much is seen in steps of the same size and random sign, random walks of the same lengths and "
            "angles and the skip path alone: it follows from what these keep.",
        ),
        ({"passes_in": ("skip path",)}, " Less of it is seen in the skip path alone."),
        (
            {"reproduced_in": ("skip path",), "passes_in": ("random walk", "linear floor")},
            f" As much is seen in the skip path alone: it follows from {KEPT_BY_SKIP}. "
            "Less of it is seen in random walks of the same lengths and angles and linear correlation alone.",
        ),
        (
            {"reproduced_in": ("rotated basis",)},
            " As much is seen in a random basis: it says nothing of single units.",
        ),
        ({"passes_in": ("rotated basis",)}, ""),
        ({"reproduced_in": ("shuffled tokens",)}, " As much is seen with the same tokens in random order."),
        ({"passes_in": ("shuffled tokens",)}, " Less of it is seen with the same tokens in random order."),
        (
            {"reproduced_in": ("isotropic moves",)},
            " Moves in any direction come back as well: there is no basin of the plane.",
        ),
        (
            {"passes_in": ("isotropic moves",)},
            " Moves in any direction come back as well: there is no basin of the plane.",
        ),
        (
            {"abolished_by": ("norm-free", "without massive units")},
            " It is lost with steps taken relative to the state's length and the 10 most massive units left out.",
        ),
        ({"reproduced_in": ("untrained",)}, " Untrained networks of this architecture pass too."),
        (
            {"passes_in": ("untrained",), "origin": "architecture"},
            " Untrained networks of this architecture pass too.",
        ),
        (
            {"reproduced_in": ("permuted weights",), "origin": "scale"},
            " Untrained networks do not show it, but the trained weights with permuted entries do: "
            "it is their scale.",
        ),
        ({"reproduced_in": ("permuted weights",)}, ""),
        ({"origin": "learned"}, " Untrained networks of this architecture do not: it is learned."),
        ({"origin": "artefact"}, ""),
        ({"origin": "architecture"}, ""),
        (
            {
                "reproduced_in": ("random signs", "rotated basis", "shuffled tokens", "untrained"),
                "passes_in": ("skip path",),
                "abolished_by": ("norm-free",),
                "origin": "artefact",
            },
            " As much is seen in steps of the same size and random sign: it follows from the size of every step "
            "of every unit, and the first state. Less of it is seen in the skip path alone. As much is seen in "
            "a random basis: it says nothing of single units. As much is seen with the same tokens in random "
            "order. It is lost with steps taken relative to the state's length. Untrained networks of this "
            "architecture pass too.",
        ),
    ],
)
def test_the_sentence_says_what_else_shows_it(more, words):
    told = sentence(result(criterion(null=None), **more), RECORDS)
    assert told == f"Holds: {IT_IS} 0.7 (0.6 to 0.8), above 0.5.{words}"


def test_a_claim_of_the_end_of_texts_says_so_first():
    seen = f"Holds: {IT_IS} 0.7 (0.6 to 0.8), above 0.5."
    said = f"Only at the end of texts, and not in texts cut at a random token. {seen}"
    alone = result(criterion(null=None), abolished_by=("random positions",), origin="artefact")
    assert sentence(alone, RECORDS) == said
    also = replace(alone, abolished_by=("random positions", "norm-free"))
    lost = "It is lost with steps taken relative to the state's length."
    assert sentence(also, RECORDS, "Beware.") == f"{said} {lost} Beware."


@pytest.mark.parametrize("made", [OPEN, NOT])
def test_what_does_not_hold_needs_no_explanation(made):
    explained = result(
        made, reproduced_in=("skip path", "untrained"), passes_in=("shuffled tokens",), origin="learned"
    )
    assert sentence(explained, RECORDS) == sentence(result(made), RECORDS)


@pytest.mark.parametrize("made", [OPEN, NOT, criterion(null=None), criterion(NAN)])
def test_a_caution_ends_the_sentence_whatever_the_verdict(made):
    assert sentence(result(made), RECORDS, "Beware.") == f"{sentence(result(made), RECORDS)} Beware."
    assert sentence(result(), RECORDS, "Beware.") == "Undecided: nothing was measured. Beware."
