"""Whatever a run shows is what its stages wrote: what was changed, cut or lost since is found, named, mended."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

import residyn as rd
from residyn.errors import StoreError
from residyn.runs import layout
from residyn.runs.contents import open_controls
from residyn.runs.verification import verify_outputs
from whole_runs import FEW, differing

pytestmark = pytest.mark.slow


@pytest.fixture
def own(small, tmp_path):
    return shutil.copytree(small, tmp_path / "run")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def change_attribute(path: Path, name: str, value: object) -> None:
    record = json.loads((path / "zarr.json").read_text())
    record["attributes"][name] = value
    (path / "zarr.json").write_text(json.dumps(record))


def change_verdict(path: Path) -> None:
    record = json.loads(path.read_text())
    record["claims"][0]["verdict"] = "holds" if record["claims"][0]["verdict"] != "holds" else "undecided"
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def change_cell(path: Path) -> None:
    text = path.read_text()
    digit = next(i for i in range(len(text) - 1, 0, -1) if text[i].isdigit())
    path.write_text(text[:digit] + str((int(text[digit]) + 1) % 10) + text[digit + 1 :])


def said(text: str) -> str:
    return " ".join(text.split())


HARM = {
    "results.zarr/zarr.json": lambda path: change_attribute(path.parent, "n_samples", 99_999),
    "results.zarr/cosine/zarr.json": lambda path: change_attribute(path.parent, "units", "light years"),
    "results.zarr/cosine/c/0/0": flip,
    "tables/cosine.csv": change_cell,
    "tables/summary.csv": lambda path: path.write_bytes(b""),
    "tables/teleports.csv": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "claims.json": change_verdict,
    "teleports/flow.zarr/zarr.json": lambda path: change_attribute(path.parent, "model", "Llama-3.1-405B"),
    "teleport.zarr/host-00001.zip": flip,
    "teleport.zarr/teleport.json": lambda path: path.write_bytes(b"{"),
    "untrained/0/teleport.zarr/host-00000.zip": Path.unlink,
    "jacobians/model.zarr/skew_share/c/0/0": flip,
    "jacobians/model.zarr/zarr.json": lambda path: change_attribute(path.parent, "model", "Llama-3.1-405B"),
    "tables/jacobians.csv": change_cell,
    "outputs/model.zarr/lens_kl/c/0/0": flip,
    "outputs/model.zarr/zarr.json": lambda path: change_attribute(path.parent, "model", "Llama-3.1-405B"),
    "tables/outputs.csv": change_cell,
    "controls/untrained-0/manifest.json": flip,
    "controls/untrained-0/commits/000000.json": flip,
    "controls/shuffled-tokens/states.zarr/states/c.0.0.0": Path.unlink,
    "controls/noise_floor.zarr/zarr.json": flip,
    "figures/figure1.png": flip,
    "report.html": flip,
    "stages/claims.json": flip,
}
"""A harm to each kind of file."""


def test_a_finished_run_is_what_was_written(residyn, small):
    code, printed, errors = residyn("verify", small, "--json")
    record = json.loads(printed)
    assert (code, record["differing"], record["unknown"], record["controls"], record["note"]) == (
        0,
        [],
        [],
        {},
        "",
    )
    assert record["files"] > 100, errors
    assert rd.open_run(small).claims is not None


def test_every_kind_of_file_that_was_harmed_is_named_and_mended(residyn, own, small):
    for name, harm in HARM.items():
        harm(own / name)
    code, printed, errors = residyn("verify", own, "--json")
    record = json.loads(printed)
    named = {one["file"] for one in record["differing"]} | {
        row[0] for rows in record["controls"].values() for row in rows
    }
    assert code == 5
    assert "--repair" in errors
    # What a damaged record of a stage covers, nobody knows any more.
    assert set(HARM) - {"claims.json"} <= named | {"controls/untrained-0/manifest.json"}
    assert "claims.json" in record["unknown"]
    code, _, errors = residyn("verify", own, "--repair", "-q")
    assert code == 0, errors
    assert differing(own, small) == []


def test_what_is_whole_and_of_nothing_that_changed_is_not_made_again(residyn, own, monkeypatch):
    """By a later residyn, to which every record is out of date: repair mends, and is no new run."""
    monkeypatch.setattr("residyn.runs.stages.version", lambda _: "9.9.9")
    records = {path.name: path.read_bytes() for path in (own / "stages").iterdir()}
    change_cell(own / "tables" / "cosine.csv")
    assert residyn("verify", own, "--repair", "-q")[0] == 0
    again = {name for name, record in records.items() if (own / "stages" / name).read_bytes() != record}
    assert again == {"analysis.json", *(f"{name}.json" for name in ("claims", "figures", "explorer", "report"))}
    assert {"controls.json", "jacobians.json", "outputs.json", "teleports.json"} < set(records)


@pytest.mark.parametrize(
    ("name", "verb", "advised"),
    [
        ("results.zarr/zarr.json", "claims", "analyze"),
        ("results.zarr/cosine/zarr.json", "figure", "analyze"),
        ("results.zarr/zarr.json", "report", "analyze"),
        ("claims.json", "report", "claims"),
        ("claims.json", "explorer", "claims"),
        ("teleports/flow.zarr/zarr.json", "figure", "teleport"),
        ("controls/untrained-0/manifest.json", "claims", "controls"),
        ("controls/untrained-0/commits/000000.json", "report", "controls"),
        ("controls/shuffled-tokens/states.zarr/states/c.0.0.0", "claims", "controls"),
        ("controls/noise_floor.zarr/zarr.json", "report", "controls"),
    ],
)
def test_what_was_changed_is_not_shown_and_what_makes_it_again_is_said(residyn, own, name, verb, advised):
    HARM[name](own / name)
    code, _, errors = residyn(verb, own, "-q")
    assert code == 5
    assert f"again: residyn {advised} {own}" in said(errors)


@pytest.mark.parametrize("verb", ["report", "explorer"])
def test_a_named_pipe_in_the_place_of_the_verdicts_is_told_and_not_waited_for(residyn, own, verb):
    (own / "claims.json").unlink()
    os.mkfifo(own / "claims.json")
    code, _, errors = residyn(verb, own, "-q")
    assert code == 5
    assert re.search("(a named pipe|something else than a file) stands there", said(errors))
    assert f"again: residyn claims {own}" in said(errors)


def test_teleports_do_not_leave_from_what_was_changed(residyn, own):
    HARM["results.zarr/cosine/zarr.json"](own / "results.zarr" / "cosine" / "zarr.json")
    (own / "stages" / "teleports.json").unlink()
    code, _, errors = residyn("teleport", own, "-q")
    assert code == 5
    assert f"again: residyn analyze {own}" in said(errors)


def test_what_was_changed_is_not_compared(residyn, own, small, tmp_path):
    HARM["results.zarr/zarr.json"](own / "results.zarr" / "zarr.json")
    code, _, errors = residyn("compare", own, small, "--out", tmp_path / "compared")
    assert code == 5
    assert f"again: residyn analyze {own}" in said(errors)


def test_controls_that_were_damaged_are_captured_again_to_the_same_bytes(residyn, own, small):
    hurt = [name for name in HARM if name.startswith("controls/")]
    for name in hurt:
        HARM[name](own / name)
    (own / "controls" / "random-position" / "manifest.json").unlink()
    code, _, errors = residyn("controls", own, "-q")
    assert code == 0, errors
    assert differing(own / "controls", small / "controls") == []


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("results.zarr/zarr.json", "results"),
        ("claims.json", "claims"),
        ("tables/cosine.csv", "tables"),
        ("tables/teleports.csv", "tables"),
        ("teleports/flow.zarr/zarr.json", "teleports"),
        ("controls/untrained-0/manifest.json", "controls"),
        ("controls/noise_floor.zarr/zarr.json", "noise_floor"),
        ("figures/figure1.png", "pictures"),
    ],
)
@pytest.mark.parametrize("lost", [False, True])
def test_python_is_not_given_what_was_changed_or_lost(own, name, part, lost):
    Path.unlink(own / name) if lost else HARM[name](own / name)
    with pytest.raises(StoreError, match=r"(Make them|Capture what is damaged) again: residyn \w+ "):
        getattr(rd.open_run(own), part)


def test_a_record_of_a_stage_that_was_changed_covers_nothing_any_more(residyn, own):
    HARM["stages/claims.json"](own / "stages" / "claims.json")
    with pytest.raises(StoreError, match=r"claims.json should say what the stage claims wrote, and is damaged"):
        _ = rd.open_run(own).claims


def test_results_say_by_themselves_that_an_attribute_was_changed(small, tmp_path):
    path = shutil.copytree(small / "results.zarr", tmp_path / "results.zarr")
    whole = rd.open_results(path)
    change_attribute(path / "cosine", "definition", "whatever")
    with pytest.raises(StoreError, match="damaged: attributes"):
        rd.open_results(path)
    rd.save_results(whole, tmp_path / "again.zarr")
    assert rd.open_results(tmp_path / "again.zarr").identical(whole)


def test_a_run_mends_itself(residyn, asked, own, small):
    hurt = ["tables/summary.csv", "tables/cosine.csv", "claims.json", "figures/figure1.png", "report.html"]
    hurt += ["teleport.zarr/host-00001.zip", "controls/untrained-0/manifest.json", "results.zarr/zarr.json"]
    for name in hurt:
        HARM[name](own / name)
    code, _, errors = residyn("run", *asked, *FEW, "--out", own)
    assert code == 0, errors
    assert differing(own, small) == []


def test_only_the_host_that_was_damaged_is_made_again(residyn, own):
    flip(own / "teleport.zarr" / "host-00001.zip")
    other = own / "teleport.zarr" / "host-00000.zip"
    before = other.stat().st_mtime_ns
    code, _, errors = residyn("teleport", own, "-q")
    assert code == 0, errors
    assert other.stat().st_mtime_ns == before
    assert verify_outputs(own).ok


def test_a_control_that_is_gone_is_told(own):
    shutil.rmtree(own / "controls" / "untrained-0")
    with pytest.raises(StoreError, match=r"controls/untrained-0/\S+ was damaged or changed .* residyn controls"):
        open_controls(own)


def test_a_damaged_control_beside_files_of_somebody_else_is_left(residyn, own):
    control = own / "controls" / "untrained-0"
    flip(control / "manifest.json")
    (control / "mine.txt").write_text("mine")
    code, _, errors = residyn("controls", own, "-q")
    assert code == 5
    assert "it has mine.txt. Move away what is there" in said(errors)
    assert (control / "mine.txt").read_text() == "mine"


def test_a_damaged_shard_of_a_control_is_told_with_what_captures_it(own):
    flip(own / "controls" / "untrained-0" / "states.zarr" / "states" / "c.0.0.0")
    with pytest.raises(StoreError, match=f"residyn controls {own}"):
        open_controls(own)["untrained-0"].load()


def test_files_of_nobody_are_named_and_are_no_damage(residyn, own):
    (own / "notes.txt").write_text("mine")
    (own / "tables" / "old.csv").write_text("quantity\n1\n")
    (own / "results.zarr" / "stray").write_text("x")
    code, printed, _ = residyn("verify", own, "--json")
    assert code == 0
    assert json.loads(printed)["unknown"] == ["notes.txt", "results.zarr/stray", "tables/old.csv"]
    assert "old" not in rd.open_run(own).tables


def test_settings_in_run_json_that_no_stage_was_done_with_are_found_and_put_back(residyn, own):
    record = json.loads((own / "run.json").read_text())
    record["claims"]["null_draws"] = 1_000
    (own / "run.json").write_text(json.dumps(record))
    code, printed, _ = residyn("verify", own, "--json")
    assert code == 5
    assert [one["detail"] for one in json.loads(printed)["differing"]] == ["claims.null_draws says 1000; it was 1"]
    assert residyn("verify", own, "--repair", "-q")[0] == 0
    assert json.loads((own / "run.json").read_text())["claims"]["null_draws"] == 1


def test_what_has_no_record_is_opened_with_a_note(residyn, own):
    shutil.rmtree(own / "stages")
    with pytest.warns(UserWarning, match="covered by no hashes: an earlier residyn wrote it"):
        run = rd.open_run(own)
    assert run.claims is not None
    for verb in ("claims", "figure", "report", "verify"):
        code, _, errors = residyn(verb, own, "-q")
        assert (code, "covered by no hashes" in said(errors)) == (0, True), verb


def test_a_half_made_stage_is_not_taken_for_a_changed_one(own, monkeypatch):
    from residyn.pipeline.figures import figures
    from residyn.settings import FigureSettings

    def cut(*_, **__):
        (own / layout.FIGURES / "figure1.png").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("residyn.figures.figure1.draw_all", cut)
    with pytest.raises(KeyboardInterrupt):
        figures(own, FigureSettings(reference=True, formats=("png",)))
    with pytest.warns(UserWarning, match="What figure left"):
        assert rd.open_run(own).pictures == []
