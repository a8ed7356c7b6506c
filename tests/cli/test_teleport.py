"""The teleport stage: made once, gone on with where it was interrupted, and refused before any long work."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import residyn as rd
from residyn.errors import DataError
from residyn.pipeline import teleports
from residyn.runs import layout
from residyn.runs.contents import open_teleport_results
from residyn.runs.layout import TELEPORT_RESULTS
from residyn.settings import TeleportSettings
from residyn.teleports.places import horizon_within

SMALL = ("--hosts", 2, "--grid", 3, "--directions", 2, "--radii", "1,2", "--horizon", 3)


@pytest.fixture
def clean(copied):
    """A finished run of the test's own, as if it had not been teleported from."""
    for name in ("teleport.zarr", "teleports", "untrained"):
        shutil.rmtree(copied / name)
    return copied


def test_a_run_has_teleports_of_its_model_and_of_an_untrained_one(finished):
    found = open_teleport_results(finished)
    assert list(found) == list(TELEPORT_RESULTS)
    assert found["flow"].sizes["host"] == 9
    assert list(found["summary"]["model"].values) == ["trained", "untrained 0", "trained − untrained"]
    # A tiny model of three layers: 0, ¼, ½, ¾ and the last of the depth fall on three of them.
    assert list(found["flow"]["injected"].values) == ["0.attn", "1.attn", "2.attn"]
    jumps = rd.open_teleports(finished)
    states = rd.open_states(finished)
    assert jumps.sizes["unit"] == states.sizes["unit"]
    np.testing.assert_allclose(jumps["states"].isel(host=0, injected=0, step=0)[:100], rd.targets.grid(
        rd.Space.from_dataset(rd.open_results(finished / "results.zarr"))
    ), rtol=1e-6, atol=1e-6)  # fmt: skip
    table = pd.read_csv(finished / "tables" / "teleports.csv")
    assert {"pull_excess", "rho", "returned"} <= set(table["quantity"])
    assert set(table["model"]) == {"trained", "untrained 0", "trained − untrained"}
    kinds = ["grid", "disc", "isotropic", "swap", "sample", "no-op"]
    assert list(dict.fromkeys(table["target_kind"])) == kinds


def test_the_hosts_are_the_prompt_and_texts_of_the_run(finished):
    jumps, rows = rd.open_teleports(finished), rd.open_states(finished)
    known = dict(zip(rows["text_id"].values, rows["n_tokens"].values, strict=True))
    for text, n_tokens in zip(jumps["text_id"].values[1:], jumps["n_tokens"].values[1:], strict=True):
        assert known[text] == n_tokens
    assert int(jumps["n_tokens"][0]) == len("I'm sorry, Dave. I'm afraid I can't do that.")


def test_a_teleport_is_found_and_not_done_again(residyn, copied, monkeypatch):
    monkeypatch.setattr("residyn.model.teleport.teleport", lambda *_, **__: pytest.fail("it was done again"))
    code, printed, errors = residyn("teleport", copied, "--json", "-q")
    assert code == 0, errors
    rows = json.loads(printed)["teleports"]
    assert {row["model"] for row in rows} == {"trained", "untrained 0", "trained − untrained"}


@pytest.mark.slow
def test_an_interrupted_teleport_goes_on_with_the_hosts_it_lacks(residyn, clean):
    code, _, errors = residyn("teleport", clean, *SMALL, "-q")
    assert code == 0, errors
    whole = {name: result.copy(deep=True) for name, result in open_teleport_results(clean).items()}
    parts = sorted((clean / "teleport.zarr").glob("host-*.zip"))
    first = [part.read_bytes() for part in parts]
    parts[1].unlink()
    (clean / "teleports" / "summary.zarr" / "zarr.json").unlink()
    (clean / "teleports" / "summary.zarr").rename(clean / "gone")
    code, _, errors = residyn("teleport", clean, "-q")
    assert code == 0, errors
    assert [part.read_bytes() for part in parts] == first
    for name, result in open_teleport_results(clean).items():
        assert result.identical(whole[name]), name


