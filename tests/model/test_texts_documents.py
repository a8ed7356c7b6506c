"""Which document a row is of: WikiText's articles by their titles, files by the labels that they hold."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residyn.model.texts import read_texts, sources
from residyn.model.texts.documents import labelled, titled, unknown

LOOSE = {"n": None, "min_chars": 0, "max_chars": None}
ARTICLES = [
    "a row before any title",
    "",
    "= First Article =",
    "",
    "its lead",
    "",
    "= = A Section = =",
    "",
    "where the excitation energy is",
    "= 7 / 2 ) suppresses the current ( J =",
    "5 / 2 ) multiplet",
    "",
    "= Second =",
    "",
    "= = = Deeper = = =",
    "",
    "the last row",
]
BEGINS = [-1, -1, *[2] * 10, *[12] * 5]


@pytest.fixture
def wikitext(tmp_path, monkeypatch):
    """The hand-made articles in the place of the built-in ones."""
    path = tmp_path / "valid.raw.gz"
    path.write_bytes(gzip.compress("".join(f" {row} \n" for row in ARTICLES).encode()))
    monkeypatch.setattr(sources, "cached_asset", lambda *_: path)
    return "wikitext-2:valid"


def documents(texts) -> dict[int, int]:
    return {row.text_id: row.document for row in texts.rows}


def test_an_article_begins_with_its_title_and_with_nothing_else():
    assert list(titled(ARTICLES)) == list(zip(ARTICLES, BEGINS, strict=True))
    assert list(titled([])) == []
    # At either end of the rows there is no neighbour that could speak against a title.
    assert [document for _, document in titled(["= One ="])] == [0]


def test_titles_count_before_filters_and_subsets(wikitext):
    whole = documents(read_texts(wikitext, **LOOSE))
    assert whole == {number: BEGINS[number] for number, row in enumerate(ARTICLES) if row}
    dropped = documents(read_texts(wikitext, **LOOSE, headings="drop"))
    assert not {2, 12} & dropped.keys()
    assert {dropped[number] for number in (4, 8)} == {2}
    assert dropped[16] == 12
    for seed in range(5):
        some = documents(read_texts(wikitext, n=3, min_chars=0, max_chars=None, seed=seed))
        assert len(some) == 3
        assert some.items() <= whole.items()


def test_documents_change_no_text_and_no_hash(wikitext):
    with_documents, without = read_texts(wikitext, **LOOSE), read_texts(ARTICLES, **LOOSE)
    assert {row.document for row in without.rows} == {-1}
    assert [row._replace(document=-1) for row in with_documents.rows] == list(without.rows)
    assert with_documents.describe()["sha256"] == without.describe()["sha256"]


@pytest.mark.parametrize("field", ["document", "doc_id"])
def test_a_file_may_name_its_documents(tmp_path, field):
    labels = ["b", "a", "b", None, "a", "c"]
    rows = [{"text": f"row {i}", field: label} for i, label in enumerate(labels)]
    jsonl, parquet = tmp_path / "rows.jsonl", tmp_path / "rows.parquet"
    jsonl.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    # The label stands before the text, and is read no less.
    pq.write_table(pa.table({field: labels, "text": [row["text"] for row in rows]}), parquet)
    for path in (jsonl, parquet):
        assert documents(read_texts(path, **LOOSE)) == {0: 0, 1: 1, 2: 0, 3: -1, 4: 1, 5: 5}
        assert [row.text for row in read_texts(path, **LOOSE).rows] == [row["text"] for row in rows]


def test_the_text_itself_is_no_label(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"document": "a text"}\n{"document": "a text"}\n', encoding="utf-8")
    assert documents(read_texts(path, **LOOSE, field="document")) == {0: -1, 1: -1}
    path.write_text('{"document": "a text", "doc_id": 7}\n{"document": "a text", "doc_id": 7}\n', encoding="utf-8")
    assert documents(read_texts(path, **LOOSE, field="document")) == {0: 0, 1: 0}


def test_texts_and_whole_numbers_are_labels_and_nothing_else_is():
    rows = [("", label) for label in ("1", 1, True, 1.0, [1], {"id": 1}, None, 1, "1")]
    assert [document for _, document in labelled(rows)] == [0, 1, -1, -1, -1, -1, -1, 1, 0]


@given(st.lists(st.one_of(st.none(), st.text(max_size=2), st.integers(0, 3)), max_size=30))
def test_a_document_is_the_row_at_which_its_label_came_first(labels):
    found = [document for _, document in labelled((None, label) for label in labels)]
    assert found == [-1 if label is None else labels.index(label) for label in labels]
    assert list(unknown(map(str, labels))) == [(str(label), -1) for label in labels]


@pytest.mark.assets
@pytest.mark.parametrize(("split", "articles"), [("train", 600), ("valid", 60), ("test", 60)])
def test_the_built_in_texts_have_as_many_articles_as_their_authors_say(split, articles):
    """The counts of Merity et al. 2016, table 1; 31 sentences broken at their signs look like titles."""
    found = Counter(row.document for row in read_texts(f"wikitext-2:{split}", **LOOSE).rows)
    assert -1 not in found
    assert len(found) == articles


def test_an_unknown_document_has_one_number_everywhere():
    from residyn import schema
    from residyn.model.texts import documents

    assert documents.NO_DOCUMENT == schema.NO_DOCUMENT
