"""A quantity beside its null: the numbers by numpy, the draws, the samples, what is refused."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from scipy.stats import false_discovery_control

import residyn
from residyn import mean_activation, unit_correlation
from residyn.errors import DataError, UsageError
from residyn.nulls import NULLS, against_null, surrogate
from residyn.nulls.comparison import compared
from residyn.numerics.multiple import Alternative
from residyn.quantities.dimensions import dimensions

Make = Callable[..., xr.DataArray]


def by_sublayer(states: xr.DataArray) -> xr.DataArray:
    return states.astype(np.float64).mean(["sample", "unit"]).rename("level").assign_attrs(units="activation")


def levels(make_states: Make, n_controls: int) -> tuple[xr.DataArray, list[xr.DataArray], np.ndarray]:
    """States, controls, and the controls' levels (R, S)."""
    states = make_states(6, seed=99)
    controls = [make_states(6, seed=seed) for seed in range(n_controls)]
    return states, controls, np.array([by_sublayer(one).values for one in controls])


@pytest.mark.parametrize("n_controls", [3, 39, 40, 60])
def test_the_numbers_are_numpys(n_controls: int, make_states: Make) -> None:
    states, controls, drawn = levels(make_states, n_controls)
    got = against_null(by_sublayer, states, controls)
    value = by_sublayer(states).values
    ends = [0.025, 0.975] if n_controls >= 40 else [0, 1]
    low, high = np.quantile(drawn, ends, axis=0)
    expected = {
        "observed": value,
        "null_mean": drawn.mean(axis=0),
        "null_sd": drawn.std(axis=0, ddof=1),
        "effect": value - drawn.mean(axis=0),
        "effect_low": value - high,
        "effect_high": value - low,
        "z": (value - drawn.mean(axis=0)) / drawn.std(axis=0, ddof=1),
        "n_draws": np.full(6, n_controls),
    }
    for name, numbers in expected.items():
        np.testing.assert_allclose(got[name], numbers, rtol=1e-12, err_msg=name)
    every = np.concatenate([value[None], drawn])
    far = np.abs(every - every.mean(axis=0))
    np.testing.assert_allclose(got["p"], (far >= far[0]).sum(axis=0) / (n_controls + 1), rtol=1e-12)
    np.testing.assert_allclose(got["p_adjusted"], false_discovery_control(got["p"].values), rtol=1e-12)
    assert got.attrs["interval"].startswith("2.5 %" if n_controls >= 40 else "smallest")
    assert got.attrs["level"] == (0.95 if n_controls >= 40 else pytest.approx((n_controls - 1) / (n_controls + 1)))
    assert got.attrs["repeats"] == n_controls


def test_one_sided(make_states: Make) -> None:
    states, controls, drawn = levels(make_states, 30)
    value = by_sublayer(states).values
    above = against_null(by_sublayer, states, controls, alternative="greater")
    below = against_null(by_sublayer, states, controls, alternative="less")
    np.testing.assert_allclose(above["p"], (1 + (drawn >= value).sum(axis=0)) / 31)
    np.testing.assert_allclose(below["p"], (1 + (drawn <= value).sum(axis=0)) / 31)
    assert above.attrs["alternative"] == "greater"


def test_named_nulls_are_drawn_again_and_again_by_seed(make_states: Make) -> None:
    states = make_states(20)
    seen: list[xr.DataArray] = []

    def quantity(one: xr.DataArray) -> xr.DataArray:
        seen.append(one)
        return by_sublayer(one)

    got = against_null(quantity, states, "flip_increments", repeats=5, seed=3)
    own, *draws = seen
    np.testing.assert_array_equal(own, states)
    assert len(draws) == 5
    assert len({one.values.tobytes() for one in draws}) == 5
    for one in draws:
        again = surrogate(states, "flip_increments", seed=one.attrs["seed"])
        np.testing.assert_array_equal(one, again)
    np.testing.assert_allclose(got["null_mean"], np.mean([by_sublayer(one).values for one in draws], axis=0))
    xr.testing.assert_identical(got, against_null(by_sublayer, states, "flip_increments", repeats=5, seed=3))
    other = against_null(by_sublayer, states, "flip_increments", repeats=5, seed=4)
    assert (other["null_mean"].values != got["null_mean"].values).any()
    # Tests of neighbouring seeds are independent: they have no draw in common.
    seen.clear()
    against_null(quantity, states, "flip_increments", repeats=5, seed=4)
    assert not {one.values.tobytes() for one in seen[1:]} & {one.values.tobytes() for one in draws}


