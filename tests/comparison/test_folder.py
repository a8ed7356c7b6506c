"""A comparison's folder: written whole, written again, and never over anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from residyn.comparison import check_folder, write_folder
from residyn.errors import StoreError

TABLE = pd.DataFrame({"run": ["a"], "value": [0.5]})


def test_a_folder_is_written_and_written_again(tmp_path: Path) -> None:
    out = tmp_path / "new" / "compare"
    assert check_folder(out) == out
    assert not out.exists()
    write_folder(out, {"runs": {"a": 1}}, {"curves": TABLE, "similarity": TABLE})
    for kind in ("png", "pdf", "svg"):
        (out / f"comparison.{kind}").write_bytes(b"picture")
    (out / "tables" / "claims.csv.partial").touch()
    (out / "tables" / ".claims.csv.0123.tmp").touch()
    (out / ".DS_Store").touch()
    assert check_folder(out) == out
    write_folder(out, {"runs": {"b": 1}}, {"curves": TABLE.assign(value=1.5), "similarity": None})
    record = json.loads((out / "comparison.json").read_text())
    assert record == {"format": "residyn comparison", "format_version": 1, "runs": {"b": 1}}
    assert pd.read_csv(out / "tables" / "curves.csv")["value"].item() == 1.5
    assert not (out / "tables" / "similarity.csv").exists()


@pytest.mark.parametrize("name", ["notes.txt", "manifest.json", "tables/mine.csv", "comparison.png"])
def test_strangers_are_left_alone(tmp_path: Path, name: str) -> None:
    stranger = tmp_path / name
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_text("mine")
    with pytest.raises(StoreError, match=r"is not the folder of a comparison.*--out"):
        check_folder(tmp_path)
    assert stranger.read_text() == "mine"


def test_a_stranger_beside_a_comparison_is_left_alone_too(tmp_path: Path) -> None:
    write_folder(tmp_path, {}, {})
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(StoreError, match=r"it has manifest\.json"):
        check_folder(tmp_path)


def test_a_record_of_something_else_is_no_leave(tmp_path: Path) -> None:
    for content, said in (
        ('{"format": "mine"}', "not the record"),
        ("[]", "not the record"),
        ("{", "JSON.*--out"),
    ):
        (tmp_path / "comparison.json").write_text(content)
        with pytest.raises(StoreError, match=said):
            check_folder(tmp_path)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is a file"):
        check_folder(tmp_path / "file")
    with pytest.raises(StoreError, match="Creating the folder"):
        write_folder(tmp_path / "file" / "below", {}, {})
