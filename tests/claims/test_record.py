"""Verdicts as records, what they say of themselves, and records of format 1 as of this one."""

from __future__ import annotations

import copy
import json
import math

import pytest

from handmade_claims import NAN, RECORDS, criterion, result, tried
from residyn.claims.conditions import Role
from residyn.claims.record import ClaimResult, Verdicts, from_version_1
from residyn.store.records import canonical, plain
from residyn.strict import Fault, convert

# A claim.


def under(*found: str, premise: str = "") -> ClaimResult:
    """A claim whose statistics on the skip path pass ("t"), fail ("f"), are undefined ("u") or were not tried."""
    said = {"t": True, "f": False, "u": None}
    made = [criterion(conditions={"skip path": tried(said[one])} if one else {}) for one in found]
    if premise:
        made.insert(0, criterion(premise=True, conditions={"skip path": tried(said[premise])}))
    return result(*made)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("t", True),
        ("tt", True),
        ("tf", False),
        ("ff", False),
        ("tu", None),
        ("fu", None),
        (["t", ""], None),
        (["f", ""], None),
        ([""], None),
        ([], None),
    ],
)
def test_a_claim_passes_under_a_condition_where_all_its_statistics_do(found, expected):
    assert under(*found).passes("skip path") is expected
    assert under(*found).passes("random walk") is None


@pytest.mark.parametrize(("premise", "passes"), [("t", True), ("f", None), ("u", True)])
def test_where_a_premise_fails_nothing_is_said_of_a_condition(premise, passes):
    assert under("t", premise=premise).passes("skip path") is passes
    assert under("f", premise="t").passes("skip path") is False
    assert under(premise="t").passes("skip path") is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([True], True),
        ([True, True], True),
        ([True, False], False),
        ([True, None], False),
        ([True, "untried"], False),
        (["untried"], False),
    ],
)
def test_a_claim_is_reached_where_all_its_statistics_are(found, expected):
    made = [criterion(conditions={} if one == "untried" else {"skip path": tried(True, one)}) for one in found]
    assert result(*made).reaches("skip path") is expected
    premise = criterion(premise=True, conditions={"skip path": tried(False, False)})
    assert result(premise, *made).reaches("skip path") is expected


def test_a_claim_is_called_by_its_number_and_version():
    assert (result().label, result(number=14, variant="CCN").label) == ("99", "14 CCN")


# All of them.


def verdicts(*claims: ClaimResult) -> Verdicts:
    return Verdicts(
        model="synthetic",
        states_hash="0f" * 8,
        residyn_version="1.0",
        n_samples=40,
        n_groups=20,
        documents_known=True,
        seed=3,
        resamples=200,
        conditions=tuple(RECORDS.values()),
        claims=claims,
    )


def test_one_in_twenty_of_the_claims_with_a_null_would_hold_by_chance():
    without = criterion(null=None)
    found = [result(criterion()), result(criterion(), criterion()), result(without, criterion()), result(without)]
    assert verdicts(*found).by_chance == pytest.approx(0.15)
    assert verdicts(result()).by_chance == verdicts().by_chance == 0


def test_conditions_are_told_by_their_titles_and_others_by_their_names():
    found = verdicts()
    assert found.title_of("untrained") == "untrained models of this architecture"
    assert found.title_of("something else") == "something else"
    bare = convert(plain(found.to_record()) | {"conditions": [record_of("untrained") | {"title": ""}]}, Verdicts)
    assert isinstance(bare, Verdicts)
    assert bare.title_of("untrained") == "untrained"


def record_of(name: str) -> dict:
    return next(one for one in plain(verdicts().to_record())["conditions"] if one["name"] == name)


def test_conditions_are_found_by_their_role():
    found = verdicts()
    assert found.of_role(Role.SCALE) == {"permuted weights"}
    nulls = {"random signs", "random walk", "skip path", "linear floor", "random matrices"}
    assert found.of_role(Role.NULL, Role.QUANTITY) == nulls
    assert found.of_role() == set()


def test_the_record_is_json_that_is_read_back_as_it_was():
    found = verdicts(
        result(
            criterion(conditions={"untrained": tried(False, None, NAN, NAN)}, second=None),
            criterion(NAN, NAN, NAN, premise=True),
            variant="CCN",
            reproduced_in=("skip path",),
            passes_in=("untrained",),
            abolished_by=("norm-free",),
            origin="scale",
            paper=False,
        )
    )
    record = json.loads(canonical(plain(found.to_record())))
    assert (record["format"], record["format_version"]) == ("residyn claims", 2)
    (claim,) = record["claims"]
    assert (claim["reproduced_in"], claim["passes_in"], claim["abolished_by"]) == (
        ["skip path"],
        ["untrained"],
        ["norm-free"],
    )
    assert (claim["origin"], claim["paper"]) == ("scale", False)
    first, premise = claim["criteria"]
    assert first["conditions"]["untrained"]["difference_low"] is None
    assert (first["premise"], premise["premise"], premise["value"], premise["paper"]) == (False, True, None, None)
    assert record["conditions"][0]["role"] == "model"
    assert repr(convert(record, Verdicts)) == repr(found)


