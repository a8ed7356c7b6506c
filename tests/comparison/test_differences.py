"""What a reader of a comparison is told."""

from __future__ import annotations

import xarray as xr

from residyn.comparison import differences, shared_estimator


def test_runs_that_are_alike_need_no_words(runs: dict[str, xr.Dataset]) -> None:
    assert differences({"a": runs["small"], "b": runs["small"].assign_attrs(states_hash="other")}) == []


def test_each_difference_is_said_with_both_values(runs: dict[str, xr.Dataset]) -> None:
    other = runs["small"].assign_attrs(
        states_hash="x",
        texts="a novel",
        position="random",
        n_samples=7,
        capture_dtype="bfloat16",
        residyn_version="9",
    )
    told = differences({"a": runs["small"].assign_attrs(capture_dtype="float32"), "b": other})
    assert told[:4] == [
        "The texts differ: a: made up; b: a novel.",
        "The token position differs: a: end; b: random.",
        "The number of samples differs: a: 30; b: 7.",
        "The number format differs: a: float32; b: bfloat16.",
    ]
    assert len(told) == 5
    assert told[4].startswith("The results are of several versions of residyn: a: ")


def test_other_blocks_and_components_are_said(runs: dict[str, xr.Dataset]) -> None:
    told = differences({"a": runs["small"], "b": runs["parallel"]})
    assert "The transitions are of other kinds: a: cross and within; b: block." in told
    fewer = runs["small"].isel(component=slice(3)).assign_attrs(states_hash="x")
    told = differences({"a": runs["small"], "b": fewer})
    assert told == ["The explained variance is of different numbers of components: a: 5; b: 3."]


def test_same_states_and_unfinished_runs_are_said(runs: dict[str, xr.Dataset]) -> None:
    partial = runs["small"].assign_attrs(partial="16 of 30 samples", dropped="2 of 30 samples")
    assert differences({"a": runs["small"], "b": partial}) == [
        "The same states: a and b.",
        "b is not complete: 16 of 30 samples.",
        "b lacks samples: 2 of 30 samples.",
    ]


def test_estimators_and_lacking_results_are_said(runs: dict[str, xr.Dataset]) -> None:
    information = runs["small"]["mutual_information"]
    both = xr.concat([information.assign_coords(estimator=["ksg"]), information], "estimator")
    without = runs["small"].drop_dims("estimator").assign_attrs(states_hash="x")
    more = without.assign(mutual_information=both)
    assert shared_estimator({"a": more, "b": runs["small"]}) == "gcmi"
    assert differences({"a": more, "b": runs["small"]}) == [
        "Mutual information is compared by gcmi, which all share: a: ksg, gcmi; b: gcmi."
    ]
    only = without.assign(mutual_information=both.isel(estimator=[0]))
    assert shared_estimator({"a": only, "b": runs["small"]}) is None
    (told,) = differences({"a": only, "b": runs["small"]})
    assert told == "No estimator of mutual information is shared, and it is left out: a: ksg; b: gcmi."
    lacking = without.drop_vars("norm").assign_attrs(not_computed="why")
    assert differences({"a": lacking, "b": runs["small"]}) == [
        "a lacks norm, mutual_information, and is left out there (why)."
    ]
