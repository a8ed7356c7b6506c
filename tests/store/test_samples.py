"""The optional field of a stored sample: which document it is of."""

from __future__ import annotations

import json

import numpy as np
import pytest

from residyn.errors import DataError, StoreError
from residyn.store import create, open_states, read_manifest
from store.producer import capture, complete, description, numbers_on_disk, samples, sublayers


def made(path, rows):
    known = {"model": "tiny/model", "capture_dtype": "float32", "rows_per_shard": 2}
    return create(path, description(), rows, sublayers(), 7, **known)


def with_documents(known=lambda row: True):
    return [row | {"document": row["text_id"] // 4} if known(row) else row for row in samples()]


def test_documents_become_a_coordinate_and_unknown_ones_are_minus_one(tmp_path):
    made(tmp_path / "run", with_documents(lambda row: row["text_id"] % 3))
    capture(tmp_path / "run")
    states = open_states(tmp_path / "run")
    assert states["document"].dims == ("sample",)
    expected = [text // 4 if text % 3 else -1 for text in states["text_id"].values]
    np.testing.assert_array_equal(states["document"], expected)
    assert -1 in expected


def test_where_no_document_is_known_there_is_no_coordinate(run):
    assert "document" not in open_states(run).coords


def test_documents_decide_no_number(tmp_path):
    without = made(tmp_path / "a", samples())
    assert made(tmp_path / "b", with_documents()).fingerprint == without.fingerprint


def test_a_run_made_without_documents_is_gone_on_with_as_it_is(tmp_path):
    path = tmp_path / "run"
    stored = made(path, samples())
    capture(path, shards=[0, 3])
    assert made(path, with_documents()) == stored
    capture(path)
    assert numbers_on_disk(path) == numbers_on_disk(complete(tmp_path / "whole"))
    assert read_manifest(path) == stored
    assert "document" not in open_states(path).coords


def test_other_documents_or_other_tokens_are_another_run(tmp_path):
    path = tmp_path / "run"
    made(path, with_documents())
    for rows in (samples(), [row | {"document": 0} for row in samples()]):
        with pytest.raises(StoreError, match="samples_sha256"):
            made(path, rows)
    made(tmp_path / "bare", samples())
    changed = with_documents()
    changed[0] = changed[0] | {"text": "another"}
    with pytest.raises(StoreError, match="samples_sha256"):
        made(tmp_path / "bare", changed)


@pytest.mark.parametrize("value", ["7", 1.5, True, None, 2**63])
def test_a_document_is_a_whole_number(tmp_path, value):
    rows = samples()
    rows[2] = rows[2] | {"document": value}
    with pytest.raises(DataError, match=r'row 2: "document" must'):
        made(tmp_path / "run", rows)


def test_documents_stand_in_the_lines_as_they_were_given(tmp_path):
    made(tmp_path / "run", with_documents())
    lines = [json.loads(line) for line in (tmp_path / "run" / "samples.jsonl").read_text().splitlines()]
    assert [line["document"] for line in lines] == [line["text_id"] // 4 for line in lines]