@pytest.mark.parametrize("verb", ["teleport", "run"])
def test_other_settings_are_refused_by_name_with_the_folders_to_remove(residyn, copied, asked, verb):
    arguments = ("teleport", copied) if verb == "teleport" else ("run", *asked, "--out", copied)
    code, _, errors = residyn(*arguments, *SMALL, "-q")
    assert code == 5
    assert "targets" in errors
    advice = f"Remove {copied / 'teleport.zarr'} to teleport anew, and {copied / 'untrained'} with it"
    assert advice in " ".join(errors.split())
    assert "out=" not in errors


@pytest.mark.slow
@pytest.mark.parametrize("name", TELEPORT_RESULTS)
@pytest.mark.parametrize("damage", ["gone", "metadata", "values"])
def test_results_that_were_damaged_are_made_again(residyn, copied, name, damage):
    whole = {kept: result.copy(deep=True) for kept, result in open_teleport_results(copied).items()}
    path = copied / "teleports" / f"{name}.zarr"
    if damage == "gone":
        shutil.rmtree(path)
    else:
        values = (file for file in sorted(path.glob("*/c/**/*")) if file.is_file())
        file = path / "zarr.json" if damage == "metadata" else next(values)
        file.write_bytes(b"\x00" + file.read_bytes()[1:])
    code, _, errors = residyn("figure", copied, "-q")
    assert code == 5
    assert f"Make them again: residyn teleport {copied}" in " ".join(errors.split())
    code, _, errors = residyn("teleport", copied, "-q")
    assert code == 0, errors
    for kept, result in open_teleport_results(copied).items():
        assert result.identical(whole[kept]), kept


def test_a_table_that_is_gone_is_written_again(residyn, copied, finished):
    shutil.rmtree(copied / "tables")
    code, _, errors = residyn("teleport", copied, "-q")
    assert code == 0, errors
    table = "tables/teleports.csv"
    assert (copied / table).read_bytes() == (finished / table).read_bytes()


def test_an_analysis_without_dimensions_is_finished_first(residyn, copied, monkeypatch):
    path = copied / "results.zarr"
    results = rd.open_results(path).drop_vars("two_nn")
    rd.save_results(results, path)
    (copied / "stages" / "analysis.json").unlink()
    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    code, _, errors = residyn("teleport", copied, *SMALL, "-q")
    assert code == DataError.exit_code
    assert f"residyn analyze {copied}" in " ".join(errors.split())
    # Where it cannot be had, the layers themselves are taken.
    lacking = results.assign_attrs(not_computed="orbits: no\ndimension: too few samples")
    states = rd.open_states(copied)
    found = teleports._places(copied, states, lacking, TeleportSettings(), 1)
    assert found == ["0.attn", "1.attn", "2.attn"]


