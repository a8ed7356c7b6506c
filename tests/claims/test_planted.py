from __future__ import annotations

import numpy as np
import pytest

import synthetic_claims as synthetic
from residyn.claims import judge
from residyn.nulls import NULLS
from residyn.settings import ClaimsSettings

SETTINGS = ClaimsSettings(resamples=100, null_draws=20)


def claim(states, number, **options):
    return judge(states, numbers=[number], settings=SETTINGS, **options).claims[0]


@pytest.mark.parametrize("number", synthetic.HOLDS)
def test_a_claim_that_was_built_in_holds(number):
    found = claim(synthetic.labelled(synthetic.HOLDS[number](np.random.default_rng(1))), number)
    assert found.verdict == "holds", found.sentence
    assert {one.verdict for one in found.criteria} == {"holds"}


@pytest.mark.parametrize("number", synthetic.BREAKS)
def test_a_claim_that_was_built_out_does_not_hold(number):
    found = claim(synthetic.labelled(synthetic.BREAKS[number](np.random.default_rng(2))), number)
    assert found.verdict == "does not hold", found.sentence


EARLY, INNER = [0.4, 0.4, 0.8, 1.0, 1.0], [1.0, 0.4, 0.4, 0.4, 1.0]


@pytest.mark.parametrize(
    ("profile", "verdicts"),
    [(EARLY, ["holds", "does not hold"]), (INNER, ["does not hold", "holds"])],
    ids=["as in CCN", "as in arXiv"],
)
def test_both_versions_of_claim_14_are_told_apart(profile, verdicts):
    rho = np.array(profile) + 0.05 * np.random.default_rng(0).standard_normal((9, 5))
    states = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8))
    found = judge(
        states, numbers=[14], teleport_summary=synthetic.summary(rho, [0, 3, 7, 11, 15]), settings=SETTINGS
    )
    assert [one.variant for one in found.claims] == ["CCN", "arXiv"]
    assert [one.verdict for one in found.claims] == verdicts


def test_hosts_that_disagree_leave_claim_14_open():
    sign = np.random.default_rng(3).choice([-1.0, 1.0], size=(9, 1))
    rho = np.array([0.9, 0.9, 0.9, 1.2, 1.2]) + sign * np.array([0.5, 0.5, 0, 0, 0])
    states = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8))
    summary = synthetic.summary(rho, [0, 3, 7, 11, 15])
    assert (
        judge(states, numbers=[14], teleport_summary=summary, settings=SETTINGS).claims[0].verdict == "undecided"
    )


def test_without_teleports_claim_14_is_open():
    found = claim(synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8)), 14)
    assert found.verdict == "undecided"
    assert "not defined on these states" in found.sentence


def test_an_interval_that_includes_the_threshold_leaves_a_claim_open():
    rng = np.random.default_rng(5)
    found = claim(synthetic.labelled(synthetic.chain(rng, [0.83] * synthetic.T, n=40)), 6)
    one = found.criteria[0]
    assert one.low < 0.8 < one.high
    assert found.verdict == "undecided"
    assert "which includes 0.8" in found.sentence


def test_one_sample_decides_nothing_and_breaks_nothing():
    found = judge(synthetic.labelled(synthetic.HOLDS[1](np.random.default_rng(1))[:1]), settings=SETTINGS)
    assert {one.verdict for one in found.claims} == {"undecided"}
    assert "too few samples" in found.claims[0].sentence


@pytest.mark.parametrize("n_units", [1, 2])
def test_too_few_units_for_a_null_leave_it_open_and_break_nothing(n_units):
    walk = np.cumsum(np.random.default_rng(1).standard_normal((40, 8, n_units)), axis=1)
    found = judge(synthetic.labelled(walk), settings=SETTINGS)
    assert "random walk" not in {one.name for one in found.conditions}
    assert {"random signs", "rotated basis"} <= {one.name for one in found.conditions}
    nulls = [part.null for one in found.claims for part in one.criteria if part.null]
    assert all(null.repeats == 0 for null in nulls if null.name == NULLS["random_walk"].title)


def test_blocks_without_a_state_between_have_no_gap():
    data = synthetic.chain(np.random.default_rng(1), [0.9] * 7)
    found = claim(synthetic.labelled(data, sites=("block",)), 4)
    assert found.verdict == "undecided"
    assert "not defined" in found.sentence
