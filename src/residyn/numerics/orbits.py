"""Phase portraits of units: activation against its gradient over depth, and how often such a path turns around.

Paths are (…, S) along depth, in float64. Where y is the gradient of x, a portrait moves to the right above the
axis and to the left below it: it turns clockwise whatever the path, and the rougher the path, the more often. So
the count says little without a null that keeps y the gradient of x, and nothing of rotation without one that
keeps how rough the path is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

LEAST_SUBLAYERS = 4
"""Fewest points of a portrait that can turn: three tangents, of which the gradient at either end is one-sided."""


def gradient(x: np.ndarray) -> np.ndarray:
    """Central differences along depth, one-sided at the ends (`numpy.gradient`); (…, S ≥ 2)."""
    return np.gradient(x, axis=-1)


def rotations(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turns of the tangent of paths (x, y), signed and absolute, (…,): Σ Δθ / 2π and Σ |Δθ| / 2π.

    θ is the angle of the step from one point to the next, Δθ its change, wrapped into [−π, π). Counter-clockwise
    is positive. Steps of no length have no angle and are left out. NaN for fewer than `LEAST_SUBLAYERS` points,
    and where fewer than two steps have a length.
    """
    if x.shape[-1] < LEAST_SUBLAYERS:
        return np.full(x.shape[:-1], np.nan), np.full(x.shape[:-1], np.nan)
    dx, dy = np.diff(x, axis=-1), np.diff(y, axis=-1)
    moving = (dx != 0) | (dy != 0)
    angle = _carried(np.arctan2(dy, dx), moving)
    turn = np.mod(np.diff(angle, axis=-1) + np.pi, 2 * np.pi) - np.pi
    told = moving.sum(axis=-1) > 1
    signed, absolute = (values.sum(axis=-1) / (2 * np.pi) for values in (turn, np.abs(turn)))
    return np.where(told, signed, np.nan), np.where(told, absolute, np.nan)


def _carried(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values of which those that are not known are that of the last known one, or the first, before it."""
    if known.all():
        return values
    place = np.where(known, np.arange(values.shape[-1]), -1)
    last = np.maximum.accumulate(place, axis=-1)
    first = known.argmax(axis=-1)[..., None]
    return np.take_along_axis(values, np.where(last < 0, first, last), axis=-1)


Portraits = tuple[np.ndarray, np.ndarray]


def shuffled_points(x: np.ndarray, kind: np.ndarray, repeats: int, rng: np.random.Generator) -> Portraits:
    """The points (x, y) of all paths (D, S) in one random order, (repeats, D, S): y is not the gradient of x."""
    y = gradient(x)
    order = rng.permuted(np.tile(np.arange(x.shape[1]), (repeats, 1)), axis=1)
    return tuple(np.moveaxis(values[:, order], 1, 0) for values in (x, y))  # type: ignore[return-value]


def flipped_steps(x: np.ndarray, kind: np.ndarray, repeats: int, rng: np.random.Generator) -> Portraits:
    """Paths of the same steps with random signs, the same for all paths, and their gradients, (repeats, D, S).

    Units are parts of one network: signs of their own would make their mean far steadier than it is.
    """
    steps = np.diff(x, axis=1) * rng.choice([-1.0, 1.0], size=(repeats, 1, x.shape[1] - 1))
    return _with_gradient(x, steps)


def permuted_steps(x: np.ndarray, kind: np.ndarray, repeats: int, rng: np.random.Generator) -> Portraits:
    """Paths of the same steps in another order within each kind of transition (S − 1,), and their gradients."""
    order = np.tile(np.arange(len(kind)), (repeats, 1))
    for name in np.unique(kind):
        places = np.flatnonzero(kind == name)
        order[:, places] = rng.permuted(np.tile(places, (repeats, 1)), axis=1)
    return _with_gradient(x, np.moveaxis(np.diff(x, axis=1)[:, order], 1, 0))


def drawn_phases(x: np.ndarray, kind: np.ndarray, repeats: int, rng: np.random.Generator) -> Portraits:
    """Paths as smooth as those of x (D, S) that rise and fall elsewhere, and their gradients, (repeats, D, S).

    Each step is divided by what is typical of it (its median size over units), the spectrum of what is left keeps
    its amplitudes and is given random phases, the same for all units, so that these stay as alike as they are
    (Prichard & Theiler 1994), and the step's typical size is put back. Steps are mirrored at the end before: a
    spectrum takes them as periodic, and the jump from the last to the first would make a smooth path rough.
    """
    steps = np.diff(x, axis=1)
    n = steps.shape[1]
    typical = np.median(np.abs(steps), axis=0)
    typical = np.where(typical > 0, typical, 1.0)
    steps = steps / typical
    spectrum = np.fft.rfft(np.concatenate([steps, steps[:, ::-1]], axis=1), axis=1)
    phase = rng.uniform(0, 2 * np.pi, size=(repeats, 1, n + 1))
    # The mean step is no wave and has no phase.
    phase[..., 0] = 0
    drawn = np.fft.irfft(spectrum * np.exp(1j * phase), n=2 * n, axis=-1)[..., :n]
    return _with_gradient(x, drawn * typical)


def _with_gradient(x: np.ndarray, steps: np.ndarray) -> Portraits:
    path = np.concatenate([np.broadcast_to(x[:, :1], (*steps.shape[:2], 1)), steps], axis=-1)
    path = np.cumsum(path, axis=-1)
    return path, gradient(path)


Draw = Callable[[np.ndarray, np.ndarray, int, np.random.Generator], Portraits]
NULLS: Mapping[str, Draw] = {
    "points shuffled": shuffled_points,
    "signs flipped": flipped_steps,
    "steps permuted": permuted_steps,
    "phases drawn": drawn_phases,
}
