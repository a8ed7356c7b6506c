"""How often the claims' intervals cover, their nulls are rejected, and planted effects are found.

    python benchmarks/claims_calibration.py [coverage|nulls|learned|power] [--repetitions 200]

Each table is printed as Markdown. Nothing here is a test: the slow tests hold the same numbers to their limits.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
import xarray as xr

from residyn.claims.claim import Criterion
from residyn.claims.conditions import with_other_curves
from residyn.claims.criteria import ends_of, networks
from residyn.claims.depth_nulls import DepthNull, beside_null, null_draws
from residyn.claims.record import Verdict
from residyn.claims.registry import claims
from residyn.claims.verdicts import side
from residyn.claims.work import values_of
from residyn.quantities.curves import DIRECTION_RATIO, EXPLAINED, RATIO, Curves, curves, known_curves
from residyn.quantities.registry import quantities
from residyn.quantities.replicates import Plan, plan_of, with_halves, with_tails
from residyn.quantities.sums import Depth
from residyn.schema import Sublayer, label_states

N, LAYERS, UNITS, DOCUMENTS, ICC = 200, 8, 32, 40, 0.6
MANY = 20_000
"""Samples from which the value that an interval should cover is taken."""
HEAVY, FREEDOM = "heavy tails", 2.5
"""Student's t with so many degrees of freedom."""
LAWS = ("iid", "documents", HEAVY)
OF_COVARIANCES = ("unit_correlation", "correlation_throughout", "participation_ratio")
"""What follows from covariances: of heavy tails, which any number of samples tells badly, from normal values."""


def criteria() -> list[Criterion]:
    """Every criterion of states once."""
    found = {one.name: one for claim in claims() if claim.of == "states" for one in claim.criteria}
    known = set(known_curves())
    return [one for one in found.values() if set(one.needs) <= known]


def states(law: str, rng: np.random.Generator, n: int = N, *, tails: bool = True):
    """States of a chain over depth: correlations that alternate and rise, a shared path, units of unequal size.

    The units' sizes grow apart, so that dimension falls. Without `tails`, heavy ones are normal values of the same
    covariance.
    """
    sublayers = 2 * LAYERS
    # The law is one and the same whatever the draw.
    fixed = np.random.default_rng(7)
    path = np.cumsum(fixed.standard_normal((sublayers, UNITS)), axis=0) * 0.8
    apart = np.linspace(0.2, 0.7, sublayers)[:, None] * fixed.standard_normal(UNITS)
    size = np.exp(apart) * np.linspace(1, 3, sublayers)[:, None]
    rise = np.linspace(0.72, 0.93, sublayers - 1)
    kept = rise + np.where(np.arange(sublayers - 1) % 2 == 0, 0.03, -0.03)
    n_documents = DOCUMENTS * n // N
    document = np.sort(rng.choice(n_documents, size=n, p=_unequal(n_documents)))
    draw = _draws(law, document, n_documents, rng)
    h = [draw()]
    for a in kept:
        h.append(a * h[-1] + np.sqrt(1 - a**2) * draw())
    data = np.stack(h, axis=1)
    if law == HEAVY:
        # Student's t: each sample's whole path is as much larger or smaller.
        factor = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, n)) if tails else np.sqrt(FREEDOM / (FREEDOM - 2))
        data *= np.reshape(factor, (-1, 1, 1))
    coords = {"document": document} if law == "documents" else {}
    return label_states(
        (path + size * data).astype(np.float32),
        [Sublayer(layer, site) for layer in range(LAYERS) for site in ("attn", "mlp")],
        sample_coords=coords,
    )


def _unequal(n: int) -> np.ndarray:
    weights = np.arange(1, n + 1) ** -0.5
    return weights / weights.sum()


def _draws(law: str, document: np.ndarray, n_documents: int, rng: np.random.Generator) -> Callable[[], np.ndarray]:
    if law != "documents":
        return lambda: rng.standard_normal((len(document), UNITS))

    def clustered() -> np.ndarray:
        shared = rng.standard_normal((n_documents, UNITS))[document]
        return np.sqrt(ICC) * shared + np.sqrt(1 - ICC) * rng.standard_normal((len(document), UNITS))

    return clustered