def test_one_surrogate_is_in_memory_at_a_time(make_states: Make) -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = []

    def quantity(one: xr.DataArray) -> xr.DataArray:
        alive.append(weakref.ref(one.values))
        most.append(sum(ref() is not None for ref in alive[1:]))
        return by_sublayer(one)

    against_null(quantity, make_states(20), "rotate_basis", repeats=6)
    assert most == [0, 1, 1, 1, 1, 1, 1]


def test_lazy_states_are_read_once(make_states: Make) -> None:
    states = make_states(20)
    reads = []

    def read(block: np.ndarray) -> np.ndarray:
        reads.append(block.shape)
        return block

    lazy = states.copy(data=da.from_array(states.values, chunks=(10, 6, 12)).map_blocks(read, dtype=np.float32))
    reads.clear()
    got = against_null(unit_correlation, lazy, "shuffle_samples", repeats=4)
    assert len(reads) == 2
    xr.testing.assert_identical(got, against_null(unit_correlation, states, "shuffle_samples", repeats=4))


def test_labels_and_provenance(make_states: Make) -> None:
    states = make_states(30)
    got = against_null(unit_correlation, states, "shuffle_samples", repeats=3, seed=5)
    r = unit_correlation(states)
    xr.testing.assert_identical(got["effect"].coords.to_dataset(), r.coords.to_dataset())
    np.testing.assert_array_equal(got["observed"], r)
    assert got["effect"].dims == ("transition", "unit")
    assert got["effect"].attrs["units"] == "Pearson r"
    assert got["p"].attrs["units"] == "1"
    expected = {
        "null": "shuffle_samples",
        "preserves": NULLS["shuffle_samples"].preserves,
        "destroys": NULLS["shuffle_samples"].destroys,
        "repeats": 3,
        "seed": 5,
        "alternative": "two-sided",
        "quantity": "unit_correlation",
        "definition": r.attrs["definition"],
        "n_samples": 30,
        "model": "walk",
        "states_hash": "0f" * 8,
    }
    assert {name: got.attrs[name] for name in expected} == expected
    assert got.attrs["residyn_version"]


def test_undefined_places_and_draws(make_states: Make) -> None:
    states = make_states(30)
    states[:, 2, 3] = 1.5
    got = against_null(unit_correlation, states, "shuffle_samples", repeats=4)
    undefined = np.zeros((5, 12), dtype=bool)
    undefined[1:3, 3] = True
    for name in (
        "observed",
        "null_mean",
        "null_sd",
        "effect",
        "effect_low",
        "effect_high",
        "z",
        "p",
        "p_adjusted",
    ):
        np.testing.assert_array_equal(np.isnan(got[name]), undefined, err_msg=name)
    np.testing.assert_array_equal(got["n_draws"], np.where(undefined, 0, 4))
    known = ~undefined
    np.testing.assert_allclose(
        got["p_adjusted"].values[known], false_discovery_control(got["p"].values[known]), rtol=1e-12
    )


def test_draws_that_are_undefined_are_left_out_and_counted(make_states: Make) -> None:
    states, controls, drawn = levels(make_states, 4)

    def quantity(one: xr.DataArray) -> xr.DataArray:
        return by_sublayer(one).where(~((one["layer"] == 1) & (by_sublayer(one) == drawn[2])))

    got = against_null(quantity, states, controls, alternative="greater")
    np.testing.assert_array_equal(got["n_draws"], [4, 4, 3, 3, 4, 4])
    left = drawn[[0, 1, 3]]
    np.testing.assert_allclose(got["null_mean"][2:4], left.mean(axis=0)[2:4], rtol=1e-12)
    np.testing.assert_allclose(got["null_sd"][2:4], left.std(axis=0, ddof=1)[2:4], rtol=1e-12)
    expected = (1 + (left >= by_sublayer(states).values).sum(axis=0)) / 4
    np.testing.assert_allclose(got["p"][2:4], expected[2:4])
    np.testing.assert_allclose(got["effect_low"][2:4], (by_sublayer(states).values - left.max(axis=0))[2:4])


def test_what_is_undefined_in_the_data_is_undefined_beside_draws_that_are_not(make_states: Make) -> None:
    states, controls, drawn = levels(make_states, 4)
    hidden = by_sublayer(states).values[1]
    got = against_null(lambda one: by_sublayer(one).where(by_sublayer(one) != hidden), states, controls)
    for name in (
        "observed",
        "null_mean",
        "null_sd",
        "effect",
        "effect_low",
        "effect_high",
        "z",
        "p",
        "p_adjusted",
    ):
        np.testing.assert_array_equal(np.isnan(got[name]), np.arange(6) == 1, err_msg=name)
    np.testing.assert_array_equal(got["n_draws"], np.full(6, 4))
    np.testing.assert_allclose(got["null_mean"][2:], drawn.mean(axis=0)[2:], rtol=1e-12)


