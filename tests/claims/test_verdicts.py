"""Verdicts and origins of records made by hand: every branch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handmade_claims import NAN, claimed, criterion, result, second, tried, with_p
from residyn.claims import verdicts
from residyn.claims.conditions import (
    CONDITIONS,
    ISOTROPIC,
    LINEAR,
    MASSIVE,
    NORM_FREE,
    PERMUTED,
    POSITIONS,
    ROTATED,
    SIGNS,
    SKIP,
    TOKENS,
    UNTRAINED,
    WALK,
    Role,
)
from residyn.claims.record import ClaimResult
from residyn.claims.registry import claims as all_claims

# Criteria.


@pytest.mark.parametrize(
    ("made", "verdict"),
    [
        (criterion(), "holds"),
        (criterion(null=None), "holds"),
        (criterion(null=with_p(0.05)), "holds"),
        (criterion(null=with_p(0.0501)), "undecided"),
        (criterion(null=with_p(NAN)), "undecided"),
        (criterion(low=0.5), "undecided"),
        (criterion(low=0.501), "holds"),
        (criterion(0.4, 0.3, 0.5), "does not hold"),
        (criterion(0.4, 0.3, 0.501), "undecided"),
        (criterion(0.4, 0.3, 0.45, null=with_p(0.001)), "does not hold"),
        (criterion(0.4, 0.3, 0.45, null=with_p(NAN)), "does not hold"),
        (criterion(NAN), "undecided"),
        (criterion(low=NAN), "undecided"),
        (criterion(high=NAN), "undecided"),
        (criterion(0.4, 0.3, NAN), "undecided"),
        (criterion(0.4, NAN, 0.45), "undecided"),
        (criterion(high=float("inf")), "undecided"),
        (criterion(-0.7, -0.8, -0.6, threshold=-0.5, above=False), "holds"),
        (criterion(-0.7, -0.8, -0.5, threshold=-0.5, above=False), "undecided"),
        (criterion(-0.7, -0.8, -0.6, threshold=-0.5, above=False, null=with_p(0.06)), "undecided"),
        (criterion(-0.4, -0.5, -0.3, threshold=-0.5, above=False), "does not hold"),
        (criterion(-0.4, -0.501, -0.3, threshold=-0.5, above=False), "undecided"),
        (criterion(0.7, 0.6, 0.8, threshold=-0.5, above=False), "does not hold"),
    ],
)
def test_a_statistic_speaks_for_its_claim_beyond_threshold_and_null(made, verdict):
    assert made.verdict == verdict


YES, NO, MAYBE = (
    second(0.9, 0.8, 1.0, "holds"),
    second(0, -1, 0.1, "does not hold"),
    second(0, -1, 1, "undecided"),
)


@pytest.mark.parametrize(
    ("value", "p", "other", "verdict", "differs"),
    [
        ((0.7, 0.6, 0.8), 0.01, None, "holds", False),
        ((0.7, 0.6, 0.8), 0.01, YES, "holds", False),
        ((0.7, 0.6, 0.8), 0.01, NO, "undecided", True),
        ((0.7, 0.6, 0.8), 0.01, MAYBE, "undecided", True),
        ((0.4, 0.3, 0.45), 0.01, YES, "undecided", True),
        ((0.4, 0.3, 0.45), 0.01, NO, "does not hold", False),
        ((0.4, 0.3, 0.45), 0.01, MAYBE, "undecided", True),
        ((0.5, 0.4, 0.6), 0.01, YES, "undecided", True),
        ((0.5, 0.4, 0.6), 0.01, NO, "undecided", True),
        ((0.5, 0.4, 0.6), 0.01, MAYBE, "undecided", False),
        ((NAN, NAN, NAN), NAN, MAYBE, "undecided", False),
        # A null that is not beaten is no disagreement of two estimates.
        ((0.7, 0.6, 0.8), 0.5, YES, "undecided", False),
        ((0.7, 0.6, 0.8), 0.5, NO, "undecided", True),
        ((0.4, 0.3, 0.45), 0.5, NO, "does not hold", False),
    ],
)
def test_two_estimates_of_one_statistic_must_say_the_same(value, p, other, verdict, differs):
    made = criterion(*value, null=with_p(p), second=other)
    assert made.verdict == verdict
    assert verdicts.disagrees(other, made) is differs


def test_a_second_estimate_is_held_beside_the_side_that_a_claim_needs():
    made = criterion(-0.7, -0.8, -0.6, threshold=-0.5, above=False, second=YES)
    assert made.verdict == "holds"
    assert not verdicts.disagrees(YES, made)
    assert verdicts.disagrees(NO, made)


# Claims.

HOLDS, NOT, OPEN = criterion(), criterion(0.4, 0.3, 0.45), criterion(0.5, 0.4, 0.6)
GIVEN, DENIED, OPEN_PREMISE = (replace(one, premise=True) for one in (HOLDS, NOT, OPEN))


@pytest.mark.parametrize(
    ("criteria", "verdict"),
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
def test_a_claim_holds_where_all_its_statistics_do(criteria, verdict):
    assert verdicts.claim_verdict(criteria) == verdict


@pytest.mark.parametrize("premise", [DENIED, OPEN_PREMISE])
@pytest.mark.parametrize("said", [[HOLDS], [NOT], [OPEN], [HOLDS, NOT], []])
def test_without_a_premise_nothing_can_be_said(premise, said):
    assert verdicts.claim_verdict([premise, *said]) == "undecided"
    assert verdicts.claim_verdict([GIVEN, *said, premise]) == "undecided"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [([HOLDS], "holds"), ([NOT], "does not hold"), ([OPEN], "undecided"), ([], "undecided")],
)
def test_a_premise_that_holds_is_no_part_of_what_is_said(said, verdict):
    assert verdicts.claim_verdict([GIVEN, *said, GIVEN]) == verdict


# What else shows it, and what it is lost with.

CLAIM = claimed(
    imitations=(SIGNS, WALK, ROTATED, SKIP, LINEAR, TOKENS, ISOTROPIC, PERMUTED, UNTRAINED),
    removals=(POSITIONS, MASSIVE, NORM_FREE),
)
OWN = {"same samples": tried(True)}
REMOVALS = {one.name for one in CLAIM.removals}


def found(*conditions, above=True, claim=CLAIM) -> ClaimResult:
    """A claim of statistics that hold, tried under these conditions each, and what follows from them."""
    value = (0.7, 0.6, 0.8, 0.5) if above else (-0.7, -0.8, -0.6, -0.5)
    criteria = [criterion(*value[:3], threshold=value[3], above=above, conditions=OWN | one) for one in conditions]
    return explained(result(*criteria), claim)


def explained(made: ClaimResult, claim=CLAIM) -> ClaimResult:
    return replace(
        made,
        reproduced_in=verdicts.reproduced_in(claim, made),
        passes_in=verdicts.passes_in(claim, made),
        abolished_by=verdicts.abolished_by(claim, made),
    )


SHOWN, SHORT, UNCLEAR, FAILS = tried(True, True), tried(True, False), tried(True), tried(False, False)
FAILS_AND_REACHES, UNKNOWN = tried(False, True), tried(None)


@pytest.mark.parametrize(
    ("criteria", "reproduced", "passing"),
    [
        ([SHOWN], True, False),
        ([SHORT], False, True),
        ([UNCLEAR], False, True),
        ([FAILS], False, False),
        ([FAILS_AND_REACHES], False, False),
        ([UNKNOWN], False, False),
        ([SHOWN, SHOWN], True, False),
        ([SHOWN, SHORT], False, True),
        ([SHORT, SHORT], False, True),
        ([SHOWN, FAILS], False, False),
        ([SHOWN, UNKNOWN], False, False),
    ],
)
def test_a_condition_reproduces_where_all_statistics_pass_and_reach_the_model_s(criteria, reproduced, passing):
    made = found(*({"skip path": one} for one in criteria))
    assert made.reproduced_in == (("skip path",) if reproduced else ())
    assert made.passes_in == (("skip path",) if passing else ())


def test_imitations_are_told_in_the_order_of_the_claim_and_removals_are_none():
    names = ("untrained", "skip path", "random signs", "norm-free", "same samples")
    assert found(dict.fromkeys(names, SHOWN)).reproduced_in == ("random signs", "skip path", "untrained")
    assert found(dict.fromkeys(names, SHORT)).passes_in == ("random signs", "skip path", "untrained")


def test_conditions_that_the_claim_does_not_name_imitate_nothing():
    bare = claimed(imitations=(UNTRAINED,))
    made = found({"skip path": SHOWN, "random walk": SHORT, "untrained": FAILS}, claim=bare)
    assert (made.reproduced_in, made.passes_in, made.abolished_by) == ((), (), ())


LOST = tried(False, False)


def test_what_was_taken_away_and_took_the_claim_with_it():
    assert found({"without massive units": LOST}).abolished_by == ("without massive units",)
    assert found({"without massive units": tried(True, False)}).abolished_by == ()
    assert found({"without massive units": tried(None)}).abolished_by == ()
    assert found({}).abolished_by == ()
    every = found({"norm-free": LOST, "without massive units": LOST, "random positions": LOST, "untrained": LOST})
    assert every.abolished_by == ("random positions", "without massive units", "norm-free")


@pytest.mark.parametrize(
    ("low", "high", "above", "lost"),
    [
        (0.1, 0.3, True, True),
        (0.0, 0.3, True, False),
        (-0.1, 0.3, True, False),
        (NAN, NAN, True, False),
        (-0.3, -0.1, False, True),
        (-0.3, 0.0, False, False),
        (0.1, 0.3, False, False),
        (NAN, NAN, False, False),
    ],
)
def test_what_is_lost_clearly_differs(low, high, above, lost):
    made = found({"norm-free": tried(False, False, low, high)}, above=above)
    assert made.abolished_by == (("norm-free",) if lost else ())


def test_one_statistic_that_is_lost_suffices_and_one_that_passes_is_none():
    passing = {"norm-free": tried(True, False)}
    assert found(passing, {"norm-free": LOST}).abolished_by == ("norm-free",)
    assert found(passing, {"norm-free": tried(False, False, -0.1)}).abolished_by == ()
    assert found(passing, {}).abolished_by == ()


@pytest.mark.parametrize("own", [False, None])
def test_what_the_controls_samples_lack_was_not_taken_away(own):
    """Other quantities are of all samples, and are held beside the model's value on these."""
    lost = {"without massive units": LOST, "norm-free": LOST, "random positions": LOST}
    assert found(lost | {"same samples": tried(own)}).abolished_by == ("norm-free",)


