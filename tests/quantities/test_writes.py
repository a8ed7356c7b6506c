"""What is written, of labelled states: beside loops, of planted writes, of random ones, and where nothing is."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import residyn as rd
from residyn import from_array

NAMES = ("write_cosine", "successive_writes_cosine", "earlier_writes_overlap", "earlier_writes_overlap_random")


def labelled(data: np.ndarray) -> xr.DataArray:
    n_layers = data.shape[1] // 2
    return from_array(data, [s // 2 for s in range(2 * n_layers)], ["attn", "mlp"] * n_layers)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_the_cosines_are_those_of_loops(make_states) -> None:
    states = make_states(9)
    x = states.values.astype(np.float64)
    with_state = [[cosine(p[s + 1] - p[s], p[s]) for s in range(5)] for p in x]
    np.testing.assert_allclose(rd.write_cosine(states), with_state, atol=1e-12)
    between = [[cosine(p[s] - p[s - 1], p[s + 1] - p[s]) for s in range(1, 5)] for p in x]
    found = rd.successive_writes_cosine(states)
    np.testing.assert_allclose(found.values[:, 1:-1], between, atol=1e-12)
    assert np.isnan(found.values[:, [0, -1]]).all()
    assert found.attrs["n_undefined"] == 0
    assert found.attrs["random_sd"] == pytest.approx(12**-0.5)


@pytest.mark.parametrize("seed", range(3))
def test_planted_writes_are_found_beside_random_ones(seed: int) -> None:
    """Attention adds, the MLP takes a part of that back, and both along a few of the sample's directions."""
    rng = np.random.default_rng(seed)
    n, layers, units = 60, 6, 64
    h = [rng.standard_normal((n, units))]
    own = rng.standard_normal((n, 3, units)) / 8
    for _ in range(layers):
        written = 0.3 * h[-1] + np.einsum("nk,nkd->nd", rng.standard_normal((n, 3)), own)
        h += [h[-1] + written]
        h += [h[-1] - 0.4 * written + 0.05 * rng.standard_normal((n, units))]
    states = labelled(np.stack(h[:-1], axis=1))
    with_state = rd.write_cosine.curve(states).sel(bound="low").values
    assert (with_state[0::2] > 0.3).all()
    between = rd.successive_writes_cosine.curve(states).sel(bound="high").values
    assert (between[1:-1:2] < -0.5).all()
    share, chance = rd.earlier_writes_overlap.curve(states), rd.earlier_writes_overlap_random.curve(states)
    assert (share.sel(bound="low").values[4:] > chance.sel(bound="high").values[4:] + 0.2).all()
    walk = labelled(np.cumsum(rng.standard_normal((n, 2 * layers, units)), axis=1))
    for name in NAMES[1:3]:
        curve = getattr(rd, name).curve(walk)
        expected = rd.earlier_writes_overlap_random(walk).values if "overlap" in name else 0.0
        inside = (curve.sel(bound="low") <= expected + 0.01) & (curve.sel(bound="high") >= expected - 0.01)
        assert inside.values[1:-1].all()


def test_where_nothing_is_written_nothing_is_said() -> None:
    still = labelled(np.ones((4, 4, 3)))
    for name in NAMES:
        assert np.isnan(getattr(rd, name)(still)).all()