@pytest.mark.parametrize("alternative", ["greater", "less"])
def test_the_direction_decides_which_draws_are_extreme(make_states: Make, alternative: Alternative) -> None:
    """The states lie above all controls: seen from above no draw is as extreme, from below every one is."""
    states = make_states(6)
    shifts = np.linspace(-2, -1, 19)
    got = against_null(
        by_sublayer,
        states,
        [states + np.float32(shift) for shift in shifts],
        alternative=alternative,
    )
    np.testing.assert_allclose(got["p"], 1 / 20 if alternative == "greater" else 1)
    np.testing.assert_allclose(got["p_adjusted"], 1 / 20 if alternative == "greater" else 1)
    # The largest draw is the nearest, 1 below, and the smallest 2.
    np.testing.assert_allclose(got["effect_low"], 1, atol=1e-5)
    np.testing.assert_allclose(got["effect_high"], 2, atol=1e-5)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_infinite_draws_are_left_out_and_counted(alternative: Alternative, make_states: Make) -> None:
    states, controls, drawn = levels(make_states, 5)
    ends = dict(zip(drawn[[1, 3], 2], (np.inf, -np.inf), strict=True))

    def quantity(one: xr.DataArray) -> xr.DataArray:
        found = by_sublayer(one)
        found[2] = ends.get(float(found[2]), float(found[2]))
        return found

    got = against_null(quantity, states, controls, alternative=alternative)
    left = against_null(by_sublayer, states, [controls[i] for i in (0, 2, 4)], alternative=alternative)
    np.testing.assert_array_equal(got["n_draws"], [5, 5, 3, 5, 5, 5])
    for name in ("null_mean", "null_sd", "effect", "effect_low", "effect_high", "z", "p"):
        np.testing.assert_allclose(got[name][2], left[name][2], rtol=1e-12, err_msg=name)


def test_what_a_null_preserves_is_no_effect(make_states: Make) -> None:
    states = make_states(25, units=30)
    for quantity, null in (
        (residyn.velocity, "rotate_basis"),
        (residyn.cosine, "rotate_basis"),
        (residyn.cosine, "random_walk"),
        (residyn.norm, "permute_units"),
    ):
        got = against_null(quantity, states, null, repeats=9)
        assert (got["p"].values == 1).all(), null
        assert np.isnan(got["z"].values).all(), null
        assert float(abs(got["effect"]).max()) < 1e-4


def test_an_effect_of_a_known_size(make_states: Make) -> None:
    """Independent steps of unit variance: r of successive states is √(var before / var after), shuffled 0."""
    states = make_states(4000, layers=2, units=5)
    got = against_null(unit_correlation, states, "shuffle_samples", repeats=19)
    expected = np.sqrt(np.arange(1, 4) / np.arange(2, 5))
    np.testing.assert_allclose(got["effect"].mean("unit"), expected, atol=0.02)
    np.testing.assert_allclose(got["null_sd"].values.mean(), 1 / np.sqrt(3999), rtol=0.2)
    assert (got["p"].values == 1 / 20).all()
    assert (got["p_adjusted"].values == 1 / 20).all()
    assert (got["effect_low"] < got["effect"]).all()
    assert (got["effect"] < got["effect_high"]).all()


@pytest.mark.parametrize("null", NULLS)
@pytest.mark.parametrize("quantity", [mean_activation, unit_correlation, residyn.velocity])
def test_every_null_goes_with_quantities_of_states_and_of_transitions(
    null: str, quantity: Callable[[xr.DataArray], xr.DataArray], make_states: Make
) -> None:
    states = make_states(10)
    got = against_null(quantity, states, null, repeats=2)
    np.testing.assert_array_equal(got["observed"], quantity(states))
    assert got["p"].dims == quantity(states).dims


def test_a_number_and_a_variable_of_a_dataset(make_states: Make) -> None:
    states = make_states(30)
    whole = against_null(lambda one: residyn.velocity(one).mean(), states, "flip_increments", repeats=3)
    assert whole["p"].shape == ()
    got = against_null(lambda one: dimensions(one)["participation_ratio"], states, "permute_units", repeats=3)
    np.testing.assert_allclose(got["effect"], 0, atol=1e-4)


