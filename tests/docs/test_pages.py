"""Blocks of Python in README.md and in the start page do what they say, on fewer texts."""

from __future__ import annotations

import shutil
import warnings

import matplotlib as mpl
import numpy as np
import pytest

import residyn as rd
from shown_pages import ROOT, blocks

pytestmark = pytest.mark.slow


def run_blocks(page: str, *fewer: tuple[str, str]) -> dict:
    """Run a page's blocks of Python in order, with these words in place of others; the names that they leave."""
    mpl.use("agg")
    names: dict = {}
    found = list(blocks(ROOT / page, "python"))
    assert found
    for block in found:
        text = block
        for words, others in fewer:
            assert any(words in one for one in found), words
            text = text.replace(words, others)
        exec(compile(text, page, "exec"), names)
    return names


@pytest.mark.assets
def test_readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = 'preset="quick", '
    np.save("rates.npy", np.random.default_rng(0).normal(size=(40, 8, 12)).cumsum(axis=1))
    names = run_blocks(
        "README.md",
        ("n=200)", "n=24)"),
        ("n=200, out", f"n=12, {few}out"),
        ("n_samples=100", "repeats=3, n_samples=24"),
    )
    assert names["states"].sizes == {"sample": 24, "sublayer": 60, "unit": 576}
    assert names["jumps"].sizes["target"] == 100
    assert names["verdicts"].claims
    assert (tmp_path / "figure1.pdf").exists()
    assert (names["run"].directory / "report.html").exists()
    assert rd.open_states("runs/recording").attrs["unit_name"] == "neuron"


def test_start(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(small, tmp_path / "runs" / "first")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = run_blocks("docs/start.md")
    assert names["run"].states.dims == ("sample", "sublayer", "unit")
