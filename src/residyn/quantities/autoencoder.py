"""How much of each sublayer's variance a plane of an autoencoder holds, beside a plane of principal components."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.errors import DataError
from residyn.numerics import autoencoder as numerics
from residyn.numerics.groups import groups_of
from residyn.numerics.pca import one_thread
from residyn.quantities.measure import INTERVAL
from residyn.quantities.replicates import plan_of, with_ends
from residyn.schema import (
    BOUND,
    BOUNDS,
    CURVE,
    DRAWN_FROM,
    SAMPLE,
    SUBLAYER,
    along,
    check_states,
    documents_of,
    label_result,
)
from residyn.walk import Progress, loaded

NAME, OF_COMPONENTS, PATHS = "autoencoder_explained", "autoencoder_components", "autoencoder_paths"
PATH, AXIS = "autoencoder_path", "autoencoder_axis"
MOST_SAMPLES = 1000
"""Most samples whose states are learned from: their states are in memory, in float32."""
PARTS = 5
"""Parts of whole documents: three are learned from, one ends the learning, and one is judged on."""
MOST_PATHS = 24
_SOURCE = "Fernando & Guitchounts 2025, arXiv:2502.12131"
_LEAST_VARIANCE = 1e-12
"""Of a sublayer's mean square: what rounding leaves where all states are the same."""


def autoencoded(states: xr.DataArray, *, seed: int = 0, progress: Progress | None = None) -> xr.Dataset:
    """What an autoencoder makes of states from their place in a plane, and what two components do; a Dataset.

    - autoencoder_explained_curve (bound, sublayer): 1 minus the variance of h − ĥ over that of h, each about its
      own mean over held-out samples at the sublayer, of which ĥ is what is rebuilt; at most 1, with the ends of
      its 95 % interval over documents. Below 0 where what is left varies more than states do; NaN where they are
      all the same. How far ĥ lies off on the average is no part of it.
    - autoencoder_components (sublayer): the same of the plane of the first two principal components of the states
      that were learned from, of all sublayers together: the share of variance along them, in [0, 1].
    - autoencoder_paths (autoencoder_path, sublayer, autoencoder_axis): at most 24 held-out samples in the plane.

    Documents are put into five parts by `seed`: three are learned from, one says when to end, and one is judged
    on. Each sublayer's state is a vector of its own, around the mean of all and scaled by one number. The network
    is that of the paper: widths D·rⁱ to 2, each layer linear, layer norm and ReLU but for the encoder's last and
    the decoder's last, mean squared error, Adam at 1e-3, at most 100 epochs, ended after ten without gain. The
    number of widths (five) and the batch (256) are residyn's own. At most 1000 samples are used, drawn by the
    seed. Holds their states in float32 three times. Fernando & Guitchounts 2025, arXiv:2502.12131.

    Raises DataError where there are fewer than five documents, or all states are the same.
    """
    check_states(states)
    n = states.sizes[SAMPLE]
    if n > MOST_SAMPLES:
        rows = np.sort(np.random.default_rng(seed).permutation(n)[:MOST_SAMPLES])
        states = states.isel({SAMPLE: rows}).assign_attrs({DRAWN_FROM: n})
    part = groups_of(documents_of(states), PARTS, seed) if n else np.zeros(0, dtype=np.int64)
    if len(np.unique(part)) < PARTS:
        raise DataError(
            f"an autoencoder learns from whole documents and is judged on others, of which at least {PARTS} are "
            f"needed; there are {len(np.unique(part))}."
        )
    values = loaded(states)
    learned = values[part < PARTS - 2].reshape(-1, values.shape[2])
    mean = learned.mean(axis=0, dtype=np.float64)
    scale = float(np.sqrt(np.mean((learned - mean) ** 2)))
    if not scale > 0:
        raise DataError("an autoencoder has nothing to learn from states that are all the same.")
    train, valid, test = (
        ((values[chosen] - mean) / scale).astype(np.float32)
        for chosen in (part < PARTS - 2, part == PARTS - 2, part == PARTS - 1)
    )
    flat = [one.reshape(-1, one.shape[2]) for one in (train, valid)]
    with one_thread():
        found = numerics.fit(flat[0], flat[1], seed, progress)
        axes = np.linalg.eigh(flat[0].T @ flat[0])[1][:, : -numerics.BOTTLENECK - 1 : -1]
        rebuilt = found.rebuilt(test.reshape(-1, test.shape[2])).reshape(test.shape)
    held_out = states.isel({SAMPLE: part == PARTS - 1})
    plan = plan_of(held_out, seed=seed)
    weights = plan.weights[:, plan.group]
    by_network = _explained(test, rebuilt, weights)
    by_components = _explained(test, test @ axes @ axes.T, weights[:1])[0]
    shown = test[:MOST_PATHS]
    codes = found.codes(shown.reshape(-1, shown.shape[2])).reshape(*shown.shape[:2], numerics.BOTTLENECK)
    said = {
        "source": _SOURCE, "states": states, "seed": seed, "units": "1", "epochs": found.epochs,
        "widths": ", ".join(map(str, found.widths)), "n_held_out": len(test),
    }  # fmt: skip
    of = "1 − var(h − ĥ) / var(h) at a sublayer over held-out documents, ĥ rebuilt from a plane"
    curve = label_result(
        with_ends(by_network, plan, (-np.inf, 1.0)), (BOUND, SUBLAYER),
        {BOUND: list(BOUNDS), **along(states, SUBLAYER)}, quantity=NAME, statistic="value",
        definition=f"{of} by an autoencoder; low and high: {INTERVAL}", **said, **plan.describe(),
    )  # fmt: skip
    components = label_result(
        by_components, (SUBLAYER,), along(states, SUBLAYER), quantity=OF_COMPONENTS,
        definition=f"{of} of two principal components", **said,
    )  # fmt: skip
    paths = label_result(
        codes, (PATH, SUBLAYER, AXIS), along(states, SUBLAYER), quantity=PATHS,
        definition="held-out samples in the plane of an autoencoder", **said,
    )  # fmt: skip
    return xr.Dataset({f"{NAME}{CURVE}": curve, OF_COMPONENTS: components, PATHS: paths})


def _explained(points: np.ndarray, rebuilt: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of the variance of points (n, S, D) at each sublayer that is not that of what is left, (R, S)."""
    made = np.full((len(weights), points.shape[1]), np.nan)
    for place in range(points.shape[1]):
        own, other = (one[:, place].astype(np.float64) for one in (points, rebuilt))
        whole, square = _scattered(own, weights)
        left, _ = _scattered(own - other, weights)
        varies = whole > _LEAST_VARIANCE * square
        made[varies, place] = 1 - left[varies] / whole[varies]
    return made


def _scattered(points: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ‖x − x̄‖² of points (n, D) in each row of the weights (R, n), and Σ‖x‖²."""
    square = weights @ (points**2).sum(axis=1)
    return square - ((weights @ points) ** 2).sum(axis=1) / weights.sum(axis=1), square
