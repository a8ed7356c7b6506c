"""What the terminal shows: names and numbers whole, long tables as records, programs unwrapped lines."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

import residyn as rd
from residyn.cli.display import Display, _Log
from residyn.runs.stages import COMMANDS

SENTENCE = "explained variance of the states, component by component, beside rotated ones"
ROWS = [["explained_variance_by_sublayer", SENTENCE, "-0.0021 (-0.0032 to 0.0011)"], ["r", "short", "1"]]


def shown(width: int, capsys) -> str:
    display = Display()
    display.results = Console(width=width, highlight=False)
    display.table("a title", ["quantity", "what", "value (95 % interval)"], ROWS)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [40, 80, 100, 300])
def test_names_and_numbers_are_never_broken(width, capsys):
    out = shown(width, capsys)
    assert "explained_variance_by_sublayer" in out
    assert "-0.0021 (-0.0032 to 0.0011)" in out
    words = [word for word in SENTENCE.split() if word in out.replace("│", " ").split()]
    assert words == SENTENCE.split()


def test_a_table_too_wide_for_the_terminal_is_shown_row_by_row(capsys):
    narrow = shown(40, capsys).splitlines()
    assert narrow[:4] == [
        "a title",
        "quantity: explained_variance_by_sublayer",
        f"  what: {SENTENCE}",
        f"  value (95 % interval): {ROWS[0][2]}",
    ]
    assert "│" in shown(300, capsys)


def test_what_is_piped_is_as_wide_as_it_needs(capsys):
    Display().table("", ["", ""], [["key", "value " * 60]])
    assert "value " * 59 in capsys.readouterr().out


def test_rates_below_one_a_second_are_seconds_each(monkeypatch):
    told, clock = [], iter([0.0, 0.0, 130.0])
    monkeypatch.setattr("residyn.cli.display.time.monotonic", lambda: next(clock))
    log = _Log(told.append, "claims", "tasks")
    log(0, 72)
    log(2, 72)
    assert told == ["claims: 2 of 72 tasks, 65 s each, 4,550 s left"]


def test_of_what_is_done_at_once_no_speed_is_told():
    told = []
    _Log(told.append, "dimension", "sublayers")(6, 6)
    assert told == ["dimension: 6 of 6 sublayers"]


def test_a_check_begins_and_ends_with_its_verdict_and_has_a_line_for_like_layers(residyn, model_folder):
    code, out, _ = residyn("check", model_folder)
    assert code == 0
    lines = [line for line in out.splitlines() if line.strip()]
    assert lines[0] == lines[-1]
    assert "7 of 7 probes hold" in lines[0]
    found = rd.check_model(rd.load_model(str(model_folder)))
    last = found.sites.sites[-1].layer
    assert out.count(f"0…{last}") >= 2
    assert len(lines) < 25


def test_info_tells_all_that_a_run_holds(residyn, copied):
    code, out, _ = residyn("info", copied, "--json")
    record = json.loads(out)
    assert code == 0
    assert record["stages"] == list(COMMANDS)
    assert "untrained-0" in record["controls"]
    assert sum(record["claims"].values()) == len(rd.open_run(copied).claims.claims)
    (copied / "claims.json").write_text("{")
    assert "damaged" in json.loads(residyn("info", copied, "--json")[1])["claims"]
    code, out, _ = residyn("info", copied)
    assert code == 0
    assert "untrained-0" in out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["chek"], "Did you mean 'check'? See residyn --help."),
        (["run", "--nonsense"], "See residyn run --help."),
        (["--nonsense"], "See residyn --help."),
    ],
)
def test_usage_errors_point_to_a_verb_that_exists(residyn, typed, said):
    code, _, errors = residyn(*typed)
    assert code == 2
    assert said in " ".join(errors.split())


def test_without_a_verb_there_is_help_and_the_version_is_told(residyn):
    code, out, errors = residyn()
    assert (code, errors) == (0, "")
    assert "verify" in out
    code, out, _ = residyn("--version")
    assert (code, out) == (0, f"residyn {rd.__version__}\n")


@pytest.mark.parametrize(("end", "told"), [("?", True), ("{}", False)])
def test_texts_that_end_in_one_token_are_told_what_to_do(residyn, model_folder, tmp_path, end, told):
    letters = "abcdefghijklmnopqrstuvwxyz"
    lines = [f"prompt {letters[i:]} of a few letters{end.format(letters[i])}" for i in range(12)]
    (tmp_path / "mine.txt").write_text("\n".join(lines), encoding="utf-8")
    code, _, said = residyn("capture", tmp_path / "run", "--model", model_folder, "--texts", tmp_path / "mine.txt")
    assert code == 0, said
    assert ("--position random reads each text at another place" in said) == told
