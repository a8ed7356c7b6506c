"""A run that is killed in every stage, at operations on files and at any time, ends as one that was not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.killing import STAGES

KILLS = int(os.environ.get("RESIDYN_KILLS", "20"))
"""RESIDYN_KILLS=200 is the whole of it."""


@pytest.mark.slow
def test_runs_that_are_killed_in_every_stage_end_as_one_that_was_not(tmp_path):
    """The same bytes but for times, nothing left over, and nothing to repair."""
    program = Path(__file__).with_name("killing.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(program.parents[1]), *sys.path])}
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path), "--kills", str(KILLS)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.stdout, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, told["faults"]) == (0, {})
    assert sum(told["kills"].values()) >= KILLS
    assert {kill.split()[0] for kill in told["kills"]} == set(STAGES)
