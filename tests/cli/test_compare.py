from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import residyn as rd
from claims_record import example_claims, old_record, verdicts_of
from residyn.cli.running import run_command
from residyn.errors import StoreError, UsageError
from residyn.pipeline.compare import names_of
from residyn.store import info
from residyn.words import with_origin


@pytest.fixture(scope="module")
def analysed(model_folder, tmp_path_factory):
    """Two runs, of 40 texts and of the first 30 of them, with results and no claims."""
    folder = tmp_path_factory.mktemp("runs")
    texts = folder / "lines.txt"
    found = {}
    for name, n, estimators in (("judged", 40, "gcmi,binned"), ("run", 30, "gcmi")):
        lines = (f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(n))
        texts.write_text("\n".join(lines), encoding="utf-8")
        options = ("--model", model_folder, "--texts", texts, "--min-chars", 0, "--n", n, "-q")
        analysis = ("--estimators", estimators, "--shuffles", 0, "--leave-out", "", "-q")
        found[name] = folder / name
        for command in (("capture", found[name], *options), ("analyze", found[name], *analysis)):
            assert run_command([str(part) for part in command]) == 0
    return found


@pytest.fixture
def other(analysed):
    return analysed["run"]


@pytest.fixture
def judged(analysed, tmp_path):
    """A run of the test's own, with verdicts on two claims."""
    folder = shutil.copytree(analysed["judged"], tmp_path / "judged")
    record = verdicts_of((2, "", "grows dense", "undecided"), (5, "", "it grows", "holds", "artefact")).to_record()
    (folder / "claims.json").write_text(json.dumps(record))
    return folder


def test_two_runs_give_a_page_tables_and_a_digest(residyn, judged, other, tmp_path):
    out = tmp_path / "compare"
    for _ in range(2):  # a comparison is written over itself
        code, printed, errors = residyn("compare", judged, other, "--out", out, "--json")
        assert code == 0, errors
    found = json.loads(printed)
    page = Path(found["page"]).read_text(encoding="utf-8")
    assert Path(found["page"]) == out / "comparison.html"
    assert "grows dense" in page
    assert "<script" not in page
    assert found["runs"] == ["judged", "run"]
    assert found["claims"] == [
        {"number": 2, "variant": "", "claim": "grows dense", "verdicts": {"judged": "undecided", "run": "—"}},
        {"number": 5, "variant": "", "claim": "it grows", "verdicts": {"judged": "holds (artefact)", "run": "—"}},
    ]
    assert pd.read_csv(out / "tables" / "claims.csv")["judged"].tolist() == ["undecided", "holds (artefact)"]
    assert "The number of samples differs: judged: 40; run: 30." in found["warnings"]
    assert f"residyn claims {other}" in errors.replace("\n", "")
    pictures = [f"axes.{kind}" for kind in ("pdf", "png", "svg")]
    names = [*pictures, *(f"comparison.{kind}" for kind in ("html", "json", "pdf", "png", "svg"))]
    names += ["residyn.lock", "tables"]
    assert sorted(path.name for path in out.iterdir()) == names
    distance = found["distances"]["judged"]["run"]
    assert 0 < found["within"]["judged"] < np.pi / 2
    table = pd.read_csv(out / "tables" / "distances.csv")
    assert table["distance"].tolist() == pytest.approx([0, distance, distance, 0])
    curves = pd.read_csv(out / "tables" / "curves.csv")
    expected = rd.velocity(rd.open_states(other)).mean("sample").values
    rows = curves[(curves["run"] == "run") & (curves["quantity"] == "velocity")]
    np.testing.assert_allclose(rows["value"], expected, rtol=1e-12)
    # The same model on the texts that both have: the same states, paired by text.
    alike = pd.read_csv(out / "tables" / "similarity.csv")
    assert set(alike["n_samples"]) == {30}
    np.testing.assert_allclose(alike[alike["depth"] == alike["other_depth"]]["value"], 1, atol=1e-4)
    axes = pd.read_csv(out / "tables" / "axes.csv")
    assert set(axes["n_samples"]) == {30}
    assert axes[axes["map"] == "matched"]["value"].min() > 0.999
    assert "Units of judged and run, matched on one half of the documents, correlate by 1" in page