def coverage(repetitions: int) -> None:
    """By criterion and law: how often what is judged holds the value of many samples, and verdicts deny it.

    Of two estimates, the interval is that from the lower end to the higher of both: a verdict needs all of it on
    one side.
    """
    chosen = [one for one in criteria() if not set(one.needs) & {"ksg_information", "kde_information"}]
    rows: dict[str, list[str]] = {one.name: [] for one in chosen}
    for law in LAWS:
        truth = _truth(law, chosen)
        hits: dict[str, list[bool]] = {name: [] for name in truth}
        wrong: dict[str, list[bool]] = {name: [] for name in truth}
        for draw in range(repetitions):
            some = states(law, np.random.default_rng([2, draw]))
            plan = with_tails(with_halves(plan_of(some, 200, draw)), some)
            for name, (low, high, said) in _judged(some, plan, chosen).items():
                if name in truth and np.isfinite(low):
                    value, expected = truth[name]
                    hits[name].append(low <= value <= high)
                    wrong[name].append(said not in ("undecided", expected))
        for one in chosen:
            got = hits.get(one.name)
            rows[one.name].append(f"{np.mean(got):.3f}, {np.mean(wrong[one.name]):.3f}" if got else "–")
    print("| criterion | " + " | ".join(LAWS) + " |\n|---|" + "---|" * len(LAWS))
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


def _truth(law: str, chosen: list[Criterion]) -> dict[str, tuple[float, Verdict]]:
    """The value of each criterion over many samples, and on which side of its threshold that is."""
    names = sorted({name for one in chosen for name in one.needs})
    found = curves(many := states(law, np.random.default_rng(1), MANY), plan_of(many, 0), names)
    if law == HEAVY:
        many = states(law, np.random.default_rng(1), MANY, tails=False)
        found = found.with_curves({**found.curves, **curves(many, plan_of(many, 0), OF_COVARIANCES).curves})
    values = {name: value[0] for name, value in values_of(found, chosen).items()}
    return {
        one.name: (value, side(value, value, value, one.threshold, above=one.above))
        for one in chosen
        if np.isfinite(value := values.get(one.name, np.nan))
    }


def _judged(some: xr.DataArray, plan: Plan, chosen: list[Criterion]) -> dict[str, tuple[float, float, Verdict]]:
    """The interval that each criterion is judged by, and on which side of its threshold it is."""
    others = {curve: other for one in chosen if one.second for curve, other in one.second.curves.items()}
    names = {name for one in chosen for name in one.needs}
    found = curves(some, plan, sorted(names | set(others.values())))
    estimates = (values_of(found, chosen), values_of(with_other_curves(found, others), chosen))
    judged = {}
    for one in chosen:
        ends = [ends_of(one, np.array(each[one.name]), plan) for each in estimates if one.name in each]
        if not ends:
            continue
        low, high = min(end[0] for end in ends), max(end[1] for end in ends)
        judged[one.name] = low, high, side(low, low, high, one.threshold, above=one.above)
    return judged


def _depth(layers: int) -> Depth:
    kind = np.array(["within", "cross"] * layers)[: 2 * layers - 1]
    return Depth(np.repeat(np.arange(layers), 2), np.tile(["attn", "mlp"], layers), kind)


def nulls(repetitions: int) -> None:
    """By criterion: how often it is beyond threshold and null for curves over 30 layers that mean nothing."""
    depth = _depth(30)
    print(f"| criterion | {' | '.join(MEANINGLESS)} |\n|---|{'---|' * len(MEANINGLESS)}")
    for one in (one for one in criteria() if isinstance(one.null, DepthNull) and len(one.needs) == 1):
        places = len(depth.site) if _is_along_sublayers(one.needs[0]) else len(depth.kind)
        rates = []
        for make in MEANINGLESS.values():
            held = [
                _beyond(one, make(np.random.default_rng([i, 3]), places), depth, i) for i in range(repetitions)
            ]
            rates.append(f"{np.mean(held):.3f}")
        print(f"| {one.name} | {' | '.join(rates)} |")


def _is_along_sublayers(curve: str) -> bool:
    """Whether a curve has a value for each sublayer, as the catalogue says of its quantities."""
    known = quantities()
    return known[curve].axis == "sublayer" if curve in known else curve in (EXPLAINED, RATIO, DIRECTION_RATIO)