# Of format 1.

OLD = {
    "format": "residyn claims",
    "format_version": 1,
    "model": "m",
    "states_hash": "h",
    "residyn_version": "0.1.0",
    "n_samples": 10,
    "n_groups": 5,
    "documents_known": False,
    "seed": 0,
    "resamples": 20,
    "columns": [
        {
            "name": "untrained",
            "title": "untrained models",
            "kind": "untrained",
            "n_samples": 4,
            "draws": 3,
            "preserves": "the texts",
            "destroys": "learning",
        }
    ],
    "claims": [
        {
            "number": 14,
            "variant": "CCN",
            "claim": "x grows",
            "panel": "B",
            "verdict": "holds",
            "sentence": "Holds.",
            "origin": "learned",
            "also_in": ["random signs"],
            "lost_in": ["norm-free"],
            "parts": [
                {
                    "name": "x_trend",
                    "statistic": "trend of x",
                    "units": "1",
                    "value": 0.7,
                    "low": 0.6,
                    "high": None,
                    "threshold": 0.5,
                    "above": True,
                    "verdict": "holds",
                    "null": {
                        "name": "another order",
                        "mean": 0.1,
                        "p": 0.01,
                        "repeats": 99,
                        "preserves": "values",
                        "destroys": "order",
                    },
                    "columns": {
                        "untrained": {
                            "value": 0.4,
                            "passes": False,
                            "low": 0.3,
                            "high": 0.5,
                            "difference": 0.3,
                            "difference_low": 0.2,
                            "difference_high": 0.4,
                        }
                    },
                }
            ],
        }
    ],
}


def test_a_record_of_format_1_is_read_under_the_names_of_this_one():
    before = copy.deepcopy(OLD)
    found = convert(from_version_1(OLD), Verdicts)
    assert before == OLD
    assert isinstance(found, Verdicts)
    assert (found.model, found.n_groups, found.seed) == ("m", 5, 0)
    (condition,) = found.conditions
    assert (condition.name, condition.role, condition.draws) == ("untrained", Role.UNTRAINED, 3)
    (claim,) = found.claims
    assert (claim.label, claim.verdict, claim.sentence, claim.origin) == ("14 CCN", "holds", "Holds.", "learned")
    assert (claim.reproduced_in, claim.passes_in, claim.abolished_by) == (("random signs",), (), ("norm-free",))
    assert claim.paper is True
    (one,) = claim.criteria
    assert (one.name, one.value, one.low, one.threshold, one.verdict) == ("x_trend", 0.7, 0.6, 0.5, "holds")
    assert one.null is not None
    assert (one.null.name, one.null.p) == ("another order", 0.01)
    # What it lacks is not defined.
    assert math.isnan(one.high)
    assert math.isnan(one.paper)
    assert (one.second, one.premise) == (None, False)
    there = one.conditions["untrained"]
    assert (there.value, there.passes, there.difference_low) == (0.4, False, 0.2)
    assert there.reaches is None
    assert not claim.reaches("untrained")
    assert from_version_1(OLD)["format_version"] == 2


def test_every_kind_of_format_1_is_a_role():
    kinds = {"model", "null", "basis", "quantity", "removal", "input", "direction", "untrained"}
    for kind in kinds:
        old = copy.deepcopy(OLD)
        old["columns"][0]["kind"] = kind
        found = convert(from_version_1(old), Verdicts)
        assert isinstance(found, Verdicts)
        assert found.conditions[0].role == kind


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("columns",), None, "conditions"),
        (("columns",), 3, "conditions"),
        (("columns", 0), "x", "conditions[0]"),
        (("columns", 0, "kind"), None, "conditions[0].role"),
        (("columns", 0, "kind"), "friend", "conditions[0].role"),
        (("claims",), 7, "claims"),
        (("claims", 0), 7, "claims[0]"),
        (("claims", 0, "also_in"), None, "claims[0].reproduced_in"),
        (("claims", 0, "lost_in"), "norm-free", "claims[0].abolished_by"),
        (("claims", 0, "parts"), "none", "claims[0].criteria"),
        (("claims", 0, "parts", 0), [], "claims[0].criteria[0]"),
        (("claims", 0, "parts", 0, "value"), "0.7", "claims[0].criteria[0].value"),
        (("claims", 0, "parts", 0, "columns"), 3, "claims[0].criteria[0].conditions"),
        (("claims", 0, "parts", 0, "columns", "untrained"), 0.4, "claims[0].criteria[0].conditions.untrained"),
    ],
)
def test_what_is_not_as_format_1_says_is_left_for_the_reader_to_refuse(path, value, fault):
    old = copy.deepcopy(OLD)
    inner = old
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    found = convert(from_version_1(old), Verdicts)
    assert isinstance(found, Fault)
    assert found.place == fault, found.sentence()
