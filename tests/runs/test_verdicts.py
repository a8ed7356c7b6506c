import copy
import json
import math
import re
from dataclasses import asdict

import pytest

from claims_record import example_claims, example_verdicts, old_record, verdicts_of
from residyn.claims import Role
from residyn.errors import StoreError
from residyn.runs.verdicts import read_verdicts
from residyn.store import plain


@pytest.fixture
def written(tmp_path):
    def write(record) -> object:
        path = tmp_path / "claims.json"
        path.write_text(json.dumps(record), encoding="utf-8")
        return path

    return write


def test_no_file_is_no_verdicts(tmp_path):
    assert read_verdicts(tmp_path / "claims.json") is None


def test_every_field_is_read(written):
    record = example_claims()
    found = read_verdicts(written(record))
    assert found is not None
    assert [c.name for c in found.conditions] == [c["name"] for c in record["conditions"]]
    assert [c.role for c in found.conditions] == [Role(c["role"]) for c in record["conditions"]]
    labels = [f"{claim['number']} {claim['variant']}".strip() for claim in record["claims"]]
    assert [c.label for c in found.claims] == labels
    assert labels[:15] == [*map(str, range(1, 14)), "14 CCN", "14 arXiv"]
    one, theirs = found.claims[7].criteria[0], record["claims"][7]["criteria"][0]
    names = ("value", "low", "high", "above", "threshold", "premise")
    assert [getattr(one, name) for name in names] == [theirs[name] for name in names]
    assert one.null is not None
    assert (one.null.p, one.null.repeats) == (0.001, 999)
    assert one.null.preserves == theirs["null"]["preserves"]
    assert one.paper == theirs["paper"]
    assert asdict(one.conditions["untrained"]) == theirs["conditions"]["untrained"]
    assert one.conditions["shuffled tokens"].reaches is False
    assert math.isnan(one.conditions["same samples"].difference)
    assert found.claims[8].criteria[0].null is None
    second, theirs = found.claims[3].criteria[0].second, record["claims"][3]["criteria"][0]["second"]
    assert second is not None
    assert asdict(second) == theirs
    assert math.isnan(found.claims[3].criteria[0].paper)
    assert [one.premise for one in found.claims[9].criteria] == [True, True, False, False]
    told = found.claims[4]
    assert (told.reproduced_in, told.passes_in) == (("skip path", "random walk"), ("shuffled tokens",))
    assert found.claims[5].abolished_by == ("random positions",)
    assert [claim.paper for claim in found.claims] == [claim["paper"] for claim in record["claims"]]
    assert found.title_of("untrained") == "untrained models of this architecture"
    assert found.title_of("unheard of") == "unheard of"


def test_numbers_may_be_undefined_or_infinite(written):
    record = example_claims()
    record["claims"][0]["criteria"][0] |= {"value": None, "low": "-Infinity", "high": "Infinity"}
    found = read_verdicts(written(record))
    assert found is not None
    one = found.claims[0].criteria[0]
    assert math.isnan(one.value)
    assert (one.low, one.high) == (-math.inf, math.inf)


def test_what_is_judged_is_read_back_whole(written):
    verdicts = verdicts_of((1, "", "one", "holds"), (14, "CCN", "fourteen", "undecided"))
    assert read_verdicts(written(verdicts.to_record())) == verdicts


def test_a_lone_surrogate_can_be_written_afterwards(written):
    found = read_verdicts(written(example_claims(model="a\ud800b")))
    assert found is not None
    assert found.model == "a?b"


def test_the_whole_example_is_read_back(written):
    verdicts = example_verdicts()
    found = read_verdicts(written(plain(verdicts.to_record())))
    assert found is not None
    assert plain(found.to_record()) == plain(verdicts.to_record())


def test_a_claim_passes_under_a_condition_where_all_its_criteria_do(written):
    record = example_claims()
    claim = record["claims"][7]
    claim["criteria"] = claim["criteria"][:2]
    first, second = (one["conditions"] for one in claim["criteria"])
    first["untrained"]["passes"] = second["untrained"]["passes"] = True
    first["random signs"]["passes"], second["random signs"]["passes"] = True, False
    first["permuted weights"]["passes"], second["permuted weights"]["passes"] = True, None
    first["untrained"]["reaches"], second["untrained"]["reaches"] = True, True
    first["random signs"]["reaches"], second["random signs"]["reaches"] = True, False
    first["permuted weights"]["reaches"], second["permuted weights"]["reaches"] = True, None
    names = ("untrained", "random signs", "permuted weights", "norm-free")
    found = read_verdicts(written(record))
    assert found is not None
    assert [found.claims[7].passes(name) for name in names] == [True, False, None, None]
    assert [found.claims[7].reaches(name) for name in names] == [True, False, False, False]
    # A premise is no part of what the claim says; where it fails, nothing is said of the condition.
    claim["criteria"][1]["premise"] = True
    found = read_verdicts(written(record))
    assert found is not None
    assert [found.claims[7].passes(name) for name in names] == [True, None, True, None]
    assert [found.claims[7].reaches(name) for name in names] == [True, True, True, False]


