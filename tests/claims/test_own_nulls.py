"""A claim tested on its own null holds at most one time in twenty.

Of 200 draws with a true rate of 0.05, more than 18 would hold in one experiment of 200.
"""

from __future__ import annotations

import numpy as np
import pytest
from residyn.claims.columns import SAME
from residyn.claims.parts import Found

import synthetic_claims as synthetic
from residyn.claims import parts, verdicts
from residyn.claims.registry import claims as all_claims
from residyn.claims.teleports import journeys
from residyn.claims.work import Work
from residyn.settings import ClaimsSettings

DRAWS, MOST = 200, 18


def holds(states, number, seed) -> bool:
    """The verdict of one claim without its controls, which decide no verdict."""
    chosen = [claim for claim in all_claims() if claim.number == number]
    work = Work(states, None, {}, ClaimsSettings(resamples=40, null_draws=20, claims_seed=seed), chosen)
    ledger = {}
    for name, compute in work.tasks():
        if name in ("model", SAME) or name.startswith("null "):
            ledger |= compute()
    found = Found(ledger, {}, work.plan, work.paired, seed, 20)
    claim = next(claim for claim in all_claims() if claim.number == number)
    return verdicts.claim_verdict([parts.of_states(part, found) for part in claim.parts]) == "holds"


@pytest.mark.slow
@pytest.mark.parametrize("number", synthetic.NULLS)
def test_a_claim_rarely_holds_on_its_own_null(number, record_property):
    counted = sum(
        holds(synthetic.labelled(synthetic.NULLS[number](np.random.default_rng([number, draw]))), number, draw)
        for draw in range(DRAWS)
    )
    record_property("holds", counted)
    assert counted <= MOST


CLAIM_14 = [claim for claim in all_claims() if claim.number == 14]


@pytest.mark.parametrize("variant", [0, 1], ids=["CCN", "arXiv"])
def test_claim_14_rarely_holds_where_hosts_are_pulled_and_pushed_at_random(variant):
    counted = 0
    for draw in range(DRAWS):
        rng = np.random.default_rng([variant, draw])
        pull = rng.choice([-1.0, 1.0], size=(9, 1)) * np.abs(rng.standard_normal((9, 5)))
        found = journeys(synthetic.summary(pull, [0, 3, 7, 11, 15]), 100, draw)
        judged = [
            parts.of_teleports(part, Found({}, found, None, None, draw, 0)) for part in CLAIM_14[variant].parts
        ]
        counted += verdicts.claim_verdict(judged) == "holds"
    assert counted <= MOST