@pytest.mark.parametrize(
    ("layers", "horizon", "places"),
    [
        (30, 12, ["0.attn", "7.attn", "14.attn", "21.attn", "23.mlp", "29.attn"]),
        (12, 4, ["0.attn", "2.attn", "5.attn", "8.attn", "9.mlp", "11.attn"]),
        (6, 2, ["0.attn", "1.attn", "2.attn", "3.attn", "4.mlp", "5.attn"]),
        (5, 2, ["0.attn", "1.attn", "2.attn", "3.attn", "3.mlp", "4.attn"]),
        (1, 1, ["0.attn"]),
    ],
)
def test_the_last_place_with_a_whole_horizon_stands_among_the_quarters(tmp_path, layers, horizon, places):
    assert horizon_within(2 * layers, 12) == horizon
    states = rd.from_array(
        np.zeros((2, 2 * layers, 3)), [i // 2 for i in range(2 * layers)], ["attn", "mlp"] * layers
    )
    unknown = xr.Dataset(attrs={"not_computed": "dimension: too few samples"})
    assert teleports._places(tmp_path, states, unknown, TeleportSettings(), horizon) == places
    named = TeleportSettings(inject=(0, "0.mlp"))
    assert teleports._places(tmp_path, states, unknown, named, horizon) == ["0.attn", "0.mlp"]


def test_a_place_whose_states_are_alike_leaves_its_place_to_a_later_one_unless_that_cuts_the_horizon(tmp_path):
    states = rd.from_array(np.zeros((20, 60, 3)), [i // 2 for i in range(60)], ["attn", "mlp"] * 30)
    alike = np.zeros(60, dtype=int)
    alike[[0, 1, 47]] = 20
    results = xr.Dataset({"two_nn": ("sublayer", np.ones(60))}, coords={"n_duplicates": ("sublayer", alike)})
    found = teleports._places(tmp_path, states, results, TeleportSettings(), 12)
    assert found == ["1.attn", "7.attn", "14.attn", "21.attn", "29.attn"]


@pytest.mark.parametrize(("n", "most", "found"), [(1, 12, 1), (9, 12, 1), (25, 12, 5), (200, 12, 12), (60, 3, 3)])
def test_a_horizon_is_a_fifth_of_the_sublayers_at_most(n, most, found):
    assert horizon_within(n, most) == found


def test_results_of_two_settings_never_stand_beside_each_other(copied, monkeypatch):
    found = open_teleport_results(copied)

    def killed(_result, path):
        raise KeyboardInterrupt(path)

    monkeypatch.setattr(teleports, "replace_results", killed)
    monkeypatch.setattr("residyn.teleports.affine", lambda flow: flow)
    # As the stage begins: nothing says any more what it wrote.
    layout.stage(copied, teleports.NAME).unlink()
    with pytest.raises(KeyboardInterrupt):
        teleports._keep(copied, found["flow"], [])
    assert open_teleport_results(copied) == {}


def test_two_extents_are_two_kinds_of_targets(residyn, clean):
    code, _, errors = residyn(
        "teleport",
        clean,
        *SMALL,
        "--extents",
        "robust,15",
        "--untrained-teleports",
        0,
        "--inject",
        "1.mlp,2",
        "-q",
    )
    assert code == 0, errors
    flow = open_teleport_results(clean)["flow"]
    assert list(flow["injected"].values) == ["1.mlp", "2.attn"]
    assert list(dict.fromkeys(flow["target_kind"].values))[:2] == ["grid", "grid ±15"]
    fixed = flow.isel(target=flow["target_kind"].values == "grid ±15")
    np.testing.assert_allclose(fixed["pc1"].values.reshape(3, 3)[0], [-15, 0, 15])


@pytest.mark.slow
def test_texts_that_end_alike_are_teleported_from_the_first_place_with_a_spread(residyn, model_folder, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(f"{'abc defg hij ' * (1 + i % 3)}number {i}." for i in range(20)), encoding="utf-8")
    asked = (
        "--texts",
        lines,
        "--min-chars",
        0,
        "--n",
        20,
        "--untrained-teleports",
        0,
        *SMALL,
        "--formats",
        "png",
        "-q",
    )
    code, _, errors = residyn("run", model_folder, *asked, "--out", tmp_path / "run")
    assert code == 0, errors
    assert open_teleport_results(tmp_path / "run")["flow"]["injected"].values[0] == "0.mlp"


@pytest.mark.slow
def test_a_run_of_too_few_texts_goes_without_teleports(residyn, model_folder, texts_file, tmp_path):
    asked = ("--texts", texts_file, "--min-chars", 0, "--n", 3, "--formats", "png")
    code, _, errors = residyn("run", model_folder, *asked, "--out", tmp_path / "run", "-q")
    assert code == 0, errors
    assert "Without teleports (panel L)" in errors
    assert (tmp_path / "run" / "figures" / "figure1.png").exists()
    assert residyn("teleport", tmp_path / "run", "-q")[0] == DataError.exit_code


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--inject", "7"), "neither a layer nor a sublayer"),
        (("--inject", "1.block"), "neither a layer nor a sublayer"),
        (("--radii", "1,-2"), "--radii is a list of at least 1 item, each item of it a number above 0; got 1, -2"),
        (("--extents", "wide"), "each item of it 'robust' or a number above 0; got wide"),
        (("--radii", "2,1"), "grow, such as 0.5,1,2; got 2, 1"),
        (("--grid", 0), "--grid is a whole number of at least 1"),
        (("--horizon", 0), "--horizon is a whole number of at least 1"),
        (("--prompt", " "), "--prompt"),
    ],
)
def test_bad_choices_are_refused_before_the_model_loads(residyn, copied, monkeypatch, options, message):
    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    code, _, errors = residyn("teleport", copied, *options, "-q")
    assert code == 2
    assert message in " ".join(errors.split())
