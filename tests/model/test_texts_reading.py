import hashlib
import io
import itertools
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residyn.errors import DataError, UsageError
from residyn.model.texts import read_texts
from residyn.model.texts.reading import Texts

LOOSE = {"n": None, "min_chars": 0, "max_chars": None}
ROWS = ["first text", "", "zwölfte Zeile\u2028still the second", "  = = Reception = =  ", "x", "first text"]


def kept(texts: Texts) -> list[tuple[int, str]]:
    return [(row.text_id, row.text) for row in texts.rows]


def test_length_bounds_are_strict_and_hold_for_the_stripped_text():
    rows = ["a" * 100, " " + "b" * 101 + "\n", "c" * 499, "d" * 500, " " * 120, "e" * 99 + "  "]
    texts = read_texts(rows, n=None, min_chars=100, max_chars=500)
    assert kept(texts) == [(1, "b" * 101), (2, "c" * 499)]
    assert texts.counts == {
        "rows_read": 6,
        "blank": 1,
        "headings": 0,
        "too_short": 2,
        "too_long": 1,
        "passed": 2,
        "stripped": 1,
        "kept": 2,
        "duplicates": 0,
    }


@given(
    rows=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)),
    bounds=st.tuples(st.integers(0, 5), st.integers(7, 20)),
    headings=st.sampled_from(["keep", "drop"]),
    n=st.integers(1, 10),
)
def test_every_row_is_counted_once(rows, bounds, headings, n):
    expected = [(i, row.strip()) for i, row in enumerate(rows) if bounds[0] < len(row.strip()) < bounds[1]]
    if headings == "drop":
        expected = [(i, row) for i, row in expected if not (row[:2] == "= " and row[-2:] == " =")]
    options = {"min_chars": bounds[0], "max_chars": bounds[1], "headings": headings}
    if not expected:
        with pytest.raises(DataError):
            read_texts(rows, n=n, **options)
        return
    texts = read_texts(rows, n=n, **options)
    counts = texts.counts
    assert counts["rows_read"] == len(rows)
    rules = ("blank", "headings", "too_short", "too_long", "passed")
    assert sum(counts[rule] for rule in rules) == len(rows)
    assert counts["passed"] == len(expected)
    assert counts["kept"] == len(texts) == min(n, len(expected))
    assert set(kept(texts)) <= set(expected)
    assert [row.text_id for row in texts.rows] == sorted({row.text_id for row in texts.rows})
    assert kept(read_texts(rows, n=None, **options)) == expected


def test_the_random_subset_is_seeded_uniform_and_nested():
    rows = [f"row number {i}" for i in range(40)]
    pick = {
        (n, seed): {row.text_id for row in read_texts(rows, n=n, min_chars=0, seed=seed).rows}
        for n in (10, 20)
        for seed in range(300)
    }
    assert all(pick[10, seed] < pick[20, seed] for seed in range(300))
    assert read_texts(rows, n=10, min_chars=0, seed=7).rows == read_texts(rows, n=10, min_chars=0, seed=7).rows
    assert pick[10, 0] != pick[10, 1]
    # Each row is drawn with probability 1/4: 75 of 300 times, give or take four standard deviations of 7.5.
    times = [sum(i in pick[10, seed] for seed in range(300)) for i in range(40)]
    assert min(times) > 45
    assert max(times) < 105


def test_order_first_takes_the_first_rows_and_reads_no_further():
    def endless():
        for i in itertools.count():
            yield f"row {i}" if i % 2 else ""

    texts = read_texts(endless(), n=3, min_chars=0, order="first")
    assert kept(texts) == [(1, "row 1"), (3, "row 3"), (5, "row 5")]
    assert texts.counts["rows_read"] == 6
    assert texts.filter["order"] == "first"


def test_fewer_rows_than_wanted_are_all_taken_with_a_warning():
    texts = read_texts(ROWS, n=10, min_chars=0, white_space="keep")
    assert len(texts) == 5
    assert texts.warnings == ("10 texts were wanted; list has 5 (left out: 1 blank), and all are taken.",)
    assert read_texts(ROWS, n=5, min_chars=0, white_space="keep").warnings == ()


