from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import residyn as rd
from residyn.errors import DataError, UsageError
from residyn.numerics import orbits as numerics
from residyn.quantities.orbits import SMOOTH, orbits, orbits_mean_table, orbits_table
from residyn.report.captions import beyond
from residyn.schema import Sublayer, label_states


def means(data: np.ndarray) -> xr.DataArray:
    """Mean activations of these paths (unit, sublayer)."""
    sublayers = [Sublayer(layer, site) for layer in range(data.shape[1] // 2) for site in ("attn", "mlp")]
    return rd.mean_activation(label_states(np.stack([data.T, data.T]), sublayers, attrs={"model": "m"}))


def walks(units=300, seed=0, sublayers=32):
    return np.cumsum(np.random.default_rng(seed).standard_normal((units, sublayers)), axis=1)


def test_a_random_walk_beats_the_papers_null_and_no_other():
    found = orbits(means(walks(150, sublayers=60)), repeats=99)
    p = dict(zip(found["null"].values, found["rotations_mean_p"].values, strict=True))
    assert p["points shuffled"] == 0.01
    assert p["signs flipped"] > 0.05
    assert p["steps permuted"] > 0.05
    share = (found["rotations_p_adjusted"] < 0.05).mean("unit")
    assert float(share.sel(null="points shuffled")) > 0.5
    assert float(share.sel(null="signs flipped")) < 0.02


def test_units_that_turn_on_circles_are_told_from_paths_of_the_same_steps():
    phase = np.linspace(0, 40, 32) + np.random.default_rng(0).uniform(0, 6, (60, 1))
    found = orbits(means(np.sin(phase / 3)), repeats=99)
    assert (found["rotations_p"].sel(null=["signs flipped", "steps permuted"]) <= 0.02).mean() > 0.9


def rotators(seed=0, units=128, turning=6, sublayers=60):
    """Random walks, of which the first few go around three times instead, in noise."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.standard_normal((units, sublayers)), axis=1)
    phase = np.linspace(0, 6 * np.pi, sublayers) + rng.uniform(0, 6, (turning, 1))
    x[:turning] = 5 * np.sin(phase) + 0.1 * rng.standard_normal((turning, sublayers))
    return x


def test_six_rotators_among_many_walks_are_found_and_turn_less_often():
    found = orbits(means(rotators()))
    table = orbits_table(found)
    for null in ("signs flipped", "steps permuted"):
        p = found["rotations_p_family"].sel(null=null)
        assert (p[:6] <= 0.05).all()
        assert (p[6:] > 0.05).all()
        assert float(found["rotations_p_adjusted"].sel(null=null).min()) > 0.05
        rows = table[(table["null"] == null) & (table["p_family"] <= 0.05)]
        assert list(rows["unit"]) == list(range(6))
        assert set(rows["direction"]) == {"less often"}
        row = orbits_mean_table(found).set_index("null").loc[null]
        assert (row["units_more_often"], row["units_less_often"]) == (0, 6)
    assert (found["rotations_p_family"].sel(null=SMOOTH) > 0.05).all()
    assert "0 and 6 with signs flipped, 0 and 6 with steps permuted and 0 and 0 with" in beyond.orbits(found)[1]


def smooth(seed, units=60, sublayers=60):
    """Walks whose steps go on, with an autocorrelation of 0.8, and do not rotate."""
    steps = np.random.default_rng(seed).standard_normal((units, sublayers + 50))
    for place in range(1, sublayers + 50):
        steps[:, place] += 0.8 * steps[:, place - 1]
    return np.cumsum(steps[:, 50:], axis=1)


def test_smooth_walks_are_not_said_to_rotate():
    found = [orbits(means(smooth(seed)), repeats=99) for seed in range(40)]
    of_mean = np.array([one["rotations_mean_p"].sel(null=SMOOTH) for one in found])
    of_unit = np.array([one["rotations_p"].sel(null=SMOOTH) for one in found])
    assert (of_mean <= 0.05).mean() <= 0.1
    assert (of_unit <= 0.05).mean() <= 0.05
    first = found[int(np.argmax(of_mean))]
    for null in ("signs flipped", "steps permuted"):
        assert float(first["rotations_mean_p"].sel(null=null)) == 0.01
        assert float(first["rotations_mean_difference"].sel(null=null)) < -3
    text = beyond.orbits(first)
    assert "less often than with signs flipped" in text[0]
    assert "not clearly more or less often than with phases drawn" in text[0]
    assert text[2] == (
        "Of these nulls only phases drawn keeps how smooth a path is; beside it the mean over units is as "
        "expected, so that a difference from the others need be no more than one of smoothness."
    )


def test_the_mean_over_units_comes_first_with_its_direction():
    found = orbits(means(walks(40, sublayers=60)), repeats=49)
    assert list(found)[:4] == [
        "rotations_mean",
        "rotations_mean_null",
        "rotations_mean_difference",
        "rotations_mean_p",
    ]
    mean = float(found["rotations"].mean())
    assert float(found["rotations_mean"]) == pytest.approx(mean)
    of_null = found["rotations_mean_null"].mean("draw")
    np.testing.assert_allclose(found["rotations_mean_difference"], abs(mean) - np.abs(of_null))
    table = orbits_mean_table(found)
    assert list(table["null"]) == list(found["null"].values)
    assert table["direction"][0] == "more often"
    np.testing.assert_allclose(table["p"], found["rotations_mean_p"])
    np.testing.assert_allclose(table["rotations"], mean)


def flipped(seed):
    """Units that move together, with the signs of their common steps drawn anew."""
    rng = np.random.default_rng(seed)
    common = np.random.default_rng(0).standard_normal((20, 24)) + 2 * np.random.default_rng(1).standard_normal(24)
    return np.cumsum(common * rng.choice([-1.0, 1.0], 24), axis=1)


@pytest.mark.parametrize("of", ["rotations_mean_p", "rotations_p"])
def test_under_signs_that_are_random_p_is_uniform(of):
    p = [
        float(orbits(means(flipped(seed)), repeats=19, seed=seed)[of].sel(null="signs flipped").values.flat[0])
        for seed in range(120)
    ]
    # Of 120 draws from 20 equally likely values, each fifth of them holds 24 ± 4.4.
    counts = np.histogram(p, bins=[0, 0.22, 0.42, 0.62, 0.82, 1.01])[0]
    assert (np.abs(counts - 24) < 4 * 4.4).all(), counts


def test_every_number_of_a_null_is_that_of_its_draws():
    data, rng = walks(5), np.random.default_rng([3, 1])
    found = orbits(means(data), repeats=30, seed=3).sel(null="signs flipped")
    kind = np.array(["within", "cross"] * 15 + ["within"])
    x = means(data).transpose("unit", "sublayer").values
    signed, absolute = numerics.rotations(*numerics.flipped_steps(x, kind, 30, rng))
    np.testing.assert_allclose(found["rotations_null_mean"], signed.mean(axis=0))
    np.testing.assert_allclose(found["rotations_null_sd"], signed.std(axis=0, ddof=1))
    np.testing.assert_allclose(found["rotations_absolute_null_mean"], absolute.mean(axis=0))
    np.testing.assert_allclose(found["rotations_mean_null"], signed.mean(axis=1))


def test_the_mean_over_units_is_extreme_on_either_side():
    turning = np.sin(np.linspace(0, 12, 32) + np.random.default_rng(0).uniform(0, 6, (30, 1)))
    few = orbits(means(turning), repeats=99)["rotations_mean_p"].sel(null="signs flipped")
    assert float(few) <= 0.05
    zigzag = np.cumsum(np.tile([1.0, -1.0], (30, 16)) + 0.01 * walks(30), axis=1)
    many = orbits(means(zigzag), repeats=99)["rotations_mean_p"].sel(null="signs flipped")
    assert float(many) <= 0.05


def test_the_counts_are_those_of_the_means_and_their_gradient():
    data = walks(8)
    found = orbits(means(data), repeats=3)
    x = data.astype(np.float64)
    signed, absolute = numerics.rotations(x, np.gradient(x, axis=1))
    np.testing.assert_allclose(found["rotations"], signed, atol=1e-9)
    np.testing.assert_allclose(found["rotations_absolute"], absolute, atol=1e-9)
    assert found["rotations"].attrs["mean_rotations"] == pytest.approx(signed.mean())
    z = (found["rotations"] - found["rotations_null_mean"]) / found["rotations_null_sd"]
    np.testing.assert_allclose(found["rotations_z"], z.transpose("null", "unit"))


def test_draws_do_not_depend_on_how_many_are_in_memory(monkeypatch):
    data = means(walks(8))
    whole = orbits(data, repeats=12, seed=4)
    monkeypatch.setattr("residyn.quantities.orbits._VALUES_AT_ONCE", 12 * 8 * 32)
    xr.testing.assert_identical(whole, orbits(data, repeats=12, seed=4))
    assert not whole["rotations_null_mean"].equals(orbits(data, repeats=12, seed=5)["rotations_null_mean"])


def test_three_sublayers_and_units_at_rest_are_undefined():
    sublayers = [Sublayer(0, "attn"), Sublayer(0, "mlp"), Sublayer(1, "attn")]
    short = rd.mean_activation(label_states(np.random.default_rng(0).standard_normal((4, 3, 5)), sublayers))
    found = orbits(short, repeats=2)
    assert np.isnan(found["rotations"]).all()
    assert "four sublayers" in found["rotations"].attrs["note"]
    data = walks(3)
    data[1] = 2.5
    still = orbits(means(data), repeats=5)
    assert np.isnan(still["rotations"].values).tolist() == [False, True, False]
    assert still["rotations"].attrs["n_undefined"] == 1
    assert np.isfinite(still["rotations_mean_p"]).all()


def test_the_table_has_a_row_for_each_unit_and_null():
    table = orbits_table(orbits(means(walks(4)), repeats=5))
    assert len(table) == 16
    assert {"unit", "null", "rotations", "p", "p_adjusted", "p_family", "direction", "z"} <= set(table)
    larger = table["rotations"].abs() > table["null_mean"].abs()
    assert list(table["direction"]) == ["more often" if more else "less often" for more in larger]


def test_what_cannot_be_done_is_said():
    with pytest.raises(DataError, match=r"mean_activation\(states\)"):
        orbits(xr.DataArray(np.zeros((2, 3)), dims=("a", "b")))
    with pytest.raises(UsageError, match="at least one draw"):
        orbits(means(walks(2)), repeats=0)
    with pytest.raises(UsageError, match="seed is an integer, 0 or more; got -1"):
        orbits(means(walks(2)), seed=-1)


def test_a_single_sublayer_has_no_path():
    states = label_states(np.random.default_rng(0).standard_normal((4, 1, 5)), [Sublayer(0, "attn")])
    with pytest.raises(DataError, match="two sublayers"):
        orbits(rd.mean_activation(states), repeats=2)
