"""docs/run-directory.md describes a run so that it can be read and checked without residyn: this does so."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
PAGE = Path(__file__).parents[2] / "docs" / "run-directory.md"


def section(heading: str) -> str:
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    assert rest, heading
    return rest.partition("\n## ")[0]


def fields(heading: str) -> set[str]:
    """The names that stand in the first column of the tables of a section; optional ones end with "?"."""
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", section(heading), re.MULTILINE)
    named = [(name, kind) for names, kind in rows for name in re.findall(r"`([^`]+)`", names)]
    return {name + ("?" if "optional" in kind else "") for name, kind in named}


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def without_checksum(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "checksum"}


def test_every_file_is_described(small):
    page = PAGE.read_text(encoding="utf-8")
    for path in small.iterdir():
        assert path.name + ("/" if path.is_dir() and path.suffix != ".zarr" else "") in page, path.name


def test_the_manifest_is_as_described(small):
    manifest = read(small / "manifest.json")
    assert manifest.keys() == fields("manifest.json")
    assert manifest["checksum"] == sha256(canonical(without_checksum(manifest)))
    described = {"format_version": manifest["format_version"], "description": manifest["description"]}
    assert manifest["fingerprint"] == sha256(canonical(described))
    assert manifest["samples_sha256"] == sha256((small / "samples.jsonl").read_bytes())


def test_the_samples_are_as_described(small):
    content = (small / "samples.jsonl").read_bytes()
    assert content.isascii()
    rows = [json.loads(line) for line in content.removesuffix(b"\n").split(b"\n")]
    named = fields("samples.jsonl")
    wanted, optional = {one for one in named if one[-1] != "?"}, {one[:-1] for one in named if one[-1] == "?"}
    assert all(wanted <= row.keys() <= wanted | optional for row in rows)
    lengths = [row["n_tokens"] for row in rows]
    assert lengths == [len(row["input_ids"]) for row in rows] == sorted(lengths, reverse=True)
    assert all(row["sha256"] == sha256(row["text"].encode()) for row in rows)
    assert sorted(row["sample"] for row in rows) == list(range(40))


def test_the_ledger_is_as_described(small):
    manifest = read(small / "manifest.json")
    markers = [read(path) for path in sorted((small / "commits").iterdir())]
    named = set(re.findall(r"`(\w+)`", section("commits/").partition("A shard without")[0]))
    for shard, marker in enumerate(markers):
        assert marker.keys() == named - {"commits"}
        content = (small / marker["file"]).read_bytes()
        assert (marker["shard"], marker["sha256"], marker["bytes"]) == (shard, sha256(content), len(content))
    assert [row for marker in markers for row in range(*marker["rows"])] == list(range(manifest["n_samples"]))
    states_hash = sha256(canonical({"fingerprint": manifest["fingerprint"], "ledger": markers}))
    assert read(small / "claims.json")["states_hash"] == states_hash


def test_the_records_of_stages_are_as_described(small):
    covered = set()
    said = section("stages/").partition("(")[2].partition(")")[0]
    assert set(re.findall(r"`(\w+)`", said)) == {path.stem for path in (small / "stages").iterdir()}
    for path in (small / "stages").iterdir():
        record = read(path)
        assert record.keys() == {*fields("stages/"), "format_version"}
        assert record["checksum"] == sha256(canonical(without_checksum(record)))
        decisive = {name: record[name] for name in ("inputs", "settings", "residyn_version")}
        assert record["fingerprint"] == sha256(canonical(decisive))
        for name, content in record["files"].items():
            assert any(name == output or name.startswith(f"{output}/") for output in record["outputs"])
            there = (small / name).read_bytes()
            assert content == {"sha256": sha256(there), "bytes": len(there)}
        covered |= record["files"].keys()
    # What no stage covers is what covers itself, and what decides nothing.
    there = {path.relative_to(small).as_posix() for path in small.rglob("*") if path.is_file()}
    left = {re.sub(r"^controls/[^/]+/", "", name) for name in there - covered if not name.startswith("stages/")}
    assert {re.sub(r"\d+", "N", name.split("/")[-1]) for name in left} == {
        *("manifest.json", "samples.jsonl", "zarr.json", "c.N.N.N", "NNNNNN.json".replace("NNNNNN", "N")),
        *("run.json", "residyn.lock"),
    }


def test_the_verdicts_are_as_described(small):
    record = read(small / "claims.json")
    rows = dict(re.findall(r"^\| `?([\w\[\].]+)`?[^|]*\| (.+) \|$", section("claims.json"), re.MULTILINE))
    top = set(re.findall(r"^\| ((?:`[\w.\[\]]+`(?:, )?)+) \|", section("claims.json"), re.MULTILINE))
    names = {name for cell in top for name in re.findall(r"`([\w]+)`", cell)}
    assert names <= record.keys() <= names | {"format", "format_version"}
    inside = set(re.findall(r"`(\w+)`", rows["claims"]))
    assert all(set(claim) == inside for claim in record["claims"])
    of_conditions = set(re.findall(r"`(\w+)`", rows["conditions"]))
    assert all(set(condition) == of_conditions for condition in record["conditions"])
    # Those of parts of a criterion stand in brackets behind it.
    of_criteria = set(re.findall(r"`(\w+)`", re.sub(r"\([^()]*\)", "", rows["claims[].criteria"])))
    assert all(set(one) == of_criteria for claim in record["claims"] for one in claim["criteria"])


def test_run_json_is_as_described(small):
    record = read(small / "run.json")
    named = set(re.findall(r"`(\w+)`", section("run.json").partition("Warnings are")[0]))
    assert record.keys() == named
