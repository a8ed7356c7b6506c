"""rd.run makes what `residyn run` makes, and a run as an object gives what is in its folder."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import residyn as rd
from families import build, spelling_tokenizer
from residyn.cli.running import run_command
from residyn.errors import StoreError, UsageError

FEW = {"min_chars": 0, "n": 40, "components": 6, "hosts": 1, "grid": 3, "resamples": 20, "null_draws": 1}


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A tiny model's folder, and a file of texts."""
    folder = tmp_path_factory.mktemp("asked")
    build("llama").save_pretrained(folder / "tiny")
    spelling_tokenizer().save_pretrained(folder / "tiny")
    lines = [f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(45)]
    (folder / "lines.txt").write_text("\n".join(lines), encoding="utf-8")
    return str(folder / "tiny"), str(folder / "lines.txt")


@pytest.fixture(scope="module")
def made(asked, tmp_path_factory):
    """A run of rd.run's, not to be touched."""
    model, texts = asked
    return rd.run(model, texts, out=tmp_path_factory.mktemp("runs") / "made", **FEW)


@pytest.mark.slow
def test_a_run_of_python_is_that_of_the_command_line(made, asked, tmp_path):
    model, texts = asked
    options = [word for name, value in FEW.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert run_command(["run", model, "--texts", texts, *options, "--out", str(tmp_path / "typed"), "-q"]) == 0

    def files(folder):
        kept = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): path for path in kept}

    ours, theirs = files(made.directory), files(tmp_path / "typed")
    assert ours.keys() == theirs.keys()
    # Times and folders differ, and what is made of them: the page, and the hash of what it was made of.
    aside = {name for name in ours if name.endswith(("run.json", "report.html", "report.json"))}
    assert [
        name for name in ours if name not in aside and ours[name].read_bytes() != theirs[name].read_bytes()
    ] == []
    assert (
        json.loads(ours["run.json"].read_text())["claims"] == json.loads(theirs["run.json"].read_text())["claims"]
    )


@pytest.mark.slow
def test_a_run_gives_what_its_folder_holds(made):
    run = rd.open_run(str(made.directory))
    assert run.states.sizes["sample"] == 40
    assert run.results.identical(rd.open_results(made.directory / "results.zarr"))
    assert set(run.controls) == {
        "permuted-weights",
        "random-position",
        "shuffled-tokens",
        *(f"untrained-{seed}" for seed in range(3)),
    }
    assert run.controls["permuted-weights"].shape == run.states.shape
    assert not np.allclose(run.controls["permuted-weights"].values, run.states.values)
    assert list(run.teleports) == ["flow", "return_fraction", "field", "summary"]
    assert run.noise_floor is not None
    assert run.claims.claims[0].number == 1
    assert {"summary", "cosine", "teleports"} <= run.tables.keys()
    assert run.pictures[0] == made.directory / "figures" / "figure1.png"
    assert run.figure1().axes
    assert run.report() == made.directory / "report.html"
    shown = run._repr_html_()
    assert str(made.directory) in shown
    assert run.claims.claims[0].claim in shown


def test_nothing_is_made_a_second_time(made, asked):
    def stamps():
        return {
            path: path.stat().st_mtime_ns for path in made.directory.rglob("*") if path.suffix in (".png", ".html")
        }

    model, texts = asked
    before = stamps()
    rd.run(model, texts, out=made.directory, **FEW)
    assert stamps() == before


@pytest.mark.slow
def test_a_loaded_model_is_a_model(made, asked, tmp_path):
    loaded = rd.load_model(asked[0])
    few = {**FEW, "untrained": 0, "shuffled_tokens": False, "noise": False, "untrained_teleports": 0}
    few |= {"permuted_weights": False, "random_positions": False}
    run = rd.run(loaded, asked[1], out=tmp_path / "run", formats=("png",), **few)
    np.testing.assert_array_equal(run.states.values, made.states.values)
    assert json.loads((run.directory / "run.json").read_text())["request"]["model"] == loaded.name


@pytest.mark.slow
def test_a_run_of_an_earlier_version_is_read(made, tmp_path):
    """Without records of stages, and with lists as text."""
    old = shutil.copytree(made.directory, tmp_path / "old")
    shutil.rmtree(old / "stages")
    record = json.loads((old / "run.json").read_text())
    record["analysis"] |= {"estimators": "gcmi,kde", "leave_out": "1,3,10"}
    (old / "run.json").write_text(json.dumps(record))
    with pytest.warns(UserWarning, match="covered by no hashes"):
        run = rd.open_run(old)
    assert run.results.identical(made.results)
    assert run.claims == made.claims
    assert run.pictures == []
    assert run_command(["report", str(old), "-q"]) == 0
    assert run_command(["figure", str(old), "--formats", "png", "-q"]) == 0
    assert run_command(["compare", str(old), str(made.directory), "--out", str(tmp_path / "both"), "-q"]) == 0
    assert run_command(["analyze", str(old), "-q"]) == 0
    assert rd.open_results(old / "results.zarr").identical(made.results)


def test_what_is_no_setting_and_what_is_no_run_are_refused(tmp_path):
    with pytest.raises(UsageError, match="There is no setting draws"):
        rd.run("no-model", out=tmp_path / "run", draws=3)
    with pytest.raises(UsageError, match="A preset is one of default, paper, quick; got 'fast'"):
        rd.run("no-model", out=tmp_path / "run", preset="fast")
    assert not (tmp_path / "run").exists()
    with pytest.raises(StoreError, match=r"Expected a run at .*nowhere, but there is no such folder"):
        rd.open_run(tmp_path / "nowhere")
