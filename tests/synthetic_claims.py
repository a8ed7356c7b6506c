"""States that are built to satisfy a claim of the paper, to break it, or to know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from residyn.claims import criteria
from residyn.claims.conditions import SAME
from residyn.claims.criteria import Evidence
from residyn.claims.ledger import MODEL, Of, Task
from residyn.claims.record import CriterionResult
from residyn.claims.registry import claims
from residyn.claims.work import Judging
from residyn.numerics import surrogates
from residyn.schema import Sublayer, label_states
from residyn.settings import ClaimsSettings

N, LAYERS, UNITS = 80, 8, 48
DEEP = 24
Build = Callable[[np.random.Generator], np.ndarray]


def labelled(data: np.ndarray, *, sites: Sequence[str] = ("attn", "mlp"), **attrs: object) -> xr.DataArray:
    layers = data.shape[1] // len(sites)
    sublayers = [Sublayer(layer, site) for layer in range(layers) for site in sites]
    said = {"model": "synthetic", "states_hash": "0f" * 8, "tie_fraction": 0.0, **attrs}
    return label_states(data.astype(np.float32), sublayers, attrs=said)


def gaussian(rng: np.random.Generator, n: int = N, sublayers: int = 2 * LAYERS, units: int = UNITS) -> np.ndarray:
    return rng.standard_normal((n, sublayers, units))


def chain(rng: np.random.Generator, correlation: Sequence[float], *, n: int = N, units: int = UNITS) -> np.ndarray:
    """Gaussian states of unit variance in which each unit has these correlations over the transitions."""
    h = [rng.standard_normal((n, units))]
    for a in correlation:
        h.append(a * h[-1] + np.sqrt(1 - a**2) * rng.standard_normal((n, units)))
    return np.stack(h, axis=1)


def walk(rng: np.random.Generator, lengths: Sequence[float], *, n: int = N, units: int = UNITS) -> np.ndarray:
    """Paths whose steps have these lengths and random directions."""
    steps = rng.standard_normal((n, len(lengths), units))
    steps *= np.asarray(lengths)[:, None] / np.linalg.norm(steps, axis=2, keepdims=True)
    start = rng.standard_normal((n, 1, units))
    return np.concatenate([start, start + np.cumsum(steps, axis=1)], axis=1)


T = 2 * LAYERS - 1


def _alternating(within: Sequence[float], cross: Sequence[float]) -> list[float]:
    return [within[i // 2] if i % 2 == 0 else cross[i // 2] for i in range(T)]


def _scaled(factors: Sequence[float]) -> Build:
    return lambda rng: gaussian(rng) * np.asarray(factors)[:, None]


def _powers(exponents: Sequence[float]) -> Build:
    def build(rng: np.random.Generator) -> np.ndarray:
        x = gaussian(rng)
        return np.sign(x) * np.abs(x) ** np.asarray(exponents)[:, None]

    return build


def _signed(kept: bool) -> Build:
    def build(rng: np.random.Generator) -> np.ndarray:
        sign = rng.choice([-1.0, 1.0], size=(1, 1 if kept else 2 * LAYERS, UNITS))
        return gaussian(rng) + 3 * sign

    return build


def _nonlinear(falls: bool) -> Build:
    """Tent maps first and lines later, while noise grows: information falls, and correlation rises.

    A tent map of uniform numbers is uniform, and not correlated with them.
    """

    def build(rng: np.random.Generator) -> np.ndarray:
        shares = np.clip(np.arange(2 * DEEP - 1) / ((2 * DEEP - 1) // 3), 0, 1)
        h = [rng.random((N, UNITS))]
        for share in shares if falls else 1 - shares:
            new = (1 - share) * (1 - np.abs(2 * h[-1] - 1)) + share * h[-1]
            new += (0.02 + 0.5 * share) * rng.standard_normal(new.shape)
            h.append((rankdata(new, axis=0) - 0.5) / len(new))
        return np.stack(h, axis=1)

    return build


def _dimensions(falls: bool) -> Build:
    def build(rng: np.random.Generator) -> np.ndarray:
        units, sublayers = 160, 2 * LAYERS
        basis = np.linalg.qr(rng.standard_normal((units, units)))[0]
        states = []
        for s in range(sublayers):
            depth = s if falls else sublayers - 1 - s
            rank = 150 - 9 * depth
            states.append((1 + depth) * rng.standard_normal((N, rank)) @ basis[:rank])
        return np.stack(states, axis=1)

    return build


def _shared(share: float) -> Build:
    """Steps of which a part is the same for all samples, along an arc, attention's and the MLP's apart."""

    def build(rng: np.random.Generator) -> np.ndarray:
        frame = np.linalg.qr(rng.standard_normal((UNITS, 4)))[0].T
        angle = np.linspace(0, np.pi, T)[:, None]
        common = np.cos(angle) * frame[0] + np.sin(angle) * frame[1]
        common[0::2] += 0.4 * frame[2]
        common[1::2] -= 0.4 * frame[2]
        own = rng.standard_normal((N, T, UNITS)) / np.sqrt(UNITS)
        steps = np.sqrt(share) * common + np.sqrt(1 - share) * own
        start = rng.standard_normal((N, 1, UNITS))
        return np.concatenate([start, start + np.cumsum(steps, axis=1)], axis=1)

    return build


def _written(back: float, own: int) -> Build:
    """Attention writes along the state and along `own` directions of each sample; the MLP takes a share back."""

    def build(rng: np.random.Generator) -> np.ndarray:
        h = [rng.standard_normal((N, UNITS))]
        frame = rng.standard_normal((N, own, UNITS)) / np.sqrt(UNITS)
        for _ in range(LAYERS):
            written = 0.3 * h[-1] + np.einsum("nk,nkd->nd", rng.standard_normal((N, own)), frame)
            h.append(h[-1] + written)
            h.append(h[-1] - back * written + 0.05 * rng.standard_normal((N, UNITS)))
        return np.stack(h[:-1], axis=1)

    return build


def _along_the_state(rng: np.random.Generator) -> np.ndarray:
    """Steps of which a part is along the state, and all else in directions that know of nothing."""
    h = [rng.standard_normal((50, 24))]
    for _ in range(T):
        h.append(1.3 * h[-1] + rng.standard_normal((50, 24)) * np.linalg.norm(h[-1], axis=1)[:, None] / 12)
    return np.stack(h, axis=1)


def _about_a_centre(sizes: Sequence[float]) -> Build:
    """States that scatter about one of each sample by so much, and come from nowhere in particular."""

    def build(rng: np.random.Generator) -> np.ndarray:
        centre = 6 * rng.standard_normal((N, 1, UNITS))
        return centre + gaussian(rng, sublayers=len(sizes)) * np.asarray(sizes)[:, None]

    return build


def _drawn_together(rate: float) -> Build:
    """Samples about a far state that grows, whose distances grow at another rate."""

    def build(rng: np.random.Generator) -> np.ndarray:
        places = np.arange(2 * LAYERS)[:, None]
        centre = 30 * np.eye(UNITS)[0] * np.exp(0.05 * places)
        own = rng.standard_normal((N, 1, UNITS)) * np.exp((rate + 0.05) * places)
        return centre + own + 0.02 * gaussian(rng)

    return build


def _flowing(generator: np.ndarray) -> Build:
    """Samples that all follow one linear flow in a few dimensions, about a path that they share."""

    def build(rng: np.random.Generator) -> np.ndarray:
        k = len(generator)
        x = [rng.standard_normal((N, k))]
        for _ in range(T):
            x.append(x[-1] + x[-1] @ generator.T + 0.02 * rng.standard_normal((N, k)))
        frame = np.linalg.qr(rng.standard_normal((UNITS, UNITS)))[0][:k]
        return np.stack(x, axis=1) @ frame + np.cumsum(rng.standard_normal((2 * LAYERS, UNITS)), axis=0)

    return build


def _turn(angle: float) -> np.ndarray:
    """The generator of turns in three planes."""
    found = np.zeros((6, 6))
    for plane in range(3):
        here, turn = slice(2 * plane, 2 * plane + 2), angle / (plane + 1)
        found[here, here] = [[np.cos(turn) - 1, -np.sin(turn)], [np.sin(turn), np.cos(turn) - 1]]
    return found


_late = [1.0] * 10 + [2.0, 4.0, 7.0, 11.0, 16.0]
_early = [1.0, 4.0, 8.0, 12.0, 15.0] + [16.0] * 10
# Gaps of the first half of the depth: of fewer than five layers, no exchange of the kinds is improbable.
_drop = [0.99, 0.95, 0.7, 0.4] + [0.6, 0.2] * 9 + [0.6]
_grow_within = np.linspace(0.6, 0.98, LAYERS)
_grow_cross = np.linspace(0.45, 0.85, LAYERS)

HOLDS: dict[int, Build] = {
    1: _scaled(np.linspace(1, 16, 2 * LAYERS).tolist()),
    2: _powers(np.linspace(4, 1, 2 * LAYERS).tolist()),
    3: _signed(True),
    4: lambda rng: chain(rng, _alternating([0.95] * 8, [0.6] * 8)),
    5: lambda rng: chain(rng, np.linspace(0.3, 0.98, T).tolist()),
    6: lambda rng: chain(rng, [0.97] * T),
    7: lambda rng: chain(rng, [0.97] * T),
    8: lambda rng: chain(rng, _alternating(_grow_within.tolist(), _grow_cross.tolist())),
    9: lambda rng: walk(rng, _late),
    10: lambda rng: chain(rng, _drop),
    11: _nonlinear(True),
    12: _dimensions(True),
    13: _shared(0.9),
    21: _written(0.4, 3),
    22: _written(0.4, 3),
    23: _written(0.4, 3),
    24: _about_a_centre(np.linspace(5, 0.5, 2 * DEEP).tolist()),
    25: _drawn_together(-0.08),
    26: _flowing(_turn(0.5)),
    27: _flowing(-0.08 * np.eye(6)),
}
BREAKS: dict[int, Build] = {
    1: _scaled(np.linspace(16, 1, 2 * LAYERS).tolist()),
    2: _powers(np.linspace(1, 4, 2 * LAYERS).tolist()),
    3: _signed(False),
    4: lambda rng: chain(rng, _alternating([0.6] * 8, [0.95] * 8)),
    5: lambda rng: chain(rng, np.linspace(0.98, 0.3, T).tolist()),
    6: lambda rng: chain(rng, [0.4] * T),
    7: lambda rng: chain(rng, [0.5] * T),
    8: lambda rng: chain(rng, _alternating(_grow_cross.tolist(), _grow_within.tolist())),
    9: lambda rng: walk(rng, _early),
    10: lambda rng: chain(rng, [0.7] * T),
    11: _nonlinear(False),
    12: _dimensions(False),
    13: _shared(0.1),
    21: lambda rng: walk(rng, [1.0] * T),
    22: lambda rng: walk(rng, [1.0] * T),
    23: _written(-0.4, 3),
    24: _about_a_centre(np.linspace(0.5, 5, 2 * DEEP).tolist()),
    25: _drawn_together(0.08),
    26: _flowing(np.diag([0.06, 0.04, 0.02, -0.02, -0.04, -0.06])),
    27: _flowing(0.08 * np.eye(6)),
}


def wandering(rng: np.random.Generator, places: int, low: float, high: float) -> np.ndarray:
    """A curve that wanders over the places of depth without drift, between two values."""
    walk = np.cumsum(rng.standard_normal(places))
    return low + (high - low) * (walk - walk.min()) / np.ptp(walk)


def _wandering_chain(rng: np.random.Generator) -> np.ndarray:
    return chain(rng, wandering(rng, T, 0.3, 0.97).tolist(), n=50, units=24)


def _random_chain(rng: np.random.Generator) -> np.ndarray:
    return chain(rng, rng.uniform(0.2, 0.98, T).tolist(), n=50, units=24)


def _falling_at_random(rng: np.random.Generator) -> np.ndarray:
    """Correlations that fall by steps of which any may be the largest."""
    steps = np.cumsum(rng.exponential(size=T))
    return chain(rng, (0.99 - 0.7 * steps / steps[-1]).tolist(), n=50, units=24)


def _wandering_clouds(rng: np.random.Generator) -> np.ndarray:
    """Sublayers that know nothing of one another, whose number of dimensions and size wander over depth."""
    states = []
    basis = np.linalg.qr(rng.standard_normal((120, 120)))[0]
    ranks, sizes = wandering(rng, 2 * LAYERS, 4, 115), wandering(rng, 2 * LAYERS, 1, 10)
    for rank, size in zip(ranks.astype(int), sizes, strict=True):
        states.append(size * rng.standard_normal((50, rank)) @ basis[:rank])
    return np.stack(states, axis=1)


def _mostly_positive(rng: np.random.Generator) -> np.ndarray:
    """Units whose sign at each sublayer is drawn anew, and nearly always the same."""
    sign = np.where(rng.random((1, 2 * LAYERS, 24)) < 0.92, 1.0, -1.0)
    return gaussian(rng, 50, units=24) + 3 * sign


NULLS: dict[int, Build] = {
    1: lambda rng: gaussian(rng, 50, units=24) * wandering(rng, 2 * LAYERS, 1, 4)[:, None],
    2: lambda rng: _powers(wandering(rng, 2 * LAYERS, 1, 4).tolist())(rng),
    3: _mostly_positive,
    4: _random_chain,
    5: _wandering_chain,
    6: lambda rng: gaussian(rng, 50, units=24),
    7: lambda rng: gaussian(rng, 50, units=24),
    8: _wandering_chain,
    9: lambda rng: walk(rng, (1 + np.cumsum(rng.exponential(size=T))).tolist(), n=50, units=24),
    10: _falling_at_random,
    11: _wandering_chain,
    12: _wandering_clouds,
    13: lambda rng: walk(rng, np.exp(rng.standard_normal(T)).tolist(), n=50, units=24),
    21: _along_the_state,
    22: lambda rng: surrogates.flip_increments(_written(0.4, 3)(rng), rng),
    23: lambda rng: surrogates.flip_increments(_written(0.4, 3)(rng), rng),
    **{number: lambda rng: walk(rng, [1.0] * T, n=50, units=24) for number in (24, 25, 26, 27)},
}
"""States of which what a claim says is true by chance alone: curves over depth that wander, kinds that differ at
random, steps in any order, samples or units that do not belong together.
"""


def summary(
    rho: np.ndarray,
    layers: Sequence[int],
    *,
    amplification: np.ndarray | None = None,
    isotropic: np.ndarray | None = None,
    models: Sequence[str] = (),
) -> xr.Dataset:
    """A summary of teleports of which so much is left along itself, and in length (by default |ρ|).

    `rho` is (host, place), or (model, host, place). Discs are left with as much, and isotropic moves with all.
    """
    rho = np.asarray(rho)
    length = np.abs(rho) if amplification is None else np.asarray(amplification)
    anywhere = np.ones_like(rho) if isotropic is None else np.asarray(isotropic)
    values = np.stack([np.stack([one, one, anywhere], axis=-1) for one in (rho, length)])
    dims = ("quantity_of_flow", *(("model",) if models else ()), "host", "injected", "group")
    coords = {
        "quantity_of_flow": np.array(["rho", "amplification"]),
        "injected_layer": ("injected", np.array(layers)),
        "horizon_steps": ("injected", np.full(len(layers), 12)),
        "target_kind": ("group", np.array(["grid", "disc", "isotropic"])),
        "radius": ("group", np.array([np.nan, 1.0, 1.0])),
    }
    if models:
        coords["model"] = ("model", np.array(models))
    return xr.Dataset({"teleports_by_host": xr.DataArray(values, dims=dims)}).assign_coords(coords)


def without_conditions(states: xr.DataArray, number: int, settings: ClaimsSettings) -> list[CriterionResult]:
    """What is found of a claim's criteria, with their nulls; without conditions, which decide no verdict."""
    (claim,) = (one for one in claims() if one.number == number)
    work = Judging(states, None, {}, settings, [claim])
    ledger = {}
    wanted = (MODEL, Task(Of.CONDITION, SAME.name).key)
    for key, compute in work.tasks():
        if key in wanted or key.startswith(Of.NULL_OF_STATES):
            ledger |= compute()
    found = Evidence(ledger, {}, work.plan, work.paired, settings.claims_seed, settings.null_draws)
    return [criteria.of_states(one, found) for one in claim.criteria]
