"""Texts out of tables, JSON documents and compressed files: what they hold, or what to do about it."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residyn.errors import DataError, UsageError
from residyn.model.texts import read_texts

ROWS = [
    "The old harbour town woke slowly, and the fishermen walked down.",
    'She said "no"\nand left; twice.',
    "tab\there",
]
LOOSE = {"n": None, "min_chars": 0, "max_chars": None}
PACK = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": pa.Codec("zstd").compress}


def texts(path: Path, **how: object) -> list[str]:
    return [row.text for row in read_texts(path, **{**LOOSE, **how}).rows]


def table(path: Path, rows: list[list[object]], **how: object) -> Path:
    with path.open("w", newline="", encoding=str(how.pop("encoding", "utf-8"))) as file:
        csv.writer(file, **how).writerows(rows)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.CSV", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_cells_of_a_table_are_read_whole(tmp_path, name, delimiter, encoding):
    rows = [["id", "text", "doc_id"], *([i, text, f"d{i // 2}"] for i, text in enumerate(ROWS))]
    path = table(tmp_path / name, rows, delimiter=delimiter, encoding=encoding)
    assert texts(path) == ROWS
    found = read_texts(path, **LOOSE)
    assert [row.text_id for row in found.rows] == [0, 1, 2]
    assert [row.document for row in found.rows] == [0, 0, 2]
    assert texts(path, field="id") == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,body\n0,a\n", r"no column 'text'; it has 'id', 'body'\. Name the one .*--field"),
        ("0,first text\n1,second\n", r"it has '0', 'first text'\..*If that is no header .*put a line of names"),
        ("id|text\n0|a\n", r"it has 'id\|text'\..*parted by , ; tab\."),
        ("i\0d\0,\0t\0\n\0", r"line 1 holds a NUL character.*UTF-16 without its mark"),
        ("", "no column 'text'; it has none"),
        ("text,text\na,b\n", "2 columns named 'text'; one was wanted"),
        ("id,text\n0,a\n1,b, c\n", r"line 3 has 3 cells, and the header 2: 'id', 'text'\. Put .*quotes"),
        ('id,text\n0,"a\nb"\n1\n', "line 4 has 1 cells"),
        ('id,text\n0,"a\n', r"the row of line 2 is not well quoted .*\.jsonl"),
        ('id,text\n0,"a" b\n', "not well quoted"),
    ],
)
def test_a_table_that_does_not_fit_is_named_by_its_line(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        texts(path)


def test_a_long_cell_is_read(tmp_path):
    long = "word " * 60_000
    assert texts(table(tmp_path / "a.csv", [["text"], [long]])) == [long.strip()]


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (json.dumps(ROWS), "text"),
        (json.dumps([{"body": row, "id": 1} for row in ROWS], indent=1), "body"),
        (json.dumps({"text": ROWS, "id": [1, 2, 3]}), "text"),
        (json.dumps({"data": ROWS, "version": "1"}), "data"),
        (json.dumps({"text": {str(i): row for i, row in enumerate(ROWS)}}), "text"),
        ("".join(json.dumps({"text": row}) + "\n" for row in ROWS), "text"),
        ("\ufeff" + json.dumps(ROWS), "text"),
    ],
)
def test_json_documents_of_the_usual_forms_are_read(tmp_path, content, field):
    path = tmp_path / "a.json"
    path.write_text(content, encoding="utf-8")
    assert texts(path, field=field) == ROWS


def test_a_json_document_names_documents(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": row, "document": "one"} for row in ROWS]))
    assert [row.document for row in read_texts(path, **LOOSE).rows] == [0, 0, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x\n", r"a\.json is not JSON .*wanted was .*one object a line"),
        ("[" * 100_000, "is not JSON"),
        ('{"rows": ["a"]}\n', r"has no field 'text'; it has 'rows'|no list of texts in 'text'"),
        ('{\n"rows": ["a"]}', r"an object with 'rows', and no list of texts in 'text'.*--field"),
        ("[1]", "entry 0 is a JSON int"),
        ('[{"a": "b"}]', "entry 0 has no field 'text'; it has 'a'"),
        ('[{"text": 3}]', "entry 0: the field 'text' holds int, not text"),
        ("3", "holds a JSON int"),
    ],
)
def test_json_of_other_forms_says_which_are_read(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        texts(path)


@pytest.mark.parametrize("ending", PACK)
def test_compressed_files_are_read_as_what_they_hold(tmp_path, ending):
    pack = PACK[ending]
    lines = [row.replace("\n", " ") for row in ROWS]
    plain = tmp_path / f"a.txt{ending}"
    plain.write_bytes(pack("\ufeff".encode() + "\n".join(lines).encode()))
    assert texts(plain) == lines
    assert read_texts(plain, **LOOSE).source["byte_order_mark"] is True
    # Compressors append: the content of several members is read to its end.
    records = tmp_path / f"a.jsonl{ending}"
    records.write_bytes(b"".join(pack(json.dumps({"text": row}).encode() + b"\n") for row in ROWS))
    assert texts(records) == ROWS
    cells = table(tmp_path / "a.csv", [["text"], *([row] for row in ROWS)]).read_bytes()
    (tmp_path / f"a.csv{ending}").write_bytes(pack(cells))
    assert texts(tmp_path / f"a.csv{ending}") == ROWS


def test_lines_of_a_table_may_end_in_carriage_returns(tmp_path):
    rows = [["id", "text"], *([i, text] for i, text in enumerate(ROWS) if "\n" not in text)]
    path = table(tmp_path / "a.csv", rows, lineterminator="\r")
    assert texts(path) == [text for text in ROWS if "\n" not in text]


def test_json_lines_have_two_endings_and_under_another_name_are_told(tmp_path):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in ROWS)
    for name in ("a.jsonl", "a.ndjson"):
        (tmp_path / name).write_text(lines)
        assert texts(tmp_path / name) == ROWS
        assert read_texts(tmp_path / name, **LOOSE).warnings == ()
    (tmp_path / "a.txt").write_text(lines)
    found = read_texts(tmp_path / "a.txt", **LOOSE)
    assert found.rows[0].text == json.dumps({"text": ROWS[0]})
    assert "are JSON objects, and each is read as one text" in found.warnings[-1]
    (tmp_path / "b.txt").write_text("{no} JSON\n{}x\n")
    assert read_texts(tmp_path / "b.txt", **LOOSE).warnings == ()


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (pd.DataFrame({"id": range(3), "text": ROWS}), r"got DataFrame.*table\['text'\]"),
        ({"text": ROWS}, r"got dict.*table\['text'\]"),
        (io.StringIO("one\ntwo\n"), r"got StringIO.*Give the path"),
        ({*ROWS}, r"got set.*sorted\(texts\)"),
        (b"one", r"got bytes.*decode"),
        (3, r"got int.*Give a list"),
        ("https://example.com/a.txt", r"is an address.*Save the file"),
    ],
)
def test_what_would_give_names_or_another_order_for_texts_is_refused(given, advice):
    with pytest.raises(UsageError, match=advice):
        read_texts(given, **LOOSE)


def test_a_column_of_a_table_is_a_list_of_texts():
    assert texts(pd.DataFrame({"text": ROWS})["text"]) == ROWS


@pytest.mark.parametrize(
    ("column", "advice"),
    [
        ([["a", "b"]], r"holds list, not text\. Give each text a row of its own .*explode"),
        ([[{"role": "user", "content": "a"}]], r"holds list, not text\. Of a conversation.*--chat"),
        ([b"a"], r"holds bytes, not text\. Decode it first"),
        ([{"body": "a"}], r"holds dict, not text\. .*row\['body'\]"),
    ],
)
def test_a_cell_that_holds_no_text_is_told_by_what_it_holds(tmp_path, column, advice):
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=advice):
        texts(tmp_path / "a.parquet")


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"x\n", lambda data: data[:1]])
def test_compressed_files_that_are_damaged_are_told(tmp_path, ending, damage):
    path = tmp_path / f"a.txt{ending}"
    path.write_bytes(damage(PACK[ending]("\n".join(f"{i} {'x' * (i % 7)}" for i in range(5000)).encode())))
    with pytest.raises(DataError, match=rf"a\.txt\{ending} cannot be decompressed as \{ending}: .*again"):
        texts(path)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("prompts.xlsx", r"Save the sheet as CSV .*--field"),
        ("prompts.zip", "Unpack it first"),
        ("prompts.feather", r"Save the table as \.parquet or \.csv"),
        ("prompts.pdf", r"Save its text as \.txt"),
        ("states.npy", r"rd\.from_array"),
        ("prompts.parquet.gz", "Unpack it first"),
        ("my texts.tokens", r"--texts - < '.*my texts\.tokens' .*\.jsonl"),
        ("prompts", r"--texts - < "),
    ],
)
def test_other_formats_get_advice_that_works(tmp_path, name, advice):
    (tmp_path / name).write_text("x\n")
    with pytest.raises(DataError, match=advice) as caught:
        texts(tmp_path / name)
    assert "Rename" not in str(caught.value)
