from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import residyn as rd
from residyn.store import update_run


def test_one_command_makes_a_whole_run(finished):
    for name in ("run.json", "manifest.json", "samples.jsonl", "states.zarr", "results.zarr", "tables/cosine.csv"):
        assert (finished / name).exists()
    for ending in ("png", "pdf", "svg"):
        assert (finished / "figures" / f"figure1.{ending}").stat().st_size > 10_000
    states, results = rd.open_states(finished), rd.open_results(finished / "results.zarr")
    assert states.sizes["sample"] == 40
    assert results.attrs["states_hash"] == states.attrs["states_hash"]
    assert results.attrs["texts"] == "lines.txt"
    table = pd.read_csv(finished / "tables" / "velocity.csv")
    np.testing.assert_allclose(table["mean"], rd.velocity(states).mean("sample"), rtol=1e-12)
    recorded = json.loads((finished / "run.json").read_text())
    assert {"model", "texts", "request", "versions", "machine", "timings", "warnings"} <= recorded.keys()


def test_a_finished_run_is_found_and_not_done_again(residyn, asked, copied):
    def stamps():
        kept = [*(copied / "states.zarr").rglob("*"), *(copied / "results.zarr").rglob("*")]
        return {path: path.stat().st_mtime_ns for path in kept}

    before = stamps()
    code, printed, errors = residyn("run", *asked, "--out", copied, "--formats", "png", "--json")
    assert code == 0, errors
    assert stamps() == before
    assert json.loads((copied / "run.json").read_text())["figure"] == {"reference": False, "formats": ["png"]}
    record = json.loads(printed)
    assert record["figure"].endswith("figure1.png")
    assert {row["quantity"] for row in record["summary"]} >= {"cosine", "velocity", "unit_correlation"}


def test_tables_that_are_gone_are_written_again(residyn, copied, finished):
    shutil.rmtree(copied / "tables")
    assert residyn("analyze", copied, "-q")[0] == 0
    for name in ("summary.csv", "cosine.csv"):
        assert (copied / "tables" / name).read_bytes() == (finished / "tables" / name).read_bytes()


@pytest.mark.parametrize("file", ["zarr.json", "cosine/c/0/0", "cosine/zarr.json"])
def test_results_that_were_damaged_are_made_again(residyn, copied, file):
    whole, path = rd.open_results(copied / "results.zarr"), copied / "results.zarr" / file
    path.write_bytes(b"\x00" + path.read_bytes()[1:])
    code, _, errors = residyn("analyze", copied, "-q")
    assert code == 0, errors
    assert rd.open_results(copied / "results.zarr").identical(whole)


def test_what_residyn_did_not_write_is_never_written_over(residyn, copied):
    path = copied / "results.zarr"
    record = json.loads((path / "zarr.json").read_text())
    for attributes in ({"mine": 1}, {**record["attributes"], "residyn_format_version": 99}):
        (path / "zarr.json").write_text(json.dumps({**record, "attributes": attributes}))
        before = (path / "zarr.json").read_bytes()
        assert residyn("analyze", copied, "-q")[0] == 5
        assert (path / "zarr.json").read_bytes() == before


def test_what_a_capture_warned_of_stays_true_of_its_states(residyn, asked, copied):
    update_run(copied, warnings=["A batch was halved: the run is not bit-reproducible."])
    model, *options = asked
    for _ in range(2):
        assert residyn("capture", copied, "--model", model, *options)[0] == 0
        recorded = json.loads((copied / "run.json").read_text())["warnings"]
        assert recorded[0] == "A batch was halved: the run is not bit-reproducible."
        assert len(recorded) == len(set(recorded))


@pytest.mark.slow
def test_the_stages_alone_give_what_run_gives(residyn, asked, finished, tmp_path):
    staged = tmp_path / "staged"
    model, *options = asked
    assert residyn("capture", staged, "--model", model, *options)[0] == 0
    assert residyn("analyze", staged, "-q")[0] == 0
    assert residyn("teleport", staged, "-q")[0] == 0
    assert residyn("figure", staged, "-q", "--formats", "png")[0] == 0
    for name in ("samples.jsonl", "manifest.json", "tables/cosine.csv", "figures/figure1.png"):
        assert (finished / name).read_bytes() == (staged / name).read_bytes(), name


