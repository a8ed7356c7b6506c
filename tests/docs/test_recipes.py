"""The blocks of Python of the recipes, in order, with a tiny model in the place of ORG/NAME."""

from __future__ import annotations

import csv
import re

import pandas as pd
import pytest

import residyn as rd
from shown_pages import NOT_RUN, ROOT, blocks

PAGE = ROOT / "docs" / "recipes.md"


@pytest.mark.slow
def test_the_recipes_do_what_they_say(model_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(24)]
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["body"], *([text] for text in texts)])
    model = rd.load_model(str(model_folder))
    for step in ("step1000", "step143000"):
        rd.capture(model, texts, out=f"runs/{step}")
    names: dict = {}
    for block in blocks(PAGE, "python"):
        exec(compile(block.replace("ORG/NAME", str(model_folder)), str(PAGE), "exec"), names)
    assert names["speed"].sizes["sample"] == len(texts)
    assert (names["speed"] == 0).all(), "both runs are of one model"
    assert abs(names["moved"].sel(transition=names["moved"]["from_layer"] == 1)).max() > 1, (
        "steering moves the stream"
    )
    assert pd.read_csv("velocity.csv").shape[0] == names["states"].sizes["sublayer"] - 1


def test_columns_that_other_languages_read_are_in_the_table(make_states):
    text = PAGE.read_text(encoding="utf-8")
    asked = set(re.findall(r"(?:speed|within)[$.](\w+)", text))
    assert {"from_layer", "mean", "ci_low", "ci_high", "kind"} <= asked
    settings = rd.AnalysisSettings(estimators=("gcmi",), shuffles=0, leave_out=(), components=2)
    assert asked <= set(rd.tables(rd.analyze(make_states(), settings))["velocity"].columns)


def test_what_is_not_run_is_said(make_states):
    text = PAGE.read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        if NOT_RUN in section:
            assert "ot run" in section.replace(NOT_RUN, ""), section.splitlines()[0]