def test_a_premise_that_is_lost_takes_no_claim_with_it():
    premise = criterion(premise=True, conditions=OWN | {"random positions": LOST})
    said = criterion(conditions=OWN | {"random positions": tried(True, True)})
    assert explained(result(premise, said)).abolished_by == ()
    assert explained(result(replace(premise, premise=False), said)).abolished_by == ("random positions",)


# Where it comes from.


@pytest.mark.parametrize(
    ("conditions", "origin"),
    [
        ({}, ""),
        ({"untrained": FAILS}, "learned"),
        ({"untrained": FAILS_AND_REACHES}, "learned"),
        ({"untrained": SHOWN}, "architecture"),
        ({"untrained": SHORT}, "architecture"),
        ({"untrained": UNCLEAR}, "architecture"),
        ({"untrained": UNKNOWN}, ""),
        # Surrogates and simpler quantities explain what they show as much of.
        ({"untrained": FAILS, "random signs": SHOWN}, "artefact"),
        ({"untrained": SHOWN, "random signs": SHOWN}, "artefact"),
        ({"untrained": FAILS, "random signs": SHORT}, "learned"),
        ({"untrained": FAILS, "random signs": UNCLEAR}, "learned"),
        ({"untrained": FAILS, "random signs": FAILS}, "learned"),
        ({"untrained": FAILS, "random signs": UNKNOWN}, "learned"),
        ({"untrained": FAILS, "skip path": SHOWN}, "artefact"),
        ({"skip path": SHOWN}, "artefact"),
        ({"skip path": SHORT}, ""),
        ({"linear floor": SHOWN, "untrained": FAILS}, "artefact"),
        # Bases, inputs and directions do not.
        ({"untrained": FAILS, "rotated basis": SHOWN}, "learned"),
        ({"untrained": FAILS, "isotropic moves": SHOWN}, "learned"),
        ({"untrained": FAILS, "shuffled tokens": SHOWN}, "learned"),
        # What was taken away was all of it.
        ({"untrained": FAILS, "without massive units": LOST}, "artefact"),
        ({"untrained": SHOWN, "norm-free": LOST}, "artefact"),
        ({"untrained": FAILS, "random positions": LOST}, "artefact"),
        ({"untrained": FAILS, "without massive units": SHOWN}, "learned"),
        ({"untrained": FAILS, "without massive units": UNKNOWN}, "learned"),
        # Permuted weights tell nothing that untrained networks do not leave open.
        ({"untrained": FAILS, "permuted weights": SHOWN}, "scale"),
        ({"untrained": FAILS, "permuted weights": SHORT}, "scale"),
        ({"untrained": FAILS, "permuted weights": FAILS}, "learned"),
        ({"untrained": FAILS, "permuted weights": UNKNOWN}, "learned"),
        ({"untrained": SHOWN, "permuted weights": SHOWN}, "architecture"),
        ({"untrained": UNKNOWN, "permuted weights": SHOWN}, ""),
        ({"permuted weights": SHOWN}, ""),
        ({"untrained": FAILS, "permuted weights": SHOWN, "skip path": SHOWN}, "artefact"),
    ],
)
def test_where_a_claim_comes_from(conditions, origin):
    assert verdicts.origin(CLAIM, found(conditions), 3) == origin


