"""The criteria on the curves that the paper published of Llama 3.1 8B (Figure 1 E, F, H)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from residyn.claims.claim import Criterion
from residyn.published import published_curves
from residyn.quantities.sums import Depth

_CURVES = {
    "cosine": "cosine",
    "velocity": "velocity",
    "ksg_information": "mutual_information",
    "kde_information": "mutual_information",
}
"""Of each curve that is judged, the published one; that of mutual information is of KDE, without a shuffle."""


@cache
def _published() -> tuple[Mapping[str, np.ndarray], Depth]:
    found = published_curves()
    curves = {name: np.array([found[of]]) for name, of in _CURVES.items()}
    kind = np.where(np.arange(curves["cosine"].shape[1]) % 2 == 0, "within", "cross")
    layers = len(kind) // 2 + 1
    return curves, Depth(np.repeat(np.arange(layers), 2), np.tile(["attn", "mlp"], layers), kind)


def value_of(criterion: Criterion) -> float:
    """A criterion's statistic of the published curves; NaN where these do not have what it needs."""
    curves, depth = _published()
    if not set(criterion.needs) <= set(curves):
        return float("nan")
    return float(criterion.compute(curves, depth)[0])
