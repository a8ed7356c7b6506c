"""Nulls of a curve: what its statistic is where depth, or the kind of a transition, means nothing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from residyn.claims.claim import KINDS, ORDER, Part
from residyn.numerics.multiple import p_values
from residyn.numerics.trends import pairs_of_kinds
from residyn.quantities.curves import Curves

DRAWS = 999

SAID = {
    ORDER: ("the same places in random order", "the values, and of which kind of transition each is", "depth"),
    KINDS: ("within and across exchanged at random", "each layer's two values", "which of them is of which kind"),
}
"""Name of the null → how it is called, what it preserves, what it destroys."""


def curve_null(part: Part, evidence: Curves, seed: int) -> np.ndarray:
    """Values of a part's statistic with its curves drawn from its null, `ORDER` or `KINDS`, at most `DRAWS`."""
    rng = np.random.default_rng(seed)
    if part.null == KINDS and not len(pairs_of_kinds(evidence.kind)):
        return np.empty(0)
    rows = {name: evidence.curves[name][0] for name in part.needs}
    drawn = (
        _in_random_order(rows, evidence.kind, rng) if part.null == ORDER else _exchanged(rows, evidence.kind, rng)
    )
    return part.compute(drawn, evidence.kind)


def _in_random_order(
    rows: Mapping[str, np.ndarray], kind: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Transitions within their kind, sublayers freely; places that are not defined stay where they are."""
    length = len(next(iter(rows.values())))
    known = np.all([np.isfinite(row) for row in rows.values()], axis=0)
    kinds = kind if length == len(kind) else np.full(length, "sublayer")
    order = np.tile(np.arange(length), (DRAWS, 1))
    for name in np.unique(kinds):
        places = np.flatnonzero((kinds == name) & known)
        order[:, places] = rng.permuted(np.tile(places, (DRAWS, 1)), axis=1)
    return {name: row[order] for name, row in rows.items()}


def _exchanged(
    rows: Mapping[str, np.ndarray], kind: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    pairs = pairs_of_kinds(kind)
    swapped = flips(len(pairs), rng)
    order = np.tile(np.arange(len(kind)), (len(swapped), 1))
    order[:, pairs[:, 0]] = np.where(swapped, pairs[:, 1], pairs[:, 0])
    order[:, pairs[:, 1]] = np.where(swapped, pairs[:, 0], pairs[:, 1])
    return {name: row[order] for name, row in rows.items()}


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


def p_value(value: float, draws: np.ndarray, *, above: bool) -> float:
    """Share of the value and its null draws that are at least as far on the claim's side; NaN without draws."""
    return float(p_values(np.array(value), draws, "greater" if above else "less"))
