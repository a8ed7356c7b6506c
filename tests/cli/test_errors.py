"""Bad input never gives a traceback: one message, and the exit code of its kind."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import residyn as rd

USAGE, MODEL, DATA, STORE, RESOURCES = 2, 3, 4, 5, 6


def said(errors: str) -> str:
    return " ".join(errors.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch-tokens", "0"], "--batch-tokens is a whole number of at least 1; got 0"),
        (["--n", "-3"], "--n is a whole number of at least 1; got -3"),
        (["--min-chars", "500", "--max-chars", "100"], "Widen the bounds"),
        (["--position", "middle"], "'every:K' or a whole number; got 'middle'"),
        (["--dtype", "float8"], "'float8' is not one of 'auto', 'float32', 'bfloat16', 'float16'"),
        (["--order", "last"], "Invalid value for '--order'"),
        (["--nonsense"], "No such option"),
    ],
)
def test_options_are_refused_before_anything_is_loaded(residyn, tmp_path, options, message):
    code, _, errors = residyn("run", "no-such-model", "--out", tmp_path / "run", *options)
    assert code == USAGE
    assert message in said(errors)
    assert not (tmp_path / "run").exists()


def test_a_foreign_folder_is_refused_before_the_model_is_looked_at(residyn, tmp_path):
    (tmp_path / "notes.md").write_text("mine")
    code, _, errors = residyn("run", "no-such-model", "--out", tmp_path)
    assert code == STORE
    assert "notes.md" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["notes.md"]


def test_a_file_in_the_way(residyn, tmp_path):
    (tmp_path / "run").write_text("mine")
    code, _, errors = residyn("run", "--out", tmp_path / "run")
    assert code == STORE
    assert "is a file, where a folder is wanted" in said(errors)


def test_a_model_that_is_not_there(residyn, texts_file, tmp_path):
    code, _, errors = residyn(
        "run",
        tmp_path / "no-model",
        "--texts",
        texts_file,
        "--min-chars",
        0,
        "--offline",
        "--out",
        tmp_path / "run",
    )
    assert code == MODEL
    assert "no-model" in errors
    assert "Traceback" not in errors


def test_texts_of_which_none_pass(residyn, model_folder, tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("a\nb\n")
    code, _, errors = residyn("run", model_folder, "--texts", path, "--min-chars", 5, "--out", tmp_path / "run")
    assert code == DATA
    assert "2 too short" in said(errors)


def test_cuda_where_there_is_none(residyn, model_folder, texts_file, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    code, _, errors = residyn(
        "run", model_folder, "--texts", texts_file, "--min-chars", 0, "--device", "cuda", "--out", tmp_path / "run"
    )
    assert code == RESOURCES
    assert "cuda" in errors.lower()


@pytest.mark.parametrize("verb", ["info", "verify", "analyze", "figure"])
def test_a_directory_that_is_no_run(residyn, tmp_path, verb):
    code, _, errors = residyn(verb, tmp_path / "nothing")
    assert code == STORE
    assert "nothing" in errors


def test_a_run_that_is_not_complete(residyn, copied):
    (copied / "commits" / "000000.json").unlink()
    code, _, errors = residyn("analyze", copied)
    assert code == STORE
    assert "2 of 3 shards" in said(errors)
    code, _, errors = residyn("analyze", copied, "--allow-partial")
    assert code == 0
    assert "24 of 40 samples" in said(errors)


@pytest.mark.slow
def test_results_of_earlier_states_are_never_taken_for_the_runs_own(residyn, copied):
    path = copied / "results.zarr"
    rd.save_results(rd.open_results(path).assign_attrs(states_hash="0" * 64), path)
    (copied / "stages" / "analysis.json").unlink()
    advice = f"of earlier states than it holds. Renew them: residyn analyze {copied}"
    code, _, errors = residyn("figure", copied, "--formats", "png", "-q")
    assert (code, advice in errors) == (0, True)
    code, _, errors = residyn("report", copied, "-q")
    assert (code, advice in errors) == (0, True)
    code, _, errors = residyn("teleport", copied, "--hosts", 1, "-q")
    assert (code, advice in errors) == (STORE, True)


@pytest.mark.parametrize(
    "case",
    [
        ("controls", "controls.untrained", "x", "a whole number"),
        ("controls", "controls.noise", 1, "true or false"),
        ("controls", "controls.control_share", True, "a number"),
        ("controls", "controls", "all", "an object"),
        ("claims", "claims.resamples", None, "a whole number"),
        ("claims", "claims.resamples", 3, "a whole number of at least 20; got 3"),
        ("claims", "controls.untrained", [1], "a whole number"),
        ("analyze", "analysis.estimators", 5, "a list of at least 1 item, each item of it one of 'gcmi'"),
        ("analyze", "analysis.analysis_device", {}, "text or null"),
        ("teleport", "teleports.radii", 5, "a list of at least 1 item, each item of it a number above 0"),
        ("teleport", "teleports.radii", "2,1", "radii holds numbers that grow"),
        ("capture", "request.texts", 5, "text"),
        ("capture", "request.order", "last", "one of 'random', 'first'"),
        ("capture", "request.model", 5, "text"),
    ],
)
def test_recorded_options_are_checked_before_they_are_used(residyn, copied, monkeypatch, case):
    verb, key, value, wanted = case
    monkeypatch.setattr("residyn.model.loading.load_model", lambda *_, **__: pytest.fail("the model was loaded"))
    record = json.loads((copied / "run.json").read_text())
    section, _, name = key.partition(".")
    if name:
        record[section][name] = value
    else:
        record[section] = value
    (copied / "run.json").write_text(json.dumps(record))
    code, _, errors = residyn(verb, copied, "-q")
    assert code == STORE, errors
    assert f"{copied / 'run.json'} is damaged: {section}" in said(errors)
    assert wanted in said(errors)


def test_what_is_typed_has_to_go_with_what_is_recorded(residyn, copied):
    code, _, errors = residyn("capture", copied, "--max-chars", 1, "-q")
    assert code == USAGE
    assert "Widen the bounds" in said(errors)


@pytest.mark.parametrize(
    "verb", ["info", "verify", "capture", "controls", "claims", "figure", "report", "compare"]
)
@pytest.mark.parametrize("kind", ["long", "circle"])
def test_a_path_that_leads_nowhere_is_one_line(residyn, tmp_path, verb, kind):
    path = tmp_path / ("n" * 300 if kind == "long" else "circle")
    if kind == "circle":
        path.symlink_to(path)
    code, _, errors = residyn(verb, path, "-q")
    assert code == STORE
    assert "cannot be looked into" in errors
    assert errors.count("\n") == 1


def test_a_defect_is_called_one(residyn, monkeypatch, tmp_path):
    monkeypatch.setattr("residyn.store.info", lambda path: 1 / 0)
    code, _, errors = residyn("info", tmp_path)
    assert code == 1
    assert "This is a defect of residyn" in said(errors)
    assert "Traceback" not in errors
    code, _, errors = residyn("info", tmp_path, "-v")
    assert "Traceback" in errors


HOSTILE = "\x1b]52;c;aGk=\x07\x1b[2J\x9b31mred\r\x7f\u202e"
OBEYED = {character for character in HOSTILE if not character.isprintable()}


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_control_characters_of_a_file_never_reach_the_terminal(residyn, copied, options):
    from residyn.store import read_run, update_run

    update_run(copied, created=f"now{HOSTILE}", versions={"python": HOSTILE})
    assert HOSTILE in read_run(copied)["created"]
    code, printed, errors = residyn("info", copied, *options)
    assert code == 0
    assert not set(printed + errors) & OBEYED
    if options:
        assert HOSTILE in json.loads(printed)["created"]


def test_control_characters_of_a_name_never_reach_the_terminal(residyn, tmp_path):
    folder = tmp_path / f"run{HOSTILE}"
    folder.mkdir()
    for verb in ("info", "claims", "compare", "check"):
        code, printed, errors = residyn(verb, folder, "-v")
        assert code != 0
        assert not set(printed + errors) & OBEYED, verb


def test_control_characters_of_a_warning_never_reach_the_terminal():
    program = (
        "import warnings; from residyn.cli import main, running; "
        f"running.run_command = lambda arguments: warnings.warn({f'text {HOSTILE}'!a}) or 0; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    shown = done.stderr.decode()
    assert (done.returncode, "warning: text" in shown) == (0, True)
    assert not set(shown) & OBEYED


def test_main_is_the_entry_function_and_nothing_else():
    """A module of that name inside the package would take the function's place once something imported it."""
    code = "import importlib.util, residyn.cli.running, residyn.cli as cli; "
    code += "print(callable(cli.main), importlib.util.find_spec('residyn.cli.main'))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "None"]
