"""Nulls of a curve: what its statistic is where depth, or the kind of a transition, means nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from residyn.claims.statistics import Rows, by_kind
from residyn.numerics import trends, walks
from residyn.numerics.multiple import p_values
from residyn.quantities.sums import Depth

if TYPE_CHECKING:
    from residyn.claims.claim import Criterion
    from residyn.quantities.curves import Curves

DRAWS = 999
TURN = 5 / 12
"""Probability that a step's sign differs from that before.

Not a half: the layers' means of a walk over places take steps that share one, and are correlated by 1/6.
"""
_EVEN = 10
"""Signs of a draw that are decided together, so that a short curve has each of its ways as often as it should."""

Draw = Callable[[Rows, Depth, int, np.random.Generator], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class DepthNull:
    """A law of curves made of the curves themselves.

    `draw` takes the curves that a statistic needs, each (P,), their places, the number of units of the states,
    and a generator; it returns at most `DRAWS` of each, (R, P).
    """

    title: str
    preserves: str
    destroys: str
    draw: Draw


def null_draws(criterion: Criterion, evidence: Curves, seed: int) -> np.ndarray:
    """Values of a criterion's statistic, (R,), with its curves drawn from its null of curves."""
    if not isinstance(criterion.null, DepthNull):
        return np.empty(0)
    rows = {name: evidence.curves[name][0] for name in criterion.needs}
    drawn = criterion.null.draw(rows, evidence.depth, evidence.n_units, np.random.default_rng(seed))
    return criterion.compute(drawn, evidence.depth) if len(next(iter(drawn.values()))) else np.empty(0)


def least_p(criterion: Criterion, evidence: Curves) -> float:
    """The smallest p that a curve along these places can have beside the null of a criterion; NaN without one.

    Of a curve that rises by unequal steps: the share of the one that is farthest on the claim's side, among all
    that the null makes of it and itself. In few layers no curve is improbable; 1 in so few that the statistic
    is not defined.
    """
    rows = {name: evidence.curves[name][:1] for name in criterion.needs}
    rising = {name: np.where(np.isfinite(row), _rising(row.shape[1]), np.nan) for name, row in rows.items()}
    law = null_draws(criterion, evidence.with_curves(rising), 0)
    if not len(law) or not all(np.isfinite(row).any() for row in rows.values()):
        return float("nan")
    law = np.concatenate([criterion.compute(rising, evidence.depth), law])
    law = law[np.isfinite(law)]
    if len(law) < 2:
        return 1.0
    far = int(law.argmax() if criterion.above else law.argmin())
    return p_value(law[far], np.delete(law, far), above=criterion.above)


def _rising(n: int) -> np.ndarray:
    """A curve (n,) that rises by steps that are spread like exponential ones, large and small in turn."""
    evenly = np.arange(1, n + 1) * (np.sqrt(5) - 1) / 2 % 1
    return np.cumsum(-np.log1p(-evenly))


