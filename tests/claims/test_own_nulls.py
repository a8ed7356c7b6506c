"""A claim tested on its own null holds about one time in twenty, or more rarely.

Of 200 draws with a true rate of 0.05, more than 18 would hold in one experiment of 200; of 100, more than 11.
"""

from __future__ import annotations

import numpy as np
import pytest

import synthetic_claims as synthetic
from residyn.claims import criteria, verdicts
from residyn.claims.criteria import Evidence
from residyn.claims.depth_nulls import EXCHANGED_KINDS, FLIPPED_STEPS, REORDERED_STEPS, beside_null, null_draws
from residyn.claims.registry import claims as all_claims
from residyn.claims.teleports import trajectories
from residyn.quantities.curves import Curves
from residyn.quantities.replicates import plan_of
from residyn.quantities.sums import Depth
from residyn.settings import ClaimsSettings

DRAWS, MOST = 200, 18
SLOW = {3: (100, 11), 6: (100, 11), 7: (100, 11), 12: (100, 11), 13: (100, 11)}
"""Draws, and the most that may hold, of claims whose nulls take long to draw."""


def holds(states, number, seed) -> bool:
    settings = ClaimsSettings(resamples=20, null_draws=20, claims_seed=seed)
    return verdicts.claim_verdict(synthetic.without_conditions(states, number, settings)) == "holds"


@pytest.mark.slow
@pytest.mark.parametrize("number", synthetic.NULLS)
def test_a_claim_rarely_holds_on_its_own_null(number, record_property):
    draws, most = SLOW.get(number, (DRAWS, MOST))
    counted = sum(
        holds(synthetic.labelled(synthetic.NULLS[number](np.random.default_rng([number, draw]))), number, draw)
        for draw in range(draws)
    )
    record_property("holds", counted)
    assert counted <= most


# The nulls of curves alone, on curves that their law describes: no interval and no second criterion helps.

LAYERS = 30
DEPTH = Depth(
    np.repeat(np.arange(LAYERS), 2),
    np.tile(["attn", "mlp"], LAYERS),
    np.array(["within", "cross"] * LAYERS)[: 2 * LAYERS - 1],
)
T = len(DEPTH.kind)


def _walk(rng: np.random.Generator) -> np.ndarray:
    """A walk over places, and kinds that are apart by a constant."""
    return np.cumsum(rng.standard_normal(T)) + rng.normal(0, 3) * (DEPTH.kind == "within")


def _noise_about_a_line(rng: np.random.Generator) -> np.ndarray:
    return np.linspace(0.99, rng.uniform(0.3, 0.99), T) + 0.02 * rng.standard_normal(T)


def _steps_in_any_order(rng: np.random.Generator) -> np.ndarray:
    """Both kinds rise by the same steps from layer to layer, of which any may be the largest."""
    return 1 + np.repeat(np.cumsum(np.exp(rng.standard_normal(LAYERS))), 2)[:T] + 0.1 * (DEPTH.kind == "within")


def _losses_in_any_order(rng: np.random.Generator) -> np.ndarray:
    risen = _steps_in_any_order(rng)
    return 1 - 0.9 * risen / risen.max()


@pytest.mark.parametrize(
    ("name", "null", "make", "most"),
    [
        ("cosine_trend", FLIPPED_STEPS, _walk, 0.066),
        ("information_early_trend", FLIPPED_STEPS, _walk, 0.066),
        ("cosine_gap", EXCHANGED_KINDS, _noise_about_a_line, 0.05),
        ("velocity_late", REORDERED_STEPS, _steps_in_any_order, 0.05),
        ("information_drop", REORDERED_STEPS, _losses_in_any_order, 0.05),
    ],
)
def test_a_null_of_curves_is_reached_as_often_as_its_p_says(name, null, make, most):
    one = next(one for claim in all_claims() for one in claim.criteria if one.name == name)
    assert one.null is null
    p = []
    for draw in range(400):
        rows = make(np.random.default_rng([draw, 7]))[None]
        found = Curves({one.needs[0]: rows}, DEPTH, 4, 4, 4)
        value = float(one.compute(found.curves, DEPTH)[0])
        p.append(beside_null(value, null_draws(one, found, draw), above=one.above)[1])
    # At most so many by chance, and not far fewer either: a null that is too wide finds nothing.
    reached = np.mean(np.array(p) <= 0.05)
    assert reached <= most + 3 * np.sqrt(most * (1 - most) / 400)
    assert reached >= 0.01
    assert np.median(p) == pytest.approx(0.5, abs=0.15)


CLAIM_14 = [claim for claim in all_claims() if claim.number == 14]


@pytest.mark.parametrize("variant", [0, 1], ids=["CCN", "arXiv"])
def test_claim_14_rarely_holds_where_hosts_come_back_and_do_not_at_random(variant):
    """Hosts on either side of the threshold by as much; more comes back at the claim's places all the same."""
    counted = 0
    states = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8))
    for draw in range(DRAWS):
        rng = np.random.default_rng([variant, draw])
        rho = 0.9 + rng.choice([-1.0, 1.0], size=(9, 1)) * np.abs(0.3 * rng.standard_normal((9, 5)))
        rho[:, [3, 4] if variant == 0 else [0, 4]] += 1.0
        found = trajectories(synthetic.summary(rho, [0, 3, 7, 11, 15]), 100, draw)
        plan = plan_of(states, 2)
        judged = [
            criteria.of_teleports(one, Evidence({}, found, plan, plan, draw, 0))
            for one in CLAIM_14[variant].criteria
        ]
        counted += verdicts.claim_verdict(judged) == "holds"
    assert counted <= MOST
