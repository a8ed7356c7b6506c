"""Settings out of a file: what it chooses is taken where nothing is typed, and nothing in it gives trust."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest

import residyn as rd
from residyn.pipeline.presets import PRESETS
from residyn.settings import STAGES, fields_of, read_config

FIELDS = [field for kind in STAGES.values() for field in fields_of(kind)]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_printed_whole_as_a_file_that_is_read(residyn, tmp_path, preset):
    code, printed, _ = residyn("presets", "--show", preset)
    assert code == 0
    (tmp_path / "run.toml").write_text(printed)
    read = read_config(tmp_path / "run.toml")
    for field in FIELDS:
        wanted = PRESETS[preset].choices.get(field.name, field.default)
        plain = list(wanted) if isinstance(wanted, tuple) else wanted
        assert field.trust or read.get(field.name) == plain, field.name
        assert (f"{field.name} =" in printed) != field.trust


def test_a_file_chooses_what_is_not_typed(residyn, copied, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('estimators = ["binned"]\nshuffles = 0\nuntrained = 1\n')
    code, _, errors = residyn("analyze", copied, "--config", file, "--shuffles", 2)
    assert code == 0, errors
    asked = json.loads(rd.open_results(copied / "results.zarr").attrs["settings"])
    assert (asked["estimators"], asked["shuffles"]) == (["binned"], 2)
    code, printed, _ = residyn("info", copied, "--settings")
    said = tomllib.loads(printed)
    assert (said["estimators"], said["shuffles"]) == (["binned"], 2)
    request = json.loads((copied / "run.json").read_text())["request"]
    assert (said["model"], said["n"]) == (request["model"], request["n"])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("nul-draws = 3", "Did you mean 'null_draws'?"),
        ('n = "x"', "n in .*run.toml is a whole number"),
        ("n =", "presets --show default"),
        ("trust-remote-code = true", "typed on the command line"),
        ("null-draws = 20\nnull_draws = 20", "spelt in two ways"),
        ('preset = "papr"', "preset in .*run.toml is one of default, paper, quick"),
        ("model = 3", "model in .*run.toml is text"),
        ("hosts = 1\nextents = [2.0, 2.0]", "extents in .*run.toml names each once"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_by_its_name(residyn, tmp_path, content, told):
    import re

    file = tmp_path / "run.toml"
    file.write_text(content)
    code, printed, errors = residyn("run", "--config", file)
    assert (code, printed) == (2, "")
    assert re.search(told, " ".join(errors.split())), errors


def test_the_model_of_a_file_is_read_unless_one_is_typed(residyn, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('model = "./not-there"\ntexts = "nowhere.txt"\n')
    _, _, errors = residyn("run", "--config", file, "--out", tmp_path / "run")
    assert "./not-there reads nowhere.txt" in errors
    _, _, errors = residyn("run", "./another", "--config", file, "--out", tmp_path / "run")
    assert "./another reads nowhere.txt" in errors


def test_python_runs_the_package():
    done = subprocess.run(
        [sys.executable, "-m", "residyn", "--version"], capture_output=True, text=True, check=False
    )
    assert done.stdout == f"residyn {rd.__version__}\n"
