"""Results of runs of different depth and width."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from residyn.quantities.suite import analyze
from residyn.schema import Sublayer, label_states
from residyn.settings import AnalysisSettings

FEW = AnalysisSettings(estimators=("gcmi",), shuffles=0, leave_out=(), components=5)


def walk(
    n: int = 30,
    layers: int = 3,
    units: int = 8,
    *,
    seed: int = 0,
    sites: tuple[str, ...] = ("attn", "mlp"),
    **attrs: object,
) -> xr.DataArray:
    sublayers = [Sublayer(layer, site) for layer in range(layers) for site in sites]
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((n, len(sublayers), units)) + rng.normal(0, 1.5, (len(sublayers), units))
    known = {"model": "walk", "states_hash": f"{seed:064x}", "texts": "made up", "position": "end"}
    return label_states(np.cumsum(steps, axis=1).astype(np.float32), sublayers, attrs={**known, **attrs})


@pytest.fixture(scope="session")
def make_walk() -> Callable[..., xr.DataArray]:
    return walk


@pytest.fixture(scope="session")
def runs() -> dict[str, xr.Dataset]:
    """Three runs: of three layers, of five wider ones with fewer samples, of four parallel blocks."""
    return {
        "small": analyze(walk(), FEW),
        "large": analyze(walk(20, 5, 11, seed=1), FEW),
        "parallel": analyze(walk(24, 4, 6, seed=2, sites=("block",)), FEW),
    }
