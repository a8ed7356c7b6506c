import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residyn.errors import DataError, ResourceError, StoreError
from residyn.store import read_json, update_run, write_json
from residyn.store.records import canonical, plain
from store.producer import complete

TOKEN = "hf_" + "aB3xY9" * 6
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None, max_examples=60)
@given(values)
def test_plain_values_survive_the_canonical_spelling(value):
    assert json.loads(canonical(plain(value))) == plain(value)
    assert plain(plain(value)) == plain(value)


def test_numbers_and_paths_become_plain():
    came = plain(
        {"a": np.float32(0.5), "b": np.arange(3), "c": (1, Path("x/y")), "d": np.nan, "e": -np.inf, 1: True}
    )
    assert came == {"a": 0.5, "b": [0, 1, 2], "c": [1, "x/y"], "d": None, "e": "-Infinity", "1": True}
    assert isinstance(came["1"], bool)


def test_what_no_record_can_hold_is_refused():
    with pytest.raises(DataError, match="got object"):
        plain({"x": [object()]})


def test_tokens_are_scrubbed_from_every_string_and_words_are_not(tmp_path):
    file = tmp_path / "x.json"
    write_json(
        file, {"a": [f"Bearer {TOKEN}!"], TOKEN: {"deep": TOKEN}, "word": "hf_hub_download hf_transformers"}
    )
    text = file.read_text()
    assert TOKEN not in text
    assert TOKEN[3:] not in text
    assert read_json(file)["a"] == ["Bearer hf_…!"]
    assert read_json(file)["word"] == "hf_hub_download hf_transformers"


def test_no_token_reaches_a_run_directory(tmp_path):
    run = complete(tmp_path / "run", note=f"token={TOKEN}")
    update_run(run, warnings=[f"401 for {TOKEN}"], settings={"url": f"https://u:{TOKEN}@hub"})
    files = [file for file in run.rglob("*") if file.is_file()]
    assert len(files) > 10
    assert not [file for file in files if TOKEN.encode() in file.read_bytes()]


def test_a_lone_surrogate_is_written_and_read(tmp_path):
    write_json(tmp_path / "x.json", {"path": "a\udcffb", "é": "\u2028"})
    assert read_json(tmp_path / "x.json") == {"path": "a\udcffb", "é": "\u2028"}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / "x.json"
    write_json(file, {"a": 1})

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(ResourceError, match="No space left on device"):
        write_json(file, {"a": 2})
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]
    assert json.loads(file.read_text()) == {"a": 1}


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe{}", b"[" * 100_000, b"", b'{"a": 1e999}', b"[NaN]", b"-Infinity", b'{"a": 1, "a": 1}'],
)
def test_damaged_json_is_a_store_error(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        read_json(tmp_path / "x.json")


def test_missing_json_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        read_json(tmp_path / "x.json")
