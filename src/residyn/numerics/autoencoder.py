"""An autoencoder that compresses points to a plane, fitted by descent: plain arrays in, plain arrays out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

BOTTLENECK, LAYERS = 2, 5
"""Width of the narrowest layer, and of how many widths the encoder is, with the points' own and the narrowest."""
RATE, EPOCHS, PATIENCE = 1e-3, 100, 10
BATCH = 256
_DECAYS, _ADAM_EPS, _NORM_EPS = (0.9, 0.999), 1e-8, 1e-5

Parameters = list[np.ndarray]


@dataclass(frozen=True)
class Autoencoder:
    """A fitted network: `parameters` of its layers, and after how many epochs it was best on held-out points."""

    widths: tuple[int, ...]
    parameters: Parameters
    epochs: int
    loss: float

    def codes(self, points: np.ndarray) -> np.ndarray:
        """The points in the plane, (n, 2)."""
        return _forward(self.parameters, self.widths, points, len(self.widths) - 1)[-1]

    def rebuilt(self, points: np.ndarray) -> np.ndarray:
        """What the network makes of points (n, D) from their place in the plane, (n, D)."""
        return _forward(self.parameters, self.widths, points)[-1]


def widths_of(n_units: int) -> tuple[int, ...]:
    """Widths of the encoder's layers, from the points' own to 2: each is the one before by the same factor.

    D·rⁱ with r = (2/D)^(1/(k − 1)), rounded, for k widths; at the least 2.
    """
    ratio = (BOTTLENECK / n_units) ** (1 / (LAYERS - 1))
    between = (max(BOTTLENECK, round(n_units * ratio**place)) for place in range(1, LAYERS - 1))
    return (n_units, *between, BOTTLENECK)


def fit(
    train: np.ndarray, valid: np.ndarray, seed: int = 0, progress: Callable[[int, int], object] | None = None
) -> Autoencoder:
    """The autoencoder of points (n, D), the best of its epochs on others (m, D), by mean squared error.

    Encoder and decoder mirror each other. Each layer is linear, then a layer norm and ReLU, but for the encoder's
    last and the decoder's last, which are linear alone. Adam at 1e-3 on batches of 256, at most 100 epochs, ended
    after ten without a smaller error on `valid`. Begins and shuffles by the seed. `progress` counts epochs.
    """
    rng = np.random.default_rng(seed)
    widths = widths_of(train.shape[1])
    parameters = started(widths, rng)
    train, valid = train.astype(np.float32), valid.astype(np.float32)
    first, second = ([np.zeros_like(one) for one in parameters] for _ in range(2))
    best, kept, at, step = np.inf, [one.copy() for one in parameters], 0, 0
    for epoch in range(1, EPOCHS + 1):
        order = rng.permutation(len(train))
        for begin in range(0, len(order), BATCH):
            step += 1
            _, slopes = loss_and_slopes(parameters, widths, train[order[begin : begin + BATCH]])
            rate = RATE * np.sqrt(1 - _DECAYS[1] ** step) / (1 - _DECAYS[0] ** step)
            for place, slope in enumerate(slopes):
                first[place] += (1 - _DECAYS[0]) * (slope - first[place])
                second[place] += (1 - _DECAYS[1]) * (slope * slope - second[place])
                root = np.sqrt(second[place]) + _ADAM_EPS * np.sqrt(1 - _DECAYS[1] ** step)
                parameters[place] -= rate * first[place] / root
        loss = float(np.mean((_forward(parameters, widths, valid)[-1] - valid) ** 2, dtype=np.float64))
        if loss < best:
            best, kept, at = loss, [one.copy() for one in parameters], epoch
        if progress is not None:
            progress(epoch, EPOCHS)
        if epoch - at >= PATIENCE:
            break
    if progress is not None:
        progress(EPOCHS, EPOCHS)
    return Autoencoder(widths, kept, at, best)


def started(widths: tuple[int, ...], rng: np.random.Generator) -> Parameters:
    """Parameters to begin with, four a layer: weights and biases uniform within ± 1/√inputs, norms of 1 and 0."""
    made: Parameters = []
    for inputs, outputs in _layers(widths):
        bound = 1 / np.sqrt(inputs)
        made += [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in ((inputs, outputs), (outputs,))]
        made += [np.ones(outputs, dtype=np.float32), np.zeros(outputs, dtype=np.float32)]
    return made


def loss_and_slopes(
    parameters: Parameters, widths: tuple[int, ...], points: np.ndarray
) -> tuple[float, Parameters]:
    """The mean squared error of points rebuilt, and its derivative by each parameter."""
    values = _forward(parameters, widths, points)
    error = values[-1] - points
    slope = 2 * error / error.size
    slopes: Parameters = []
    for place in reversed(range(len(values) - 1)):
        weight, bias, gain, shift = parameters[4 * place : 4 * place + 4]
        into_norm = [np.zeros_like(gain), np.zeros_like(shift)]
        if _is_normed(place, widths):
            normed, spread = _normed(values[place] @ weight + bias)
            slope = slope * (values[place + 1] > 0)
            into_norm = [(slope * normed).sum(axis=0), slope.sum(axis=0)]
            scaled = slope * gain
            across = scaled.mean(axis=1, keepdims=True) + normed * (scaled * normed).mean(axis=1, keepdims=True)
            slope = (scaled - across) / spread
        slopes = [values[place].T @ slope, slope.sum(axis=0), *into_norm, *slopes]
        slope = slope @ weight.T
    return float(np.mean(error**2, dtype=np.float64)), slopes


def _layers(widths: tuple[int, ...]) -> list[tuple[int, int]]:
    """Inputs and outputs of all layers, the encoder's and then the decoder's."""
    down = list(pairwise(widths))
    return [*down, *((outputs, inputs) for inputs, outputs in reversed(down))]


def _is_normed(place: int, widths: tuple[int, ...]) -> bool:
    """Whether a layer ends in a norm and ReLU: all but the encoder's last and the decoder's."""
    n = len(widths) - 1
    return place not in (n - 1, 2 * n - 1)


def _forward(
    parameters: Parameters, widths: tuple[int, ...], points: np.ndarray, until: int | None = None
) -> list[np.ndarray]:
    """The points, and what comes out of each layer, to the end or until so many layers."""
    values = [points]
    for place in range(2 * (len(widths) - 1) if until is None else until):
        weight, bias, gain, shift = parameters[4 * place : 4 * place + 4]
        value = values[-1] @ weight + bias
        if _is_normed(place, widths):
            value = np.maximum(_normed(value)[0] * gain + shift, 0)
        values.append(value)
    return values


def _normed(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of mean 0 and variance 1 over their entries, and the standard deviations (n, 1) that they had."""
    centred = points - points.mean(axis=1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + np.asarray(_NORM_EPS, points.dtype))
    return centred / spread, spread