def test_the_terminal_shows_claims_and_distances(residyn, judged, other, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    code, printed, _ = residyn("compare", judged, other, "--out", tmp_path / "c", "-q")
    assert code == 0
    for words in (
        "grows dense",
        "◐",
        "⊗ artefact",
        "⊗ holds as an artefact",
        "between own halves",
        "comparison.png",
    ):
        assert words in " ".join(printed.split())  # titles are broken at the width of their table


def test_checkpoints_stand_over_their_steps(residyn, judged, other, tmp_path):
    early = shutil.copytree(other, tmp_path / "checkpoint-20")
    run = json.loads((judged / "run.json").read_text())
    run["request"]["revision"] = "stage1-step1000-tokens4B"
    (judged / "run.json").write_text(json.dumps(run))
    out = tmp_path / "c"
    arguments = ("compare", judged, early, "--out", out, "-q", "--json")
    code, printed, errors = residyn(*arguments, "--steps", "names")
    assert code == 0, errors
    said = {one["number"]: (one["from_step"], one["said"]) for one in json.loads(printed)["beginnings"]}
    assert said[5] == (
        1000,
        "At the last of these steps alone, 1,000; not judged at step 20; as an artefact at step 1,000.",
    )
    assert json.loads((out / "comparison.json").read_text())["steps"] == {"checkpoint-20": 20, "judged": 1000}
    table = pd.read_csv(out / "tables" / "checkpoints.csv")
    assert list(table["step"].unique()) == [20, 1000]
    page = (out / "comparison.html").read_text()
    assert "At the last of these steps alone" in page
    assert page.count("<img") == 3
    assert (out / "checkpoints.pdf").exists()
    # Compared as what they are not, nothing is left of it.
    code, printed, _ = residyn(*arguments)
    assert code == 0
    assert "beginnings" not in json.loads(printed)
    names = [path.name for path in (*out.iterdir(), *(out / "tables").iterdir())]
    assert not [name for name in names if "checkpoints" in name or "beginnings" in name]
    for steps, told in (("1,2,3", "got 3 for 2"), ("5,5", "both at step 5"), ("a,b", "got 'a'")):
        code, _, errors = residyn(*arguments, "--steps", steps)
        assert code == 2
        assert told in " ".join(errors.split())


@pytest.mark.parametrize("version", [1, 2])
def test_verdicts_of_both_formats_stand_beside_each_other(residyn, judged, other, tmp_path, version):
    record = old_record() if version == 1 else example_claims()
    run = shutil.copytree(other, tmp_path / "old")
    (run / "claims.json").write_text(json.dumps(record))
    code, printed, errors = residyn("compare", judged, run, "--out", tmp_path / "c", "-q", "--json")
    assert code == 0, errors
    cells = [one["verdicts"]["old"] for one in json.loads(printed)["claims"]]
    assert cells == [with_origin(one["verdict"], one["origin"]) for one in record["claims"]]


@pytest.mark.slow
def test_controls_are_analysed_and_stand_beside_their_run(residyn, judged, other, tmp_path):
    controls = judged / "controls"
    controls.mkdir()
    for name in ("untrained-0", "noise", "unfinished"):
        shutil.copytree(other, controls / name)
        shutil.rmtree(controls / name / "results.zarr")
    next((controls / "unfinished" / "commits").iterdir()).unlink()
    assert info(controls / "untrained-0")["complete"]
    arguments = ("compare", judged, "--with-controls", "--out", tmp_path / "c", "-q", "--json")
    code, printed, errors = residyn(*arguments)
    assert code == 0, errors
    assert json.loads(printed)["runs"] == ["judged", "judged / untrained-0"]
    described = json.loads((tmp_path / "c" / "comparison.json").read_text())["runs"]
    assert "control" not in described["judged"]
    assert described["judged / untrained-0"]["control"] == "an untrained model, seed 0"
    assert "unfinished is not complete" in errors.replace("\n", "")
    made = controls / "untrained-0" / "results.zarr"
    assert json.loads(rd.open_results(made).attrs["settings"])["estimators"] == ["gcmi"]
    stamp = (made / "zarr.json").stat().st_mtime_ns
    assert residyn(*arguments)[0] == 0
    assert (made / "zarr.json").stat().st_mtime_ns == stamp


def test_states_that_are_gone_leave_curves_and_distances(residyn, judged, other, tmp_path):
    bare = tmp_path / "bare"
    shutil.copytree(other / "results.zarr", bare / "results.zarr")
    code, printed, errors = residyn("compare", judged, bare, "--out", tmp_path / "c", "-q", "--json")
    assert code == 0, errors
    found = json.loads(printed)
    assert found["within"]["bare"] is None
    assert found["distances"]["judged"]["bare"] >= 0
    assert not (tmp_path / "c" / "tables" / "similarity.csv").exists()
    assert not list((tmp_path / "c").glob("**/axes.*"))


def test_what_cannot_be_compared_is_said(residyn, judged, other, tmp_path):
    out = tmp_path / "c"

    def fails(*arguments):
        code, _, errors = residyn("compare", *arguments, "--out", out, "-q")
        assert not out.exists()
        return code, " ".join(errors.split())

    code, errors = fails(judged)
    assert code == 2
    assert "at least two runs; got 1" in errors
    assert "or add --with-controls" in errors
    code, errors = fails(judged, "--with-controls")
    assert code == 2
    assert "got 1, and no captured controls. Name another, or capture its controls first" in errors
    assert "add --with-controls" not in errors
    code, errors = fails(judged, judged)
    assert code == 2
    assert "named twice" in errors
    code, errors = fails(judged, tmp_path / "absent")
    assert code == 5
    assert "no such folder" in errors
    (judged / "claims.json").write_text("[]")
    code, errors = fails(judged, other)
    assert code == 5
    assert "the file should be an object" in errors
    shutil.rmtree(judged / "results.zarr")
    code, errors = fails(judged, other)
    assert code == 5
    assert "residyn analyze" in errors


def test_no_file_of_a_comparison_names_the_home_folder(residyn, judged, other, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(judged.parent))
    out = tmp_path / "c"
    assert residyn("compare", judged, other, "--out", out, "-q")[0] == 0
    assert json.loads((out / "comparison.json").read_text())["runs"]["judged"]["directory"] == "~/judged"
    for path in (out / "comparison.json", out / "comparison.svg"):
        assert str(judged.parent) not in path.read_text()


def test_a_run_is_never_written_over(residyn, judged, other):
    before = sorted(path.name for path in judged.iterdir())
    code, _, errors = residyn("compare", judged, other, "--out", judged, "-q")
    assert code == 5
    assert "Nothing was written" in " ".join(errors.split())
    assert sorted(path.name for path in judged.iterdir()) == before


def test_names_are_as_short_as_tells_them_apart(tmp_path):
    folders = [tmp_path / name for name in ("a/run", "b/run", "c/other")]
    assert names_of(folders) == ["a/run", "b/run", "other"]
    assert names_of([Path("x") / ".." / "y"]) == ["y"]
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(StoreError, match="leads nowhere"):
        names_of([tmp_path / "circle"])
    assert names_of([tmp_path / "\udcff"]) == ["\\udcff"]
    with pytest.raises(UsageError, match="named twice"):
        names_of([tmp_path / "a", tmp_path / "b" / ".." / "a"])