def _flipped(rows: Rows, depth: Depth, n_units: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Steps of the layers' means from layer to layer with random signs, and the kinds as far apart as they are."""
    signs = _signs(max(0, _n_layers(depth) - 1), rng)
    return {name: _restepped(row, depth, signs) for name, row in rows.items()}


def _signs(n: int, rng: np.random.Generator) -> np.ndarray:
    """Random signs (DRAWS, n), of which each differs from the one before with probability `TURN`.

    One number a draw decides its first signs, and these numbers lie evenly between 0 and 1: how many draws have a
    way that few signs can be is no matter of chance.
    """
    turned = rng.random((DRAWS, n)) < TURN
    even = (np.arange(DRAWS) + rng.random()) / DRAWS
    for step, share in enumerate((0.5, *[TURN] * (_EVEN - 1))[:n]):
        turned[:, step] = even < share
        even = np.where(turned[:, step], even / share, (even - share) / (1 - share))
    return np.where(np.logical_xor.accumulate(turned, axis=1), -1.0, 1.0)


def _restepped(row: np.ndarray, depth: Depth, signs: np.ndarray) -> np.ndarray:
    """The curve with the steps of its layers' means times signs (R, layers − 1)."""
    drawn = np.tile(row, (len(signs), 1))
    layer = _layer_numbers(depth)[: len(row)]
    if not np.isfinite(row).any():
        return drawn
    mean = _layer_means(row, layer, depth)
    known = np.flatnonzero(np.isfinite(mean))
    walk = np.cumsum(np.diff(mean[known]) * signs[:, known[1:] - 1], axis=1)
    moved = np.zeros((len(signs), len(mean)))
    moved[:, known[1:]] = mean[known[0]] + walk - mean[known[1:]]
    return drawn + moved[:, layer]


def _layer_means(row: np.ndarray, layer: np.ndarray, depth: Depth) -> np.ndarray:
    """The mean of the two kinds in each layer; of one with a single value, where the mean would be were the kinds
    as far apart as in the layer before.
    """
    kinds = by_kind(len(row), depth)
    values = np.full((layer.max() + 1, len(kinds)), np.nan)
    for k, places in enumerate(kinds):
        values[layer[places], k] = row[places]
    mean = values.mean(axis=1)
    for at in np.flatnonzero(np.isnan(mean) & np.isfinite(values).any(axis=1)):
        before = np.flatnonzero(np.isfinite(mean[:at]))
        if len(before):
            known = np.isfinite(values[at])
            mean[at] = (values[at] - values[before[-1]] + mean[before[-1]])[known].mean()
    return mean


def _reordered(rows: Rows, depth: Depth, n_units: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Steps from layer to layer in random order, the same of both kinds of places."""
    layers = _n_layers(depth)
    order = rng.permuted(np.tile(np.arange(1, layers), (DRAWS, 1)), axis=1)
    drawn = {}
    for name, row in rows.items():
        drawn[name] = np.tile(row, (DRAWS, 1))
        for places in by_kind(len(row), depth):
            known = places[np.isfinite(row[places])]
            # A kind may have a step less than there are layers: it has the others, in the same order.
            some = order[order <= len(known) - 1].reshape(DRAWS, -1) - 1
            drawn[name][:, known[1:]] = row[known[:1]] + np.cumsum(np.diff(row[known])[some], axis=1)
    return drawn


def _exchanged(rows: Rows, depth: Depth, n_units: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The two values of a layer exchanged about the line that runs between the kinds, where both are defined."""
    line = {name: _line_between(row) for name, row in rows.items()}
    apart = {name: row - line[name] for name, row in rows.items()}
    pairs = trends.pairs_of_kinds(depth.kind)
    pairs = pairs[np.all([np.isfinite(one[pairs]).all(axis=1) for one in apart.values()], axis=0)]
    if not len(pairs):
        return {name: np.empty((0, len(row))) for name, row in rows.items()}
    swapped = flips(len(pairs), rng)
    own = np.arange(len(depth.kind))
    order = np.tile(own, (len(swapped), 1))
    order[:, pairs[:, 0]] = np.where(swapped, pairs[:, 1], pairs[:, 0])
    order[:, pairs[:, 1]] = np.where(swapped, pairs[:, 0], pairs[:, 1])
    return {name: np.where(order == own, row, line[name] + apart[name][order]) for name, row in rows.items()}


def _line_between(row: np.ndarray) -> np.ndarray:
    """The line that runs between the kinds, from the first value that is defined to the last."""
    line = np.full(len(row), np.nan)
    known = np.flatnonzero(np.isfinite(row))
    if len(known):
        inside = slice(known[0], known[-1] + 1)
        line[inside] = trends.without_alternation(row[inside])
    return line


def _walked(rows: Rows, depth: Depth, n_units: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The mean path with every step in a random direction."""
    pairs = trends.pairs_of_kinds(depth.kind)
    found = walks.random_walks(rows["mean_path_step"], n_units, pairs, DRAWS, rng)
    offset = np.full((DRAWS, len(depth.site)), np.nan)
    offset[:, pairs[:, 0] + 1] = found.offset
    drawn = {"mean_path_straightness": found.straightness[:, None], "mean_path_offset": offset}
    return {name: drawn[name] if name in drawn else np.tile(row, (DRAWS, 1)) for name, row in rows.items()}


def _n_layers(depth: Depth) -> int:
    return len(np.unique(depth.layer))


def _layer_numbers(depth: Depth) -> np.ndarray:
    """The number of each sublayer's layer among those there are; of a transition, that of the layer it leaves."""
    return np.unique(depth.layer, return_inverse=True)[1]


FLIPPED_STEPS = DepthNull(
    "the curve's own steps with random signs",
    "how far the curve goes from layer to layer, of both kinds of places together",
    "whether it goes up or down",
    _flipped,
)
REORDERED_STEPS = DepthNull(
    "the curve's own steps in random order",
    "where the curve begins and ends, and its steps from layer to layer",
    "at which depth it takes them",
    _reordered,
)
EXCHANGED_KINDS = DepthNull(
    "within and across exchanged at random",
    "the line that runs between the kinds, and how far each layer's two values are from it",
    "which of them is of which kind",
    _exchanged,
)
RANDOM_WALK = DepthNull(
    "random walks with the mean path's steps",
    "the length of every step of the mean path",
    "the direction of each",
    _walked,
)


def flips(n: int, rng: np.random.Generator) -> np.ndarray:
    """Which of n things are turned over, (draws, n): every way but none at all where these are at most `DRAWS`.

    With the data itself, which turns nothing, that is the whole law, and p is exact.
    """
    if 2**n <= DRAWS + 1:
        return (np.arange(1, 2**n)[:, None] >> np.arange(n)) % 2 == 1
    return rng.random((DRAWS, n)) < 0.5


def beside_null(value: float, draws: np.ndarray, *, above: bool) -> tuple[float, float, int]:
    """The mean of the draws that are defined, p of the value among them, and how many these are."""
    known = draws[np.isfinite(draws)]
    mean = float(known.mean()) if len(known) else float("nan")
    return mean, p_value(value, draws, above=above), len(known)


def p_value(value: float, draws: Sequence[float] | np.ndarray, *, above: bool) -> float:
    """Share of the value and its null draws that are at least as far on the claim's side; NaN without draws."""
    return float(p_values(np.array(value), np.asarray(draws), "greater" if above else "less"))
