"""Checkpoints over training: every statistic at its step, and when a claim begins to hold."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from claims_record import example_verdicts, verdicts_of
from residyn.comparison import beginnings, checkpoint_table, curves
from residyn.errors import DataError
from residyn.schema import BY_KIND

YES, NO, OPEN, NONE = "holds", "does not hold", "undecided", None


def with_criteria(claim, criteria):
    judged = verdicts_of(claim)
    return replace(judged, claims=(replace(judged.claims[0], criteria=criteria),))


def begun(*verdicts, steps=None, origins=None):
    """What is said of one claim with these verdicts at steps 0, 10, 20, …, given in any order."""
    steps = steps or [10 * i for i in range(len(verdicts))]
    origins = origins or [""] * len(verdicts)
    measured = example_verdicts().claims[0].criteria
    runs = {
        f"run {i}": None if verdict is None else with_criteria((1, "", "it grows", verdict, origin), measured)
        for i, (verdict, origin) in enumerate(zip(verdicts, origins, strict=True))
    }
    at = {f"run {i}": step for i, step in enumerate(steps)}
    (row,) = beginnings(runs, dict(reversed(at.items()))).to_dict("records")
    return row["from_step"], row["after_step"], row["said"]


@pytest.mark.parametrize(
    ("verdicts", "start", "after", "said"),
    [
        ((YES, YES, YES), 0, math.nan, "From the first of these steps on, 0."),
        ((NO, YES, YES), 10, 0, "From step 10 on; it does not hold at step 0."),
        ((NO, NO, YES, YES), 20, 10, "From step 20 on; it does not hold at step 10."),
        ((NO, OPEN, YES, YES), 20, 0, "From step 20 on; it does not hold at step 0; undecided at step 10."),
        ((OPEN, OPEN, YES, YES), 20, math.nan, "From step 20 on; undecided at steps 0 and 10."),
        ((NO, NONE, YES, YES), 20, 0, "From step 20 on; it does not hold at step 0; not judged at step 10."),
        ((NO, YES), 10, 0, "At the last of these steps alone, 10; it does not hold at step 0."),
        (
            (YES, NO, YES, YES),
            20,
            10,
            "From step 20 on; it does not hold at step 10; it holds at step 0 too, and not throughout from there.",
        ),
        ((YES, OPEN, YES, YES), 20, math.nan, "From step 20 on; undecided at step 10; it holds at step 0 too"),
        ((NO, NO), math.nan, 10, "Not within these steps: it does not hold at the last, 10."),
        (
            (NO, YES, OPEN),
            math.nan,
            0,
            "Not within these steps: it is undecided at the last, 20; it holds at step 10",
        ),
        ((YES, YES, NO), math.nan, 20, "it holds at steps 0 and 10 and not from there on."),
        ((YES, NONE), math.nan, math.nan, "Not within these steps: it is not judged at the last, 10"),
    ],
)
def test_a_claim_begins_where_it_holds_from_there_on(verdicts, start, after, said):
    found = begun(*verdicts)
    np.testing.assert_array_equal(found[:2], (start, after))
    assert said in found[2]


def test_what_holds_as_an_artefact_says_so():
    _, _, said = begun(NO, YES, YES, origins=["", "artefact", "learned"])
    assert said == "From step 10 on; it does not hold at step 0; as an artefact at step 10."
    # What is an artefact before the claim begins to hold is not of its beginning.
    assert "artefact" not in begun(YES, NO, YES, YES, origins=["artefact", "", "learned", ""])[2]


def test_large_steps_are_readable_and_claims_that_nobody_judged_are_left_out():
    assert begun(NO, YES, YES, steps=[0, 143000, 1000])[2].startswith("From step 1,000 on")
    assert not len(beginnings({"a": None, "b": None}, {"a": 0, "b": 1}))
    # Claims on teleports have a verdict where there are none, with nothing behind it.
    empty = verdicts_of((14, "CCN", "they return", OPEN))
    undefined = tuple(replace(one, value=math.nan) for one in example_verdicts().claims[0].criteria)
    found = beginnings(
        {"a": empty, "b": with_criteria((14, "CCN", "they return", OPEN), undefined)}, {"a": 0, "b": 1}
    )
    assert found["said"].tolist() == ["Not judged at any of these steps."]


@pytest.fixture(scope="module")
def judged():
    """The same claims twice; at the second checkpoint each statistic is one larger."""
    first = example_verdicts()
    later = tuple(
        replace(claim, criteria=tuple(replace(one, value=one.value + 1) for one in claim.criteria))
        for claim in first.claims
    )
    return first, replace(first, claims=later)


def test_every_statistic_stands_at_its_step(runs, judged):
    results = {"late": runs["small"], "early": runs["small"] * 2, "other": runs["large"]}
    results["early"].attrs = runs["small"].attrs
    for name in results["early"].data_vars:
        results["early"][name].attrs = runs["small"][name].attrs
    table = checkpoint_table(
        results, {"late": judged[1], "early": judged[0], "other": None}, {"late": 64, "early": 0}
    )
    assert list(table["run"].unique()) == ["early", "late"]
    assert set(table.loc[table["run"] == "early", "step"]) == {0}
    # Of claims: each statistic once, with the labels of all claims that it decides.
    of_claims = table[table["of"] == "claim"]
    criteria = {one.name: one for claim in judged[0].claims[::-1] for one in claim.criteria[::-1]}
    for run, more in (("early", 0), ("late", 1)):
        rows = of_claims[of_claims["run"] == run].set_index("name")
        assert set(rows.index) == set(criteria)
        assert rows.index.is_unique
        for name, one in criteria.items():
            assert rows.loc[name, "value"] == one.value + more
            assert (rows.loc[name, "low"], rows.loc[name, "high"]) == (one.low, one.high)
            assert rows.loc[name, "premise"] == one.premise
            assert (rows.loc[name, "threshold"], rows.loc[name, "verdict"]) == (one.threshold, one.verdict)
    assert of_claims.set_index("name").loc["tied_at_start", "label"].unique().tolist() == ["10, 11"]
    # Of curves: the means that the results hold, with their intervals, or of the curve over sublayers without.
    of_curves = table[(table["of"] == "curve") & (table["run"] == "late")].set_index(["name", "kind"])
    stored = runs["small"][f"cosine{BY_KIND}"].sel(transition_kind="cross")
    np.testing.assert_array_equal(
        of_curves.loc[("cosine", "cross"), ["value", "low", "high"]].astype(float), stored.values
    )
    alone = curves({"late": runs["small"]})
    for name in ("norm", "participation_ratio"):
        row = of_curves.loc[(name, "")]
        assert row["value"] == pytest.approx(alone[alone["quantity"] == name]["value"].mean(), rel=1e-12)
        assert np.isnan(row["low"])
        assert row["interval"] == ""
    assert set(of_curves.index.get_level_values("name")) == set(alone["quantity"])


def test_results_without_means_by_kind_are_averaged_here(runs):
    older = runs["small"].drop_vars([f"cosine{BY_KIND}"])
    table = checkpoint_table({"a": older}, {"a": None}, {"a": 1}).set_index(["name", "kind"])
    for kind in ("within", "cross"):
        stored = runs["small"][f"cosine{BY_KIND}"].sel(transition_kind=kind, bound="value")
        assert table.loc[("cosine", kind), "value"] == pytest.approx(float(stored), rel=1e-12)
        assert np.isnan(table.loc[("cosine", kind), "low"])


def test_networks_of_other_sizes_are_no_checkpoints_of_one_model(runs):
    with pytest.raises(DataError, match=r"small has 6 sublayers of 8 units while large has 10 sublayers of 11"):
        checkpoint_table(runs, dict.fromkeys(runs), {"small": 1, "large": 2})


def test_without_verdicts_there_are_curves_alone(runs):
    table = checkpoint_table(runs, {"small": None}, {"small": 5})
    assert set(table["of"]) == {"curve"}
    assert isinstance(table, pd.DataFrame)