def test_headings_are_dropped_on_request_and_counted():
    assert read_texts(ROWS, **LOOSE).counts["headings"] == 0
    texts = read_texts([*ROWS, "= 2 and 3 =", "=", "= not one", "a = b"], **LOOSE, headings="drop")
    assert texts.counts["headings"] == 2
    assert [row.text_id for row in texts.rows] == [0, 2, 4, 5, 7, 8, 9]


def test_max_rows_bounds_the_reading_and_is_said():
    texts = read_texts((f"row {i}" for i in itertools.count()), n=None, min_chars=0, max_rows=50)
    assert texts.counts["rows_read"] == 50
    assert texts.warnings == ("Reading list stopped after its first 50 rows.",)


def test_duplicates_are_counted_and_hashes_are_those_of_the_utf8_bytes():
    texts = read_texts(ROWS, **LOOSE)
    assert texts.counts["duplicates"] == 1
    row = texts.rows[1]
    assert row.sha256 == hashlib.sha256("zwölfte Zeile\u2028still the second".encode()).hexdigest()


def write_txt(path: Path, rows: list[str]) -> Path:
    path.write_bytes("".join(f"{row}\n" for row in rows).encode())
    return path


def write_jsonl(path: Path, rows: list[str], field: str = "text") -> Path:
    path.write_text("".join(json.dumps({"id": i, field: row}) + "\n" for i, row in enumerate(rows)))
    return path


def write_parquet(path: Path, rows: list[str], field: str = "text") -> Path:
    pq.write_table(pa.table({"id": range(len(rows)), field: rows}), path, row_group_size=2)
    return path


def test_every_kind_of_source_gives_the_same_rows(tmp_path, monkeypatch):
    expected = read_texts(ROWS, **LOOSE).rows
    txt = write_txt(tmp_path / "rows.txt", ROWS)
    stdin = SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(txt.read_bytes())))
    monkeypatch.setattr("sys.stdin", stdin)
    assert read_texts(txt, **LOOSE).rows == expected
    assert read_texts(str(txt), **LOOSE).rows == expected
    assert read_texts(write_jsonl(tmp_path / "rows.jsonl", ROWS), **LOOSE).rows == expected
    assert read_texts(write_jsonl(tmp_path / "r.JSONL", ROWS, "body"), **LOOSE, field="body").rows == expected
    assert read_texts(write_parquet(tmp_path / "r.parquet", ROWS, "body"), **LOOSE, field="body").rows == expected
    assert read_texts("-", **LOOSE).rows == expected
    assert read_texts(iter(ROWS), **LOOSE).rows == expected