def test_capture_goes_on_without_the_texts_it_was_made_of(residyn, model_folder, texts_file, tmp_path):
    gone, out = tmp_path / "lines.txt", tmp_path / "run"
    gone.write_bytes(texts_file.read_bytes())
    options = ("--texts", gone, "--min-chars", 0, "--n", 40, "-q")
    assert residyn("capture", out, "--model", model_folder, *options)[0] == 0
    whole = (out / "states.zarr" / "states" / "c.1.0.0").read_bytes()
    gone.unlink()
    (out / "commits" / "000001.json").unlink()
    code, _, errors = residyn("capture", out, "-q")
    assert code == 0, errors
    assert (out / "states.zarr" / "states" / "c.1.0.0").read_bytes() == whole


def test_capture_goes_on_with_what_the_run_was_asked_for(residyn, copied):
    (copied / "commits" / "000001.json").unlink()
    code, printed, errors = residyn("capture", copied, "-q", "--json")
    assert code == 0, errors
    assert json.loads(printed)["complete"] is True
    code, _, errors = residyn("capture", copied, "-q", "--n", 20)
    assert code == 5
    assert "samples.n" in errors


@pytest.mark.parametrize("verb", ["info", "analyze", "verify"])
def test_json_is_one_object_and_nothing_else(residyn, finished, verb):
    code, printed, _ = residyn(verb, finished, "--json")
    assert code == 0
    assert isinstance(json.loads(printed), dict)


def test_info_says_what_a_directory_holds(residyn, finished):
    code, printed, _ = residyn("info", finished)
    assert code == 0
    # A long path is folded inside its cell.
    shown = "".join(character for character in printed if character not in "│ \n")
    assert "tiny-llama" in shown
    assert "lines.txt" in shown


def test_verify_names_damage_and_repair_mends_only_that(residyn, copied):
    shards = sorted((copied / "states.zarr" / "states").glob("c.*"))
    whole = [shard.read_bytes() for shard in shards]
    stamps = [shard.stat().st_mtime_ns for shard in shards]
    damaged = bytearray(whole[1])
    damaged[len(damaged) // 2] ^= 1
    shards[1].write_bytes(damaged)
    code, printed, errors = residyn("verify", copied, "-q")
    assert code == 5
    assert "hash differs" in printed
    assert "--repair" in errors
    code, _, errors = residyn("verify", copied, "-q", "--repair")
    assert code == 0, errors
    assert [shard.read_bytes() for shard in shards] == whole
    assert [shard.stat().st_mtime_ns for shard in shards][::2] == stamps[::2]


def test_check_shows_sites_and_probes(residyn, model_folder):
    code, printed, _ = residyn("check", model_folder, "-q")
    assert code == 0
    assert "parity" in printed
    code, printed, _ = residyn("check", model_folder, "--json", "-q")
    record = json.loads(printed)
    assert code == 0
    assert record["passed"] is True
    assert record["sites"]["family"] == "llama"
    assert max(probe["error"] for probe in record["probes"]) <= 1e-5


def test_a_wrong_map_fails_the_check_and_stops_the_run(residyn, model_folder, asked, tmp_path):
    wrong = tmp_path / "sites.json"
    wrong.write_text(json.dumps({"blocks": "layers", "attn": "self_attn", "mlp": "mlp", "mid": "input_layernorm"}))
    code, printed, _ = residyn("check", model_folder, "--sites", wrong, "-q")
    assert code == 3
    assert "fail" in printed
    code, _, errors = residyn("run", *asked, "--sites", wrong, "--out", tmp_path / "run")
    assert code == 3
    assert "cannot be trusted" in errors
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "content", ['["layers"]', '{"blocks": "layers"}', "{", '{"blocks": 1, "attn": 2, "mlp": 3, "x": 4}']
)
def test_a_map_that_is_none_is_refused(residyn, model_folder, tmp_path, content):
    path = tmp_path / "sites.json"
    path.write_text(content)
    code, _, errors = residyn("check", model_folder, "--sites", path)
    assert code == 2
    assert "JSON object with the keys blocks, attn, mlp" in " ".join(errors.split())