def test_a_choice_of_samples_is_the_same_for_all(make_states: Make) -> None:
    states = make_states(30)
    controls = [make_states(30, seed=1).isel(sample=slice(None, None, -1)), make_states(24, seed=2)]
    seen: list[list[int]] = []

    def quantity(one: xr.DataArray) -> xr.DataArray:
        seen.append(list(one["sample"].values))
        return by_sublayer(one)

    got = against_null(quantity, states, controls, n_samples=10, seed=2)
    own, backwards, fewer = seen
    assert len(own) == 10
    assert own == fewer == backwards[::-1] == sorted(own)
    assert max(own) < 124
    assert own != list(range(100, 110))
    assert got.attrs["n_samples"] == 10
    seen.clear()
    against_null(quantity, states, "shuffle_samples", repeats=2, n_samples=10, seed=2)
    first = seen[0]
    assert len(first) == 10
    assert seen == [first] * 3
    seen.clear()
    against_null(quantity, states, "shuffle_samples", repeats=1, n_samples=10, seed=3)
    assert seen[0] != first
    seen.clear()
    against_null(quantity, states, controls, n_samples=1000)
    assert [len(samples) for samples in seen] == [24] * 3
    seen.clear()
    against_null(quantity, states, controls)
    assert [len(samples) for samples in seen] == [30, 30, 24]


def test_progress_counts_the_draws(make_states: Make) -> None:
    states = make_states(8)
    told: list[tuple[int, int]] = []
    against_null(by_sublayer, states, "rotate_basis", repeats=3, progress=lambda *done: told.append(done))
    against_null(by_sublayer, states, [states, states], progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3), (1, 2), (2, 2)]


def test_controls_are_named(make_states: Make) -> None:
    states = make_states(8)
    controls = [states.assign_attrs(model="untrained 0"), states.assign_attrs(model="untrained 1")]
    got = against_null(by_sublayer, states, controls)
    assert got.attrs["null"] == "captured: untrained 0, untrained 1"
    assert (got["p"].values == 1).all()


def test_what_is_refused(make_states: Make) -> None:
    states = make_states(8)
    with pytest.raises(UsageError, match="one of flip_increments, permute_increments"):
        against_null(by_sublayer, states, "shuffle")
    with pytest.raises(UsageError, match="repeats=0"):
        against_null(by_sublayer, states, "rotate_basis", repeats=0)
    with pytest.raises(UsageError, match="got none"):
        against_null(by_sublayer, states, [])
    with pytest.raises(UsageError, match="got one array"):
        against_null(by_sublayer, states, states)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="'both'"):
        against_null(by_sublayer, states, "rotate_basis", alternative="both")  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="n_samples=0"):
        against_null(by_sublayer, states, "rotate_basis", n_samples=0)
    with pytest.raises(UsageError, match="got -2"):
        against_null(by_sublayer, states, "rotate_basis", seed=-2)
    with pytest.raises(DataError, match="Expected states"):
        against_null(by_sublayer, states.isel(unit=0), "rotate_basis")
    with pytest.raises(DataError, match="got Dataset"):
        against_null(dimensions, states, "rotate_basis")  # pyright: ignore[reportArgumentType]
    with pytest.raises(DataError, match=r"'velocity' was \{'sample': 8, .*\} and is \{'sample': 6, .*for draw 2"):
        against_null(residyn.velocity, states, [states, states.isel(sample=slice(6))])
    with pytest.raises(DataError, match="none in common"):
        against_null(by_sublayer, states, [states.assign_coords(sample=np.arange(8))], n_samples=3)


@pytest.mark.parametrize(
    ("n_draws", "share"), [(5, 4 / 6), (20, 19 / 21), (40, 0.95 * 39 / 41), (200, 0.95 * 199 / 201)]
)
def test_the_interval_holds_one_more_draw_as_often_as_it_says(n_draws: int, share: float) -> None:
    """Of 4000 elements whose value is a draw of the null too, the effect's interval holds 0 of its share."""
    values = np.random.default_rng(6).standard_normal((n_draws + 1, 4000))
    got = compared(xr.DataArray(values[0], dims="unit", name="x"), values[1:], "two-sided")
    held = ((got["effect_low"] <= 0) & (got["effect_high"] >= 0)).mean()
    # 4000 elements err by 0.008 at the most.
    assert abs(float(held) - share) < 0.025
    assert abs(got.attrs["level"] - share) < 0.05