def test_a_condition_that_the_claim_does_not_name_explains_nothing():
    bare = claimed(imitations=(UNTRAINED,))
    made = found({"untrained": FAILS, "random walk": SHOWN, "norm-free": LOST}, claim=bare)
    assert verdicts.origin(bare, made, 3) == "learned"


def short(low=0.1, high=0.3):
    return {"untrained": tried(False, False, low, high)}


@pytest.mark.parametrize(
    ("criteria", "above", "origin"),
    [
        ([short(0.0, 0.3)], True, ""),
        ([short(-0.1, 0.3)], True, ""),
        ([short(NAN, NAN)], True, ""),
        ([short(-0.3, -0.1)], False, "learned"),
        ([short(-0.3, 0.0)], False, ""),
        ([short(0.1, 0.3)], False, ""),
        ([{"untrained": tried(True, True, -0.1, 0.1)}, short()], True, "learned"),
        ([{"untrained": SHOWN}, short(-0.1, 0.1)], True, ""),
        ([short(), short(-0.1, 0.1)], True, ""),
        ([short(), {"untrained": UNKNOWN}], True, ""),
        ([short(), {}], True, ""),
    ],
)
def test_what_is_learned_differs_from_untrained_networks_wherever_these_fall_short(criteria, above, origin):
    assert verdicts.origin(CLAIM, found(*criteria, above=above), 3) == origin


