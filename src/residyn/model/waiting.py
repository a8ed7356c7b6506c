"""How long the threads of a CPU's products spin for each other: briefly, where the user does not say otherwise.

torch's wheels compute on a CPU with GNU OpenMP, whose threads spin for some time before they sleep. Where other
programs are on the same cores, a thread that spins keeps the very thread that it waits for from its core.
"""

from __future__ import annotations

import os
import sys
from functools import cache

SPINS = "10000"
"""How often a thread looks before it sleeps; `benchmarks/waiting.py` measures what that gains and costs."""
VARIABLE = "GOMP_SPINCOUNT"
_DECIDE = (VARIABLE, "OMP_WAIT_POLICY")


@cache
def bound_spins() -> bool:
    """Have the threads of OpenMP spin briefly in this process and those that it starts; whether that was done.

    Nothing is changed where the environment decides it already, nor where torch is loaded: the runtime reads its
    environment once.
    """
    if "torch" in sys.modules or any(name in os.environ for name in _DECIDE):
        return False
    os.environ[VARIABLE] = SPINS
    return True


def waiting_note() -> str:
    """What to tell of how threads wait for each other; empty where residyn did not decide it."""
    if not bound_spins():
        return ""
    said = f"{VARIABLE}={SPINS}; set {' or '.join(_DECIDE)} to decide this"
    return f"threads that wait soon let go of their core ({said})"
