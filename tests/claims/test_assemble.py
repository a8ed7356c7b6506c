"""Conditions and verdicts, of a ledger and teleports made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from handmade_claims import claimed, stated
from residyn.claims.assemble import assemble
from residyn.claims.conditions import (
    CONDITIONS,
    ISOTROPIC,
    MASSIVE,
    NORM_FREE,
    PERMUTED,
    POSITIONS,
    SIGNS,
    SKIP,
    TOKENS,
    UNTRAINED,
)
from residyn.claims.criteria import Evidence
from residyn.claims.ledger import MODEL, NULLS_OF_CURVES, SECOND, Of, Task
from residyn.claims.record import ClaimResult, ConditionRecord
from residyn.claims.registry import claims as all_claims
from residyn.claims.teleports import Trajectories
from residyn.quantities.replicates import Plan

ROWS = 21
ALL, SOME, HOSTS = (Plan(np.arange(n), np.ones((ROWS, n)), 0) for n in (40, 20, 9))


def same(value: float) -> list[float]:
    """A value that no choice of samples moves."""
    return [value] * ROWS


def left(model: dict[str, float], **conditions: dict[str, float] | list[dict[str, float]]) -> dict:
    """The ledger of these values: the model's, also on the controls' samples, and of each draw of conditions.

    A condition is named with underscores.
    """
    ledger = {MODEL: model, SECOND: {}, NULLS_OF_CURVES: {}, Task(Of.CONDITION, "same samples").key: model}
    for name, draws in conditions.items():
        for draw, values in enumerate(draws if isinstance(draws, list) else [draws]):
            ledger[Task(Of.CONDITION, name.replace("_", " "), draw).key] = values
    return {key: {name: same(value) for name, value in values.items()} for key, values in ledger.items()}


def moved(**values: float) -> dict[str, Trajectories]:
    """Teleports whose ρ at early places these are."""
    curves = {name: {"rho_early": np.full((ROWS, 1), value)} for name, value in values.items()}
    return {
        name.replace("_", " "): Trajectories(one, {"rho_early": one["rho_early"][:9]}, HOSTS)
        for name, one in curves.items()
    }


def told(ledger, *chosen, trajectories=None) -> tuple[dict[str, ConditionRecord], list[ClaimResult]]:
    conditions, claims = assemble(Evidence(ledger, trajectories or {}, ALL, SOME, 0, 20), chosen)
    assert list(conditions) == sorted(
        conditions, key=lambda one: [each.name for each in CONDITIONS].index(one.name)
    )
    return {one.name: one for one in conditions}, list(claims)


X, Y = stated("x"), stated("y", ("y",))
GROWS = claimed(X, imitations=(SIGNS, SKIP, TOKENS, PERMUTED, UNTRAINED), removals=(POSITIONS, MASSIVE, NORM_FREE))
BACK = claimed(stated("rho", ("rho_early",)), number=14, imitations=(ISOTROPIC, UNTRAINED), of="teleports")
NETWORKS = [{"x": 0.1}, {"x": 0.11}, {"x": 0.12}]


# The conditions.


def test_the_conditions_are_those_of_which_something_was_computed():
    values = {"x": 0.9}
    conditions, _ = told(
        left(values, random_signs=[values] * 3, skip_path=values, permuted_weights=values, untrained=NETWORKS),
        GROWS,
    )
    assert {name: (one.n_samples, one.draws) for name, one in conditions.items()} == {
        "same samples": (20, 1),
        "random signs": (20, 3),
        "skip path": (40, 1),  # a quantity is of all samples
        "permuted weights": (20, 1),
        "untrained": (20, 3),
    }
    for one in CONDITIONS:
        if one.name in conditions:
            made = conditions[one.name]
            assert (made.title, made.role, made.preserves, made.destroys) == (
                one.title,
                one.role,
                one.preserves,
                one.destroys,
            )
    assert told({}, claimed(number=1))[0] == {}


def test_conditions_of_teleports_are_of_hosts():
    given = moved(model=0.1, disc=0.2, isotropic=1.0, untrained_0=1.0, untrained_1=1.0)
    conditions, _ = told({}, BACK, trajectories=given)
    assert {name: (one.n_samples, one.draws) for name, one in conditions.items()} == {
        "isotropic moves": (9, 1),
        "untrained": (9, 2),
    }
    # Of networks whose states were captured too, these are told.
    conditions, _ = told(left({"x": 0.9}, untrained=NETWORKS), GROWS, BACK, trajectories=given)
    assert (conditions["untrained"].n_samples, conditions["untrained"].draws) == (20, 3)
    assert set(told({}, BACK, trajectories=moved(model=0.1))[0]) == set()


# The claims.


def test_claims_are_in_the_order_in_which_they_were_chosen_with_all_that_was_declared():
    ledger = left({"x": 0.9, "y": 0.1})
    ones = [
        claimed(Y, number=2, variant="b", paper=False),
        replace(claimed(X, Y, number=1), claim="y grows", panel="K"),
        claimed(number=3),
    ]
    _, found = told(ledger, *ones)
    assert [(one.number, one.variant, one.claim, one.panel, one.paper) for one in found] == [
        (2, "b", "x grows", "B", False),
        (1, "", "y grows", "K", True),
        (3, "", "x grows", "B", True),
    ]
    assert [one.verdict for one in found] == ["does not hold", "does not hold", "undecided"]
    assert [[each.name for each in one.criteria] for one in found] == [["y"], ["x", "y"], []]
    assert [one.sentence for one in found] == [
        "Does not hold: the first y is 0.1 (0.1 to 0.1), not above 0.5.",
        "Does not hold: the first y is 0.1 (0.1 to 0.1), not above 0.5.",
        "Undecided: nothing was measured.",
    ]


def test_a_claim_that_holds_says_what_else_shows_it_and_where_it_comes_from():
    ledger = left({"x": 0.9}, shuffled_tokens={"x": 0.9}, permuted_weights={"x": 0.6}, untrained=NETWORKS)
    _, (found,) = told(ledger, GROWS)
    assert (found.verdict, found.origin) == ("holds", "scale")
    assert (found.reproduced_in, found.passes_in, found.abolished_by) == (
        ("shuffled tokens",),
        ("permuted weights",),
        (),
    )
    assert found.sentence == (
        "Holds: the first x is 0.9 (0.9 to 0.9), above 0.5. As much is seen with the same tokens in random order. "
        "Untrained networks do not show it, but the trained weights with permuted entries do: it is "
        "their scale."
    )


def test_a_claim_that_is_lost_at_random_positions_says_so_first():
    ledger = left({"x": 0.9}, random_positions={"x": 0.2}, without_massive_units={"x": 0.9}, untrained=NETWORKS)
    _, (found,) = told(ledger, GROWS)
    assert (found.verdict, found.origin, found.abolished_by) == ("holds", "artefact", ("random positions",))
    assert found.sentence == (
        "Only at the end of texts, and not in texts cut at a random token. "
        "Holds: the first x is 0.9 (0.9 to 0.9), above 0.5."
    )


@pytest.mark.parametrize("value", [0.2, np.nan])
def test_a_claim_that_does_not_hold_comes_from_nowhere_and_was_not_lost(value):
    ledger = left(
        {"x": value},
        random_signs={"x": 0.9},
        shuffled_tokens={"x": 0.9},
        random_positions={"x": 0.1},
        untrained=NETWORKS,
    )
    _, (found,) = told(ledger, GROWS)
    assert found.verdict == ("undecided" if np.isnan(value) else "does not hold")
    assert (found.origin, found.abolished_by) == ("", ())
    # What shows it where the model does not is told in the record alone.
    shown = ("random signs", "shuffled tokens")
    assert (found.reproduced_in, found.passes_in) == ((shown, ()) if value == 0.2 else ((), shown))
    assert "As much" not in found.sentence


@pytest.mark.parametrize(("n", "origin"), [(1, ""), (2, ""), (3, "learned")])
def test_what_is_learned_is_told_from_three_networks_on(n, origin):
    _, (found,) = told(left({"x": 0.9}, untrained=NETWORKS[:n]), GROWS)
    assert (found.verdict, found.origin) == ("holds", origin)
    assert found.sentence.endswith("it is learned.") is (origin == "learned")


@pytest.mark.parametrize(("states", "teleported", "origins"), [(3, 2, ("learned", "")), (2, 3, ("", "learned"))])
def test_networks_are_counted_where_the_claim_was_tried_on_them(states, teleported, origins):
    twins = {f"untrained_{i}": 0.1 + i / 1000 for i in range(teleported)}
    ledger = left({"x": 0.9}, untrained=NETWORKS[:states])
    _, found = told(ledger, GROWS, BACK, trajectories=moved(model=0.9, **twins))
    assert [one.verdict for one in found] == ["holds", "holds"]
    assert all(one.criteria[0].conditions["untrained"].difference_low > 0 for one in found if one.origin)
    assert tuple(one.origin for one in found) == origins


def test_moves_in_any_direction_are_told_of_teleports():
    _, (found,) = told({}, BACK, trajectories=moved(model=0.9, disc=0.9, isotropic=0.9))
    assert (found.reproduced_in, found.origin) == (("isotropic moves",), "")
    assert found.sentence.endswith("Moves in any direction come back as well: there is no basin of the plane.")


# Quantities in the place of one curve leave a claim's other statistics as they are.


def test_a_quantity_stands_beside_what_it_does_not_touch():
    both = claimed(X, Y, imitations=(SKIP, UNTRAINED), removals=(NORM_FREE,))
    ledger = left({"x": 0.9, "y": 0.8}, skip_path={"x": 0.95}, norm_free={})
    _, (found,) = told(ledger, both)
    of_x, of_y = (one.conditions for one in found.criteria)
    assert set(of_x) == set(of_y) == {"same samples", "skip path"}
    assert (of_y["skip path"].value, of_y["skip path"].passes, of_y["skip path"].reaches) == (0.8, True, True)
    assert (of_x["skip path"].value, of_x["skip path"].reaches) == (0.95, True)
    assert (found.reproduced_in, found.origin) == (("skip path",), "artefact")
    # It shows no claim whose other statistics the model itself fails.
    _, (fails,) = told(left({"x": 0.9, "y": 0.4}, skip_path={"x": 0.95}), both)
    assert (fails.reproduced_in, fails.passes_in) == ((), ())
    assert fails.criteria[1].conditions["skip path"].passes is False


def test_a_claim_that_a_quantity_does_not_touch_is_not_tried_on_it():
    _, found = told(left({"x": 0.9, "y": 0.8}, skip_path={"x": 0.95}), claimed(Y, imitations=(SKIP,)))
    assert set(found[0].criteria[0].conditions) == {"same samples"}
    assert found[0].reproduced_in == ()


def test_what_surrogates_leave_out_is_not_filled_in():
    _, (found,) = told(left({"x": 0.9, "y": 0.8}, random_signs={"x": 0.95}), claimed(X, Y, imitations=(SIGNS,)))
    assert "random signs" not in found.criteria[1].conditions
    assert found.reproduced_in == ()


# What is said of the first sublayers.

CAUTION = "of the samples share their first state with others: the first sublayers rest on few."


@pytest.mark.parametrize(
    ("tied", "said"), [(0.5, ""), (0.504, f"50% {CAUTION}"), (0.976, f"98% {CAUTION}"), (np.nan, ""), (None, "")]
)
def test_claims_of_the_first_sublayers_are_told_with_a_caution_where_samples_share_them(tied, said):
    ledger = left({"x": 0.9} | ({} if tied is None else {"tied_at_start": tied}))
    _, (plain, first) = told(ledger, claimed(X, number=1), claimed(X, number=2, rests_on_first=True))
    seen = "Holds: the first x is 0.9 (0.9 to 0.9), above 0.5."
    assert plain.sentence == seen
    assert first.sentence == f"{seen} {said}".strip()


def test_every_claim_of_the_first_sublayers_has_the_caution_and_no_other():
    _, found = told(left({"tied_at_start": 0.976}), *all_claims())
    assert {one.number for one in found if one.sentence.endswith(CAUTION)} == {6, 10, 11, 12}
    assert {one.number for one in found if "first state" in one.sentence} == {6, 10, 11, 12}


def test_a_statistic_that_no_task_left_behind_is_not_defined():
    conditions, found = told(left({}), *all_claims())
    assert [one.number for one in found][:15] == [*range(1, 14), 14, 14]
    assert {one.verdict for one in found} == {"undecided"}
    of = {claim.number: claim.of for claim in all_claims()}
    reasons = {"maps": "Not judged: no local maps", "outputs": "Not judged: no texts in which this model skips"}
    for one in found:
        assert reasons.get(of[one.number], "not defined on these states") in one.sentence
    assert set(conditions) == {"same samples"}
    assert {one.origin for one in found} == {""}