def test_the_description_is_plain_json_and_names_the_bytes_read(tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", ROWS)
    described = read_texts(path, n=2, min_chars=0, seed=3).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["source"] == {
        "kind": "file",
        "name": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "byte_order_mark": False,
        "field": "text",
    }
    assert described["filter"]["seed"] == 3
    assert described["counts"]["kept"] == 2
    again = read_texts(path, n=2, min_chars=0, seed=3).describe()
    other = read_texts(path, n=2, min_chars=0, seed=4).describe()
    assert again["sha256"] == described["sha256"] != other["sha256"]


@settings(max_examples=30)
@given(name=st.text(st.characters(categories=["L", "N", "S"]), min_size=1, max_size=40))
def test_unicode_file_names_work(tmp_path_factory, name):
    path = write_txt(tmp_path_factory.mktemp("names") / f"{name}.txt", ["a text"])
    assert read_texts(path, **LOOSE).source["name"] == str(path)


def test_a_file_name_that_is_not_utf8_can_be_read_and_described(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt"))
    write_txt(path, ["a text"])
    described = read_texts(path, **LOOSE).describe()
    assert json.dumps(described, ensure_ascii=False).encode()
    assert described["source"]["name"].endswith("caf\ufffd.txt")


def test_a_very_long_path_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path(*["d" * 200] * 6)
    folder.mkdir(parents=True)
    path = write_txt(folder / f"{'f' * 240}.txt", ["a text"])
    assert kept(read_texts(path, **LOOSE)) == [(0, "a text")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"n": 0}, "at least 1"),
        ({"min_chars": -1}, "0 or more"),
        ({"min_chars": 10, "max_chars": 11}, "strict"),
        ({"order": "last"}, "'random' or 'first'"),
        ({"headings": "maybe"}, "'keep' or 'drop'"),
        ({"max_rows": 0}, "at least 1"),
        ({"seed": -1}, "0 or more"),
        ({"source": b"bytes"}, "got bytes"),
        ({"source": {"a": "b"}}, "got dict"),
        ({"source": 3}, "got int"),
        ({"source": "wikitext-2:dev"}, "train, valid and test"),
        ({"source": "hf:"}, "hf:ORG/NAME"),
        ({"source": "hf:a:b:c:d"}, "hf:ORG/NAME"),
        ({"source": "wikitxt"}, "Did you mean 'wikitext'"),
        ({"source": "notes.docx"}, ".txt, .jsonl, .json, .csv, .tsv, .parquet"),
    ],
)
def test_options_out_of_range_are_usage_errors(options, said):
    with pytest.raises(UsageError) as caught:
        read_texts(**{"source": ROWS, **options})
    assert said in str(caught.value)
    assert caught.value.exit_code == 2


def test_when_no_row_passes_the_message_counts_what_failed():
    with pytest.raises(DataError) as caught:
        read_texts(["", "short", "s" * 20, "l" * 1000], min_chars=100, max_chars=500)
    assert str(caught.value) == (
        "None of the 4 rows of list passes the filter (1 blank, 2 too short, 1 too long). Wanted were rows of "
        "more than 100 characters and fewer than 500. Change min_chars or max_chars (--min-chars, --max-chars), "
        "or give other texts."
    )


def test_texts_of_ones_own_are_all_kept_and_wikitext_is_filtered_as_in_the_paper():
    own = read_texts(["", "short", "s" * 20, "l" * 1000], n=None)
    assert [len(row.text) for row in own.rows] == [5, 20, 1000]
    assert own.summary() == "list: 3 of 4 rows are kept (1 blank)."
    wikitext = read_texts("wikitext-2:test", n=None)
    lengths = [len(row.text) for row in wikitext.rows]
    assert 100 < min(lengths) < 110
    assert 490 < max(lengths) < 500
    assert (wikitext.filter["min_chars"], wikitext.filter["max_chars"]) == (100, 500)
    short = read_texts("wikitext-2:test", n=5, min_chars=0, max_chars=30)
    assert {len(row.text) < 30 for row in short.rows} == {True}
    assert all(part in short.summary() for part in ("not drawn", "too long"))


def test_built_in_texts_are_read_from_the_cache(tmp_path, monkeypatch):
    import gzip

    from residyn.model.texts import sources

    path = tmp_path / "valid.raw.gz"
    path.write_bytes(gzip.compress("".join(f" {row} \n" for row in ROWS).encode()))
    asked = []
    monkeypatch.setattr(sources, "cached_asset", lambda name, member: asked.append((name, member)) or path)
    for name in ("wikitext-2:valid", "wikitext:validation", "builtin:valid"):
        texts = read_texts(name, **LOOSE)
        assert [row.sha256 for row in texts.rows] == [row.sha256 for row in read_texts(ROWS, **LOOSE).rows]
        assert texts.source["split"] == "valid"
        assert texts.source["licence"] == "CC BY-SA 3.0"
    assert set(asked) == {("wikitext-2", "valid")}


@pytest.mark.assets
@pytest.mark.parametrize(
    ("split", "rows", "passing"), [("train", 36718, 5145), ("valid", 3760, 587), ("test", 4358, 667)]
)
def test_the_papers_filter_on_the_papers_rows(split, rows, passing):
    counts = read_texts(f"wikitext-2:{split}", n=None).counts
    assert counts["rows_read"] == rows
    assert counts["passed"] == passing