@pytest.mark.parametrize(("n_networks", "origin"), [(0, ""), (1, ""), (2, ""), (3, "learned"), (10, "learned")])
def test_fewer_than_three_untrained_networks_tell_nothing_learned(n_networks, origin):
    assert verdicts.origin(CLAIM, found(short()), n_networks) == origin
    # They suffice to show it.
    assert verdicts.origin(CLAIM, found({"untrained": SHOWN}), n_networks) == "architecture"


def test_a_premise_decides_no_origin():
    passing = {name: replace(one, passes=True) for name, one in short(-0.1, 0.1).items()}
    unclear = criterion(premise=True, conditions=OWN | passing)
    untold = criterion(premise=True, conditions={})
    said = criterion(conditions=OWN | short())
    assert verdicts.origin(CLAIM, explained(result(unclear, untold, said)), 3) == "learned"


def test_what_is_taken_away_imitates_nothing():
    named = {one: claim for claim in all_claims() for one in claim.conditions}
    assert set(named) <= set(CONDITIONS)
    assert {one.role for claim in all_claims() for one in claim.removals} == {Role.REMOVAL}
    assert Role.REMOVAL not in {one.role for claim in all_claims() for one in claim.imitations}
    assert all({one.name for one in claim.removals} <= REMOVALS for claim in all_claims())
