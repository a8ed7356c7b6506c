import copy
import json
import math
import re

import pytest

from claims_record import example_claims, verdicts_of
from residyn.errors import StoreError
from residyn.runs.verdicts import read_verdicts


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
    assert [c.name for c in found.columns] == [c["name"] for c in record["columns"]]
    assert [c.label for c in found.claims] == [*map(str, range(1, 14)), "14 CCN", "14 arXiv"]
    part, theirs = found.claims[7].parts[0], record["claims"][7]["parts"][0]
    assert (part.value, part.low, part.high, part.above) == tuple(
        theirs[name] for name in ("value", "low", "high", "above")
    )
    assert part.null is not None
    assert (part.null.p, part.null.repeats) == (0.001, 999)
    assert part.columns["untrained"].difference == theirs["columns"]["untrained"]["difference"]
    assert part.null.preserves == theirs["null"]["preserves"]
    assert math.isnan(part.columns["random walk"].difference)
    assert found.claims[8].parts[0].null is None
    assert found.title_of("untrained") == "untrained models of this architecture"
    assert found.title_of("unheard of") == "unheard of"


def test_numbers_may_be_undefined_or_infinite(written):
    record = example_claims()
    record["claims"][0]["parts"][0] |= {"value": None, "low": "-Infinity", "high": "Infinity"}
    found = read_verdicts(written(record))
    assert found is not None
    part = found.claims[0].parts[0]
    assert math.isnan(part.value)
    assert (part.low, part.high) == (-math.inf, math.inf)


def test_what_is_judged_is_read_back_whole(written):
    verdicts = verdicts_of((1, "", "one", "holds"), (14, "CCN", "fourteen", "undecided"))
    assert read_verdicts(written(verdicts.to_record())) == verdicts


def test_a_lone_surrogate_can_be_written_afterwards(written):
    found = read_verdicts(written(example_claims(model="a\ud800b")))
    assert found is not None
    assert found.model == "a?b"


def test_a_claim_passes_in_a_column_where_all_its_parts_do(written):
    record = example_claims()
    first, second = record["claims"][7]["parts"]
    first["columns"]["untrained"]["passes"] = second["columns"]["untrained"]["passes"] = True
    first["columns"]["random walk"]["passes"], second["columns"]["random walk"]["passes"] = True, False
    first["columns"]["skip path"]["passes"], second["columns"]["skip path"]["passes"] = True, None
    found = read_verdicts(written(record))
    assert found is not None
    claim = found.claims[7]
    passes = [claim.passes(name) for name in ("untrained", "random walk", "skip path", "norm-free")]
    assert passes == [True, False, None, None]


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
    record = example_claims(columns=example_claims()["columns"][-1:], claims=example_claims()["claims"][:1])
    named = 0
    for place in _paths(record):
        inside_columns = "parts" in place and "columns" in place
        a_column_itself = inside_columns and place[-2] == "columns"
        if a_column_itself:
            continue
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
        (("claims", 0, "parts", 0, "value"), "0.5", r"claims\[0\]\.parts\[0\]\.value should be a number"),
        (("claims", 0, "parts", 0, "value"), True, r"claims\[0\]\.parts\[0\]\.value should be a number"),
        (("claims", 0, "parts", 0, "value"), 10**400, r"should be a number; got 1000"),
        (("claims", 0, "number"), 1.5, r"claims\[0\]\.number should be a whole number"),
        (("claims", 0, "number"), -1, r"claims\[0\]\.number should be a whole number"),
        (("claims", 0, "also_in"), ["a", 3], r"claims\[0\]\.also_in\[1\] should be text"),
        (("claims", 0, "parts"), {}, r"claims\[0\]\.parts should be a list"),
        (("claims", 0, "parts", 0, "columns"), [], r"claims\[0\]\.parts\[0\]\.columns should be an object"),
        (("claims", 0, "parts", 0, "above"), None, r"above should be true or false"),
        (("claims", 0, "sentence"), "x" * 2_001, r"sentence should be text of at most 2,000"),
        (("claims", 0, "verdict"), "maybe\x1b[31m", r"one of 'holds', .*got 'maybe\\x1b\[31m'"),
        (("claims", 0, "verdict"), ["holds"], r"one of 'holds', .*got list of 1"),
        (("claims", 1, "number"), 1, r"names claim '1' a second time"),
        (("claims",), [{}] * 1001, r"claims should be a list of at most 1,000 items; got list of 1,001"),
        (("columns",), [{}] * 1001, r"columns should be a list of at most 1,000 items"),
        (("columns", 0), "x", r"columns\[0\] should be an object"),
        (("format",), "other", r"the field format should be 'residyn claims'"),
        (("format_version",), 2, r"format version 2; this residyn reads version 1"),
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