def _walk(rng: np.random.Generator, places: int) -> np.ndarray:
    return np.cumsum(rng.standard_normal(places))


def _persistent(rng: np.random.Generator, places: int) -> np.ndarray:
    steps = rng.standard_normal(places)
    for place in range(1, places):
        steps[place] = 0.5 * steps[place - 1] + np.sqrt(0.75) * steps[place]
    return np.cumsum(steps)


def _rising(rng: np.random.Generator, places: int) -> np.ndarray:
    return np.cumsum(rng.exponential(size=places))


def _falling(rng: np.random.Generator, places: int) -> np.ndarray:
    return 1.1 * places - _rising(rng, places)


def _line(rng: np.random.Generator, places: int) -> np.ndarray:
    return np.linspace(0.99, 0.6, places) + 0.02 * rng.standard_normal(places)


MEANINGLESS = {
    "random walk over places": _walk,
    "steps correlated by 0.5": _persistent,
    "rising by random steps": _rising,
    "falling by random steps": _falling,
    "noise about a line": _line,
}
"""Curves that wander, rise or fall without a shape. A trend is right in those that rise or fall."""


def _beyond(one: Criterion, curve: np.ndarray, depth: Depth, seed: int) -> bool:
    found = Curves({one.needs[0]: curve[None]}, depth, N, 20, UNITS)
    value = float(one.compute(found.curves, depth)[0])
    p = beside_null(value, null_draws(one, found, seed), above=one.above)[1]
    return bool((value > one.threshold if one.above else value < one.threshold) and p <= 0.05)


def learned(repetitions: int) -> None:
    """How often a model that is one more untrained network lies outside what is expected of one more."""
    one = criteria()[0]
    print("| untrained networks | on the claim's side | on either side |\n|---|---|---|")
    for k in (3, 5, 10):
        above, outside = [], []
        for draw in range(repetitions):
            rng = np.random.default_rng([k, draw])
            value = rng.standard_normal(k + 1)
            rows = value[:, None] + 0.1 * rng.standard_normal((k + 1, 201))
            rows[:, 0] = value
            plan = Plan(np.arange(20), np.ones((201, 20)), draw)
            found = networks(one, rows[0], rows[1:], plan)
            above.append(found.difference_low > 0)
            outside.append(found.difference_low > 0 or found.difference_high < 0)
        print(f"| {k} | {np.mean(above):.3f} | {np.mean(outside):.3f} |")


def power(repetitions: int) -> None:
    """How often planted effects of a stated size are found, on curves over 30 layers."""
    depth, named = _depth(30), {one.name: one for one in criteria()}
    within = np.where(depth.kind == "within", 1.0, -1.0)
    line = np.linspace(0, 1, len(depth.kind))
    planted = {
        "cosine_trend: a rise of 1 in noise of 0.1": (
            "cosine_trend",
            lambda rng: line + 0.1 * rng.standard_normal(59),
        ),
        "cosine_trend: a rise of 1 in noise of 0.2": (
            "cosine_trend",
            lambda rng: line + 0.2 * rng.standard_normal(59),
        ),
        "cosine_gap: 0.03 between kinds in noise of 0.02": (
            "cosine_gap",
            lambda rng: 0.9 - 0.3 * line + 0.015 * within + 0.02 * rng.standard_normal(59),
        ),
        "velocity_late: 60 % of the rise in the last third, noise of 2 %": (
            "velocity_late",
            lambda rng: np.interp(line, [0, 1 / 3, 2 / 3, 1], [0, 0.1, 0.4, 1]) + 0.02 * rng.standard_normal(59),
        ),
    }
    print("| planted | found |\n|---|---|")
    for said, (name, make) in planted.items():
        if name in named:
            held = [
                _beyond(named[name], make(np.random.default_rng([i, 5])), depth, i) for i in range(repetitions)
            ]
            print(f"| {said} | {np.mean(held):.3f} |")


TABLES = {"coverage": coverage, "nulls": nulls, "learned": learned, "power": power}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", default=list(TABLES), help=f"of {', '.join(TABLES)}")
    parser.add_argument("--repetitions", type=int, default=200)
    given = parser.parse_args()
    for table in given.tables:
        print(f"\n## {table}\n")
        TABLES[table](given.repetitions)
        sys.stdout.flush()
