"""Presets choose what was not typed; an analysis goes on as it was asked for, and where it was."""

from __future__ import annotations

import json

import pytest

import residyn as rd
from residyn.pipeline.presets import PRESETS
from residyn.quantities import suite


def settings_of(run) -> dict:
    return json.loads(rd.open_results(run / "results.zarr").attrs["settings"])


def test_presets_are_printed(residyn):
    code, printed, _ = residyn("presets")
    assert code == 0
    for preset in PRESETS.values():
        assert preset.purpose in " ".join(printed.split())
    assert "--estimators" in printed
    code, printed, _ = residyn("presets", "--json")
    record = json.loads(printed)
    assert record["paper"]["choices"]["estimators"] == ["kde", "gcmi"]
    assert record.keys() == PRESETS.keys()


def test_every_choice_of_a_preset_is_an_option_of_run(residyn):
    code, printed, _ = residyn("run", "--help")
    assert code == 0
    for preset in PRESETS.values():
        for option in preset.choices:
            assert f"--{option.replace('_', '-')}" in printed


@pytest.mark.slow
def test_a_preset_chooses_what_was_not_typed(residyn, model_folder, texts_file, tmp_path):
    out = tmp_path / "run"
    typed = ("--texts", texts_file, "--min-chars", 0, "--n", 12, "--components", 7, "--formats", "png", "-q")
    code, _, errors = residyn("run", model_folder, *typed, "--preset", "quick", "--out", out)
    assert code == 0, errors
    request = json.loads((out / "run.json").read_text())["request"]
    assert (request["n"], request["min_chars"], request["max_tokens"]) == (12, 0, 64)
    assert settings_of(out) | {
        "components": 7,
        "estimators": ["gcmi"],
        "shuffles": 1,
        "leave_out": [3],
    } == settings_of(out)


@pytest.mark.slow
def test_analyze_goes_on_with_the_settings_of_the_run(residyn, copied):
    code, _, errors = residyn("analyze", copied, "--estimators", "binned,ksg", "--shuffles", 0)
    assert code == 0, errors
    assert "The stage analysis is done again: estimators was" in " ".join(errors.split())
    assert "shuffles was 1, now 0" in " ".join(errors.split())
    asked = settings_of(copied)
    assert (asked["estimators"], asked["shuffles"]) == (["binned", "ksg"], 0)
    results = rd.open_results(copied / "results.zarr")
    assert list(results["estimator"].values) == ["binned", "ksg"]
    assert "mutual_information_shuffle" not in results
    stamp = (copied / "results.zarr" / "zarr.json").stat().st_mtime_ns
    assert residyn("analyze", copied, "-q")[0] == 0
    assert (copied / "results.zarr" / "zarr.json").stat().st_mtime_ns == stamp
    assert residyn("analyze", copied, "-q", "--preset", "quick")[0] == 0
    assert settings_of(copied)["estimators"] == ["gcmi"]


@pytest.mark.slow
def test_an_interrupted_analysis_goes_on_with_the_steps_it_lacks(residyn, copied, monkeypatch):
    whole = rd.open_results(copied / "results.zarr")
    code, _, errors = residyn("analyze", copied, "-q", "--analysis-seed", 1)
    assert code == 0, errors
    monkeypatch.setattr("residyn.pipeline.analysis._KEPT_EVERY_S", 0)
    steps = list(suite.STEPS)

    def interrupted(*_):
        raise KeyboardInterrupt

    broken = [*steps[:3], steps[3]._replace(compute=interrupted), *steps[4:]]
    monkeypatch.setattr(suite, "STEPS", tuple(broken))
    assert residyn("analyze", copied, "-q", "--analysis-seed", 0)[0] == 130
    done = [*(step._replace(compute=interrupted) for step in steps[:3]), *steps[3:]]
    monkeypatch.setattr(suite, "STEPS", tuple(done))
    code, _, errors = residyn("analyze", copied, "-q", "--analysis-seed", 0)
    assert code == 0, errors
    assert rd.open_results(copied / "results.zarr").identical(whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--estimators", "gcmi,mine"), "one of 'gcmi', 'ksg', 'kde', 'binned'; got gcmi, mine"),
        (("--leave-out", "1,x"), "--leave-out is a list, each item of it a whole number of at least 1; got 1, x"),
        (("--components", "0"), "--components is a whole number of at least 1"),
        (("--preset", "fast"), "preset"),
    ],
)
def test_bad_choices_are_refused_before_anything_is_loaded(residyn, tmp_path, options, message):
    code, _, errors = residyn("run", tmp_path / "no-model", *options, "--out", tmp_path / "run")
    assert code == 2
    assert message in " ".join(errors.split())
    assert not (tmp_path / "run").exists()
