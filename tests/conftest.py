"""States to analyze: random walks over depth, labelled as a model's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import xarray as xr

from residyn.schema import Sublayer, label_states


@pytest.fixture
def make_states() -> Callable[..., xr.DataArray]:
    return walking_states


def walking_states(
    n: int = 40,
    layers: int = 3,
    units: int = 12,
    *,
    seed: int = 0,
    sites: Sequence[str] = ("attn", "mlp"),
    data: np.ndarray | None = None,
    **attrs: object,
) -> xr.DataArray:
    sublayers = [Sublayer(layer, site) for layer in range(layers) for site in sites]
    rng = np.random.default_rng(seed)
    if data is None:
        data = np.cumsum(rng.standard_normal((n, len(sublayers), units)), axis=1).astype(np.float32)
        data += rng.normal(0, 2, units).astype(np.float32)
    n = len(data)
    return label_states(
        data,
        sublayers,
        sample=np.arange(100, 100 + n),
        sample_coords={
            "text_id": np.array([f"text-{i}" for i in range(n)], dtype=object),
            "n_tokens": np.arange(n) + 3,
            "last_token": np.arange(n) % 5,
        },
        attrs={"model": "walk", "states_hash": "0f" * 8, "distinct_last_tokens": np.int64(min(n, 5)), **attrs},
    )
