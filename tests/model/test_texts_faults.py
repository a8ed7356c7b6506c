"""Texts that cannot be read: each is refused with the file, the line and what to do, or read as promised."""

import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residyn.errors import DataError
from residyn.model.texts import files, read_texts

LOOSE = {"n": None, "min_chars": 0, "max_chars": None}
GOOD = b"a good line\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \n\t\n\xe2\x80\xa8\n", "None of the 4 rows"),
        (GOOD + b"a \0 b\n", "line 2 holds a NUL character at position 2"),
        (GOOD + b"a\n" * 3 + b"caf\xe9\n", "line 5 is not UTF-8: byte 0xe9 at position 3"),
        (GOOD + b"\xed\xa0\x80\n", "line 2 is not UTF-8"),
        ("a text\nanother\n".encode("utf-16"), "line 1 begins with the mark of UTF-16"),
        ("a text\n".encode("utf-16-be"), "line 1 holds a NUL"),
        (b"\xfe\xff\0a", "line 1 begins with the mark of UTF-16"),
        ("a text\n".encode("utf-32"), "line 1 begins with the mark of UTF-16 or UTF-32"),
    ],
    ids=["empty", "blank", "nul", "latin-1", "surrogate", "utf-16", "utf-16 unmarked", "utf-16-be", "utf-32"],
)
def test_a_text_file_that_is_no_text_is_refused_by_its_line(tmp_path, content, said):
    path = tmp_path / "rows.txt"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_texts(path, **LOOSE)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"text": "half\n', "line 2 is not JSON"),
        (b'{"text": "lone \\ud800 half"}\n', "line 2 holds the lone surrogate U+D800 at position 5"),
        (b'{"text": "a \\u0000"}\n', "line 2 holds a NUL"),
        (b'{"txt": "a", "id": 3}\n', "line 2 has no field 'text'; it has 'txt', 'id'"),
        (b'{"text": 7}\n', "line 2: the field 'text' holds int, not text"),
        (b'{"text": ["a"]}\n', "line 2: the field 'text' holds list"),
        (b'["a", "b"]\n', "line 2 holds a JSON list"),
        (b"[" * 100_000 + b"\n", "line 2 is not JSON"),
        (b'{"text": ' + b"9" * 10_000 + b"}\n", "line 2 is not JSON"),
        (b'{"text": "caf\xe9"}\n', "line 2 is not UTF-8"),
    ],
    ids=["malformed", "surrogate", "nul", "field", "number", "list", "array", "deep", "long number", "latin-1"],
)
def test_a_bad_json_line_is_refused_by_its_line(tmp_path, line, said):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "a good line"}\n' + line)
    with pytest.raises(DataError) as caught:
        read_texts(path, **LOOSE)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_null_and_blank_json_lines_count_as_blank(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": null}\n\n{"text": "a \\ud83d\\ude00 face"}\n')
    texts = read_texts(path, **LOOSE)
    assert texts.counts["blank"] == 2
    assert [(row.text_id, row.text) for row in texts.rows] == [(2, "a 😀 face")]


@pytest.mark.parametrize("suffix", ["txt", "jsonl"])
def test_a_byte_order_mark_is_stripped_and_recorded(tmp_path, suffix):
    lines = ["a text", "another"]
    content = "\n".join(lines if suffix == "txt" else [json.dumps({"text": line}) for line in lines])
    for mark in (b"", b"\xef\xbb\xbf"):
        path = tmp_path / f"rows{len(mark)}.{suffix}"
        path.write_bytes(mark + content.encode())
        texts = read_texts(path, **LOOSE)
        assert [row.text for row in texts.rows] == lines
        assert texts.source["byte_order_mark"] is bool(mark)


def test_only_a_line_feed_ends_a_row(tmp_path):
    rows = ["one\u2028still one", "two\x0bstill\x0c two", "three\x85still\rthree\x1c.", "no line feed at the end"]
    for end in ("\n", "\r\n"):
        path = tmp_path / "rows.txt"
        path.write_bytes(end.join(rows).encode())
        assert [row.text for row in read_texts(path, **LOOSE).rows] == rows


def test_long_lines_are_filtered_in_bounded_memory(tmp_path):
    path = tmp_path / "rows.txt"
    with path.open("wb") as stream:
        for _ in range(8):
            stream.write(b"x" * 10_000_000 + b"\n")
        stream.write(b"y" * 200 + b"\n")
    tracemalloc.start()
    texts = read_texts(path, n=None, max_chars=500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert texts.counts["too_long"] == 8
    assert [row.text_id for row in texts.rows] == [8]
    assert peak < 60_000_000


def test_a_line_that_would_fill_the_memory_is_refused_by_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MAX_LINE_BYTES", 1024**2)
    path = tmp_path / "rows.txt"
    path.write_bytes(GOOD + b"x" * (1024**2 - 1) + b"\n" + b"x" * (1024**2 + 1))
    with pytest.raises(DataError, match="line 3 is longer than 1 MiB"):
        read_texts(path, **LOOSE)


def write_parquet(path, column):
    pq.write_table(pa.table({"text": column, "id": range(len(column))}), path)
    return path


def test_a_truncated_parquet_file_is_refused(tmp_path):
    path = write_parquet(tmp_path / "rows.parquet", ["a text"] * 100)
    whole = path.read_bytes()
    for damaged in (b"", whole[:3], whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"cannot be read as Parquet after 0 rows.*truncated"):
            read_texts(path, **LOOSE)


def test_a_parquet_column_must_exist_and_hold_text(tmp_path):
    path = write_parquet(tmp_path / "rows.parquet", ["a text", None])
    with pytest.raises(DataError, match="no column 'body'; it has 'text', 'id'"):
        read_texts(path, **LOOSE, field="body")
    with pytest.raises(DataError, match="row 0: the field 'id' holds int"):
        read_texts(path, **LOOSE, field="id")
    assert read_texts(path, **LOOSE).counts["blank"] == 1


def test_a_missing_file_is_told_with_close_names(tmp_path):
    (tmp_path / "stories.txt").write_text("a text\n")
    with pytest.raises(DataError, match=r"no file .*storys\.txt\. Did you mean 'stories\.txt'"):
        read_texts(tmp_path / "storys.txt")
    with pytest.raises(DataError, match="Nor is there a folder"):
        read_texts(tmp_path / "nowhere" / "stories.txt")


def test_what_is_no_readable_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        read_texts(tmp_path)
    (tmp_path / "notes.docx").write_text("a,b\n")
    with pytest.raises(DataError, match=r"does not end in \.txt"):
        read_texts(tmp_path / "notes.docx")
    with pytest.raises(DataError, match=r"Cannot read .*too long|There is no file"):
        read_texts("x" * 5000 + ".txt")
    with pytest.raises(DataError, match="There is no file"):
        read_texts("a\0b.txt")


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], "list is empty"),
        (["a text", 3], r"texts\[1\] is of type int"),
        (["a text", b"b"], r"texts\[1\] is of type bytes.*Decode it"),
        (["a text", float("nan")], r"texts\[1\] is of type float.*missing value: .*dropna"),
        ([{"id": 1, "text": "a"}], r"texts\[0\] is of type dict.*\[row\['text'\] for row in rows\]"),
        ([[{"role": "user", "content": "a"}]], r"texts\[0\] is of type list.*Of a conversation"),
        ([["a", "b"]], r"texts\[0\] is of type list.*row of its own"),
        (["a text", "a\ud800b"], r"texts\[1\] holds the lone surrogate U\+D800 at position 1"),
        (["a\0b"], r"texts\[0\] holds a NUL"),
    ],
)
def test_a_bad_item_of_a_list_is_refused_by_its_index(items, said):
    with pytest.raises(DataError, match=said):
        read_texts(items, **LOOSE)
