"""Bars in Python: where somebody may see them, and nowhere else."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import residyn as rd
from residyn import progress


class Screen:
    """A standard error that is a terminal."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass

    def isatty(self):
        return True


@pytest.fixture
def screen():
    return Screen()


def look(monkeypatch, screen):
    """Have the screen be standard error; in the test itself, because pytest puts its own there before it."""
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "_DELAY_S", 0.0)
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    # tqdm has read the environment where it was imported before.
    monkeypatch.setattr(progress, "_INTERVAL_S", 0.0)


@pytest.fixture(scope="module")
def states():
    values = np.random.default_rng(0).normal(size=(40, 6, 8)).cumsum(axis=1)
    return rd.from_array(values, [0, 0, 1, 1, 2, 2], ["attn", "mlp"] * 3)


def test_a_terminal_sees_a_bar_that_counts_what_is_left(screen, monkeypatch):
    look(monkeypatch, screen)
    with progress.told("capture", "tokens") as tell:
        tell(300, 1000)  # done by an earlier process
        tell(650, 1000)
    assert "capture" in screen.text
    assert "650/1.00k" in screen.text


def test_what_is_soon_done_leaves_nothing_behind(screen, monkeypatch):
    look(monkeypatch, screen)
    monkeypatch.setattr(progress, "_DELAY_S", 60.0)
    with progress.told("claims", "tasks") as tell:
        for done in range(7):
            tell(done, 6)
    assert screen.text == ""


def test_analysis_shows_its_steps(screen, states, monkeypatch):
    look(monkeypatch, screen)
    rd.analyze(states, rd.AnalysisSettings(components=2, estimators=("gcmi",), leave_out=()))
    assert "dimension" in screen.text


@pytest.mark.parametrize("quiet", ["asked", "environment", "pipe"])
def test_nobody_is_shown_nothing(screen, states, monkeypatch, quiet):
    look(monkeypatch, screen)
    if quiet == "environment":
        monkeypatch.setenv("TQDM_DISABLE", "1")
    if quiet == "pipe":
        screen.isatty = lambda: False
    asked = False if quiet == "asked" else None
    rd.analyze(states, rd.AnalysisSettings(components=2, estimators=("gcmi",), leave_out=()), progress=asked)
    assert screen.text == ""


def test_a_function_is_told_in_place_of_a_bar(screen, monkeypatch):
    look(monkeypatch, screen)
    calls = []
    with progress.told("capture", "tokens", lambda done, total: calls.append((done, total))) as tell:
        tell(1, 2)
    assert calls == [(1, 2)]
    assert screen.text == ""
