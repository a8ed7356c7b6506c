"""The explorer is a stage: made once, recorded, verified, made again, and linked to."""

from __future__ import annotations

import json

import pytest

import residyn as rd
from residyn.errors import StoreError
from residyn.pipeline.explorer import explorer
from residyn.pipeline.verification import repair, verified
from residyn.report.content import gather as gather_report
from residyn.runs.results import open_results, save_results
from residyn.runs.stages import read_stage


def test_it_is_recorded_with_what_it_is_of(run):
    record = read_stage(run, "explorer")
    assert record.outputs == ("explorer.html",)
    assert record.inputs["states"] == rd.open_states(run).attrs["states_hash"]
    assert record.files["explorer.html"].bytes == (run / "explorer.html").stat().st_size


def test_what_is_there_is_not_made_again(copied):
    before = (copied / "explorer.html").stat()
    assert explorer(copied) == copied / "explorer.html"
    assert (copied / "explorer.html").stat().st_mtime_ns == before.st_mtime_ns


def test_other_verdicts_make_it_anew(copied):
    judged = json.loads((copied / "claims.json").read_text(encoding="utf-8"))
    judged["claims"][0]["sentence"] = "Another sentence."
    (copied / "claims.json").write_text(json.dumps(judged), encoding="utf-8")
    before = (copied / "explorer.html").read_bytes()
    explorer(copied)
    assert (copied / "explorer.html").read_bytes() != before


def test_a_damaged_page_is_found_and_made_again(copied):
    page = copied / "explorer.html"
    whole = page.read_bytes()
    page.write_bytes(whole[:-100])
    found = verified(copied)
    assert [one.file for one in found.outputs.differences] == ["explorer.html"]
    repair(copied, found)
    assert page.read_bytes() == whole
    assert verified(copied).outputs.ok


def test_damaged_results_are_not_shown(copied):
    path = copied / "results.zarr"
    save_results(open_results(path).assign_attrs(model="another"), path)
    with pytest.raises(StoreError, match="results"):
        explorer(copied)


def test_the_command_and_the_object_write_it(copied, residyn):
    (copied / "explorer.html").unlink()
    code, out, _ = residyn("explorer", copied, "-q")
    assert code == 0
    assert str(copied / "explorer.html") in out.replace("\n", "")
    # The verdicts of these tests are of no stage.
    with pytest.warns(UserWarning, match="covered by no hashes"):
        opened = rd.open_run(copied)
    assert opened.explorer() == copied / "explorer.html"
    assert rd.write_explorer(copied) == copied / "explorer.html"


def test_without_results_the_command_says_what_to_do(tmp_path, residyn):
    code, _, errors = residyn("explorer", tmp_path)
    assert code == 5
    assert "residyn analyze" in " ".join(errors.split())


def test_the_report_links_to_it_where_it_is(copied, monkeypatch):
    from residyn.report import content
    from residyn.report.page import render
    from residyn.report.record import Picture

    monkeypatch.setattr(content, "picture", lambda *_: Picture("data:,", 10, 10, ""))
    page = render(gather_report(copied))
    assert '<a href="explorer.html">' in page
    assert "<script" not in page
    (copied / "explorer.html").unlink()
    assert "explorer.html" not in render(gather_report(copied))