def test_format_1_is_read_with_the_names_of_today(written):
    record = old_record()
    assert record["format_version"] == 1
    found = read_verdicts(written(record))
    assert found is not None
    assert [one.name for one in found.conditions] == [one["name"] for one in record["columns"]]
    assert [one.role for one in found.conditions] == [Role(one["kind"]) for one in record["columns"]]
    for claim, old in zip(found.claims, record["claims"], strict=True):
        assert (claim.number, claim.variant, claim.claim) == (old["number"], old["variant"], old["claim"])
        assert (claim.verdict, claim.origin, claim.sentence) == (old["verdict"], old["origin"], old["sentence"])
        assert claim.reproduced_in == tuple(old["also_in"])
        assert claim.abolished_by == tuple(old["lost_in"])
        assert claim.passes_in == ()
        assert claim.paper
        for one, part in zip(claim.criteria, old["parts"], strict=True):
            assert {name: each.passes for name, each in one.conditions.items()} == {
                name: each["passes"] for name, each in part["columns"].items()
            }
            assert {each.reaches for each in one.conditions.values()} <= {None}
            assert one.second is None
            assert math.isnan(one.paper)
            assert not one.premise
    again = read_verdicts(written(plain(found.to_record())))
    assert again is not None
    assert plain(again.to_record()) == plain(found.to_record())
    assert again.to_record()["format_version"] == 2


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("columns",), None, r"conditions should be a list"),
        (("columns", 0, "kind"), "magic", r"conditions\[0\]\.role should be one of"),
        (("claims",), [3], r"claims\[0\] should be an object"),
        (("claims", 0, "parts"), "x", r"claims\[0\]\.criteria should be a list"),
        (("claims", 0, "parts", 0), 1, r"claims\[0\]\.criteria\[0\] should be an object"),
        (("claims", 0, "also_in"), 3, r"claims\[0\]\.reproduced_in should be a list"),
        (("claims", 0, "verdict"), "perhaps", r"claims\[0\]\.verdict should be one of"),
    ],
)
def test_a_damaged_record_of_format_1_is_refused_by_name(written, place, value, said):
    record = old_record()
    holder = record
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    with pytest.raises(StoreError, match=said):
        read_verdicts(written(record))


def _paths(record, place=()):
    """Places of all fields of objects inside a record."""
    if isinstance(record, dict):
        for key, value in record.items():
            yield (*place, key)
            yield from _paths(value, (*place, key))
    elif isinstance(record, list):
        for i, value in enumerate(record[:1]):
            yield from _paths(value, (*place, i))


def _without_one(record, place):
    changed = copy.deepcopy(record)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    del holder[place[-1]]
    return changed


def test_a_missing_field_is_named(written):
    record = example_claims()
    record = {**record, "conditions": record["conditions"][-1:], "claims": record["claims"][3:4]}
    named = 0
    for place in _paths(record):
        if "criteria" in place and place[-2] == "conditions":
            continue  # conditions by name: any may be there or not
        said = re.sub(r"\.(\d+)", r"[\1]", ".".join(map(str, place)))
        with pytest.raises(StoreError, match=re.escape(f"the field {said} is missing")):
            read_verdicts(written(_without_one(record, place)))
        named += 1
    assert named > 40


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("claims", 3, "verdict"), "perhaps", r"claims\[3\]\.verdict should be one of 'holds'"),
        (("claims", 3, "origin"), "magic", r"claims\[3\]\.origin should be one of 'learned'"),
        (("claims", 0, "criteria", 0, "value"), "0.5", r"claims\[0\]\.criteria\[0\]\.value should be a number"),
        (("claims", 0, "criteria", 0, "value"), True, r"claims\[0\]\.criteria\[0\]\.value should be a number"),
        (("claims", 0, "criteria", 0, "value"), 10**400, r"should be a number; got 1000"),
        (("claims", 0, "number"), 1.5, r"claims\[0\]\.number should be a whole number"),
        (("claims", 0, "number"), -1, r"claims\[0\]\.number should be a whole number"),
        (("claims", 0, "reproduced_in"), ["a", 3], r"claims\[0\]\.reproduced_in\[1\] should be text"),
        (("claims", 0, "criteria"), {}, r"claims\[0\]\.criteria should be a list"),
        (
            ("claims", 0, "criteria", 0, "conditions"),
            [],
            r"claims\[0\]\.criteria\[0\]\.conditions should be an object",
        ),
        (("claims", 0, "criteria", 0, "above"), None, r"above should be true or false"),
        (("claims", 0, "sentence"), "x" * 2_001, r"sentence should be text of at most 2,000"),
        (("claims", 0, "verdict"), "maybe\x1b[31m", r"one of 'holds', .*got 'maybe\\x1b\[31m'"),
        (("claims", 0, "verdict"), ["holds"], r"one of 'holds', .*got list of 1"),
        (("claims", 1, "number"), 1, r"names claim '1' a second time"),
        (("claims",), [{}] * 1001, r"claims should be a list of at most 1,000 items; got list of 1,001"),
        (("conditions",), [{}] * 1001, r"conditions should be a list of at most 1,000 items"),
        (("conditions", 0), "x", r"conditions\[0\] should be an object"),
        (("format",), "other", r"the field format should be 'residyn claims'"),
        (("format_version",), 3, r"format version 3; this residyn reads versions 1 to 2"),
        (("format_version",), True, r"format_version should be a whole number"),
    ],
)
def test_another_kind_of_value_is_refused_by_name(written, place, value, said):
    record = example_claims()
    holder = record
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    path = written(record)
    with pytest.raises(StoreError, match=said) as caught:
        read_verdicts(path)
    assert str(path) in str(caught.value)
    assert f"residyn claims {path.parent}" in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["", "[]", "{", '"residyn claims"', "null"])
def test_what_is_no_record_is_refused(tmp_path, text):
    path = tmp_path / "claims.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"claims\.json"):
        read_verdicts(path)
