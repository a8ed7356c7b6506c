"""How a path through depth moves, whatever the lengths of its states: angles, parts of its steps, turns.

Angles are taken between unit vectors as 2·atan2(‖â − b̂‖, ‖â + b̂‖) (Kahan 2006): the arc cosine of a product near
1 would lose half of the digits, and most successive states are nearly parallel. Each sample's numbers depend on
that sample alone, and are the same bits however the samples are split into blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

_TILE_VALUES = 1 << 15
"""Values of one sublayer converted to float64 at a time: the dozen vectors in use then stay in a core's cache."""


@dataclass(frozen=True)
class Kinematics:
    """Of n paths of S states, float64; NaN where a definition has no value.

    angle         (n, S − 1), angle between successive states in half turns, in [0, 1]; NaN at a zero state
    radial        (n, S − 1), the step's component along the state it leaves, Δ·ĥ; NaN where that is zero
    tangential    (n, S − 1), length of the rest of the step, ≥ 0; NaN likewise
    acceleration  (n, S − 1), distance from the last earlier step of the same kind; NaN where there is none
    turning       (n, S), angle between the steps to and from a state, degrees in [0, 180]; NaN at both ends and
                  beside a zero step
    straightness  (n,), ‖h_last − h_first‖ over the length of the path, in [0, 1]; NaN for a path that stays put
    """

    angle: np.ndarray
    radial: np.ndarray
    tangential: np.ndarray
    acceleration: np.ndarray
    turning: np.ndarray
    straightness: np.ndarray


def path_kinematics(block: np.ndarray, kinds: Sequence[str]) -> Kinematics:
    """Kinematics of one block of states (n ≥ 1, S, D), real and finite, whose S − 1 steps are of `kinds`.

    Works through tiles of samples: beside the block it holds a few tiles in float64.
    """
    height = max(1, _TILE_VALUES // block.shape[2])
    return concatenate([_of_tile(block[start : start + height], kinds) for start in range(0, len(block), height)])


def concatenate(parts: Sequence[Kinematics]) -> Kinematics:
    """The kinematics of the samples of all `parts`, in their order."""
    names = [field.name for field in fields(Kinematics)]
    return Kinematics(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle of unit vectors (n, D) row by row, in radians, in [0, π]; NaN where either is NaN."""
    return 2 * np.arctan2(_length(a - b), _length(a + b))


def _of_tile(tile: np.ndarray, kinds: Sequence[str]) -> Kinematics:
    n, n_sublayers, _ = tile.shape
    by_step = (n, max(n_sublayers - 1, 0))
    angle, radial, tangential, acceleration = (np.full(by_step, np.nan) for _ in range(4))
    turning, travelled = np.full((n, n_sublayers), np.nan), np.zeros(n)
    first = state = tile[:, 0].astype(np.float64)
    heading, course = _direction(state)[0], np.empty((0, 0))
    last_of: dict[str, np.ndarray] = {}
    for s, kind in enumerate(kinds):
        before, state = state, tile[:, s + 1].astype(np.float64)
        step, towards = state - before, heading
        heading, came = _direction(state)[0], course
        course, speed = _direction(step)
        travelled += speed
        angle[:, s] = angle_between(towards, heading) / np.pi
        radial[:, s] = np.einsum("nd,nd->n", step, towards)
        # The tangential vector itself is measured: √(v² − radial²) would cancel where a step is nearly radial.
        tangential[:, s] = _length(step - radial[:, s, None] * towards)
        if s:
            turning[:, s] = np.degrees(angle_between(came, course))
        if kind in last_of:
            acceleration[:, s] = _length(step - last_of[kind])
        last_of[kind] = step
    straightness = np.full(n, np.nan)
    np.divide(_length(state - first), travelled, out=straightness, where=travelled > 0)
    # Rounding can carry a straight path past 1.
    return Kinematics(angle, radial, tangential, acceleration, turning, np.minimum(straightness, 1.0))


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors))


def _direction(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (n, D) over their lengths, NaN for a zero one; and the lengths (n,)."""
    length = _length(vectors)
    return vectors / np.where(length > 0, length, np.nan)[:, None], length
