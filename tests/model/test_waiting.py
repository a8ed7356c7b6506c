"""How long OpenMP's threads spin for each other: what the runtime itself says when torch loads it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from residyn.model.waiting import SPINS

IMPORTED = "import residyn.model.hooks; from residyn.model.waiting import *; print(waiting_note())"


def seen_by_the_runtime(program: str, **environment: str) -> tuple[str, str]:
    """The spins that libgomp took, and what the program printed."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    own |= {"OMP_DISPLAY_ENV": "VERBOSE", **environment}
    ran = subprocess.run([sys.executable, "-c", program], env=own, capture_output=True, text=True, check=True)
    said = [line for line in ran.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    if not said:
        pytest.skip("torch is built with another runtime here")
    return said[-1].split("'")[1], ran.stdout.strip()


def test_spins_are_bounded_before_torch_is_loaded_and_told():
    spins, said = seen_by_the_runtime(IMPORTED)
    assert spins == SPINS
    assert f"GOMP_SPINCOUNT={SPINS}" in said


@pytest.mark.parametrize("environment", [{"GOMP_SPINCOUNT": "77"}, {"OMP_WAIT_POLICY": "ACTIVE"}])
def test_what_the_user_says_of_waiting_stays(environment):
    spins, said = seen_by_the_runtime(IMPORTED, **environment)
    assert spins != SPINS
    assert said == ""


def test_where_torch_is_there_before_nothing_is_changed():
    _, said = seen_by_the_runtime(f"import os, torch; {IMPORTED}; print(os.environ.get('GOMP_SPINCOUNT'))")
    assert said == "None"
