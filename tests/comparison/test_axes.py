"""Axes that two networks share: planted permutations, rotations and noise, on held-out documents."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from residyn.adapters import from_array
from residyn.comparison import said_of_axes, shared_axes, shared_axes_table
from residyn.errors import DataError
from residyn.numerics.matching import matched_units, mean_correlations, orthogonal_map
from residyn.numerics.surrogates import haar_rotation


def states_of(values: np.ndarray, documents: np.ndarray | None = None) -> xr.DataArray:
    states = from_array(values, list(range(values.shape[1])), ["block"] * values.shape[1])
    return states if documents is None else states.assign_coords(document=("sample", documents))


def correlated(rng: np.random.Generator, n: int = 200, units: int = 12) -> np.ndarray:
    """States of skewed units that are correlated and of very unlike spread, (n, 2, units)."""
    mixed = rng.standard_exponential((n, 2, units)) @ (np.eye(units) + 0.3 * rng.standard_normal((units, units)))
    return 50 + mixed * np.geomspace(0.1, 100, units)


def at(found: xr.DataArray, name: str, bound: str = "value") -> np.ndarray:
    return found.sel({"map": name, "bound": bound}).values


def test_a_permuted_copy_with_other_signs_is_matched_exactly() -> None:
    rng = np.random.default_rng(0)
    one = correlated(rng)
    order, signs, scales = rng.permutation(12), rng.choice([-1.0, 1.0], 12), rng.uniform(0.1, 9, 12)
    found = shared_axes(states_of(one), states_of((one * signs * scales)[:, :, order] - 7))
    np.testing.assert_allclose(at(found, "matched"), 1, atol=1e-9)
    np.testing.assert_allclose(at(found, "matched", "low"), 1, atol=1e-9)
    assert (at(found, "rotated", "high") < 0.95).all()
    assert (np.abs(at(found, "shuffled")) < 0.25).all()
    assert set(found["n_matched"].values) == {12}
    rows, columns, sign = matched_units(one[:, 0], (one[:, 0] * signs)[:, order])
    np.testing.assert_array_equal(order[columns], rows)
    np.testing.assert_array_equal(sign, signs[rows])


def test_a_rotated_copy_is_found_by_the_orthogonal_map_and_not_by_matching() -> None:
    rng = np.random.default_rng(1)
    for one in (correlated(rng, 300), rng.standard_exponential((300, 2, 12))):
        found = shared_axes(states_of(one), states_of(one @ haar_rotation(12, rng) + 3))
        np.testing.assert_allclose(at(found, "orthogonal"), 1, atol=1e-9)
        assert (at(found, "matched") < 0.9).all()
    # What matching finds is what it finds after further rotations.
    assert abs(at(found, "matched").mean() - at(found, "rotated").mean()) < 0.1


def test_units_of_large_variance_do_not_make_rotated_axes_alike() -> None:
    rng = np.random.default_rng(11)
    one = correlated(rng, 300)
    found = shared_axes(states_of(one), states_of(one @ haar_rotation(12, rng)))
    assert (at(found, "rotated", "high") < 0.7).all()


def test_noise_shares_nothing() -> None:
    rng = np.random.default_rng(2)
    one, other = (states_of(rng.standard_normal((400, 2, 10))) for _ in range(2))
    found = shared_axes(one, other)
    for name in ("matched", "orthogonal", "rotated", "shuffled"):
        assert (np.abs(at(found, name)) < 0.1).all(), name
    # On the half that was matched they correlate by more: that is why the other half is there.
    fitted = one.values[:200, 0], other.values[:200, 0]
    rows, columns, signs = matched_units(*fitted)
    own = mean_correlations(fitted[0][:, rows] * signs, fitted[1][:, columns], np.ones((1, 200)))
    assert own[0] > 0.1


def test_values_are_those_of_a_search_over_all_permutations() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.standard_normal((40, 3)), rng.standard_normal((40, 5))
    other[:, 3] -= one[:, 1]
    r = np.array([[np.corrcoef(one[:, i], other[:, j])[0, 1] for j in range(5)] for i in range(3)])
    ways = itertools.permutations(range(5), 3)
    best = max(ways, key=lambda places: sum(abs(r[i, j]) for i, j in enumerate(places)))
    rows, columns, signs = matched_units(one, other)
    assert (rows.tolist(), columns.tolist()) == ([0, 1, 2], list(best))
    np.testing.assert_array_equal(signs, np.sign(r[rows, columns]))
    weights = rng.integers(0, 3, (2, 40)).astype(float)
    for row, counts in zip(mean_correlations(one, other[:, :3], weights), weights.astype(int), strict=True):
        drawn = np.repeat(np.arange(40), counts)
        assert row == pytest.approx(np.mean([np.corrcoef(one[drawn, i], other[drawn, i])[0, 1] for i in range(3)]))


def test_the_orthogonal_map_is_the_nearest() -> None:
    rng = np.random.default_rng(4)
    wide = rng.standard_normal((50, 6))
    narrow = wide[:, :4] + 0.5 * rng.standard_normal((50, 4))
    found = orthogonal_map(wide, narrow)
    np.testing.assert_allclose(found.T @ found, np.eye(4), atol=1e-12)
    gain = np.trace(found.T @ (wide - wide.mean(0)).T @ (narrow - narrow.mean(0)))
    for _ in range(200):
        tried = haar_rotation(6, rng)[:, :4]
        assert np.trace(tried.T @ (wide - wide.mean(0)).T @ (narrow - narrow.mean(0))) < gain
    # Of five samples four directions are known at the most.
    assert np.linalg.matrix_rank(orthogonal_map(wide[:4], narrow[:4])) == 3


def test_a_narrower_network_is_matched_into_a_wider_one_either_way() -> None:
    rng = np.random.default_rng(5)
    wide = correlated(rng, units=12)
    narrow = wide[:, :, [7, 2, 11, 0]]
    for one, other in ((wide, narrow), (narrow, wide)):
        found = shared_axes(states_of(one), states_of(other))
        np.testing.assert_allclose(at(found, "matched"), 1, atol=1e-9)
        assert set(found["n_matched"].values) == {4}


def test_constant_units_are_left_out_and_a_constant_network_is_undefined() -> None:
    rng = np.random.default_rng(6)
    one = correlated(rng, units=6)
    other = one.copy()
    one[:, :, 2] = 1 / 3
    found = shared_axes(states_of(one), states_of(other))
    assert set(found["n_matched"].values) == {5}
    np.testing.assert_allclose(at(found, "matched"), 1, atol=1e-9)
    other[:, 0] = 5.0
    found = shared_axes(states_of(one), states_of(other))
    undefined = found["other_sublayer"].values == "0.block"
    assert np.isnan(found.values[:, :, undefined]).all()
    assert np.isfinite(found.values[:, :, ~undefined]).all()
    assert found.attrs["n_undefined"] == 2 * undefined.sum() > 0


def test_halves_are_of_whole_documents() -> None:
    """States that say nothing but their document's draw: held out with whole documents nothing is shared."""
    rng = np.random.default_rng(7)
    documents = np.repeat(np.arange(20), 20)
    one, other = (rng.standard_normal((20, 2, 8))[documents] for _ in range(2))
    noise = 0.01 * rng.standard_normal(one.shape)
    found = shared_axes(states_of(one + noise, documents), states_of(other, documents))
    assert at(found, "matched").mean() < 0.25
    alone = shared_axes(states_of(one + noise), states_of(other))
    assert at(alone, "matched").mean() > 0.35


def test_it_is_of_the_size_of_states_no_matter_and_seeded() -> None:
    rng = np.random.default_rng(8)
    one, other = correlated(rng), correlated(rng)
    found = shared_axes(states_of(one), states_of(other), seed=3)
    large = shared_axes(states_of(one * 1e15), states_of(other * 1e-15), seed=3)
    np.testing.assert_allclose(large, found, atol=1e-8)
    xr.testing.assert_identical(found, shared_axes(states_of(one), states_of(other), seed=3))
    assert (found.values != shared_axes(states_of(one), states_of(other), seed=4).values).any()


def test_what_cannot_be_matched_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    few, one = states_of(rng.standard_normal((7, 2, 4))), states_of(rng.standard_normal((20, 2, 4)))
    with pytest.raises(DataError, match=r"at least 8 samples.*7 are shared"):
        shared_axes(few, one)
    with pytest.raises(DataError, match=r"0 are shared"):
        shared_axes(few, one.assign_coords(sample=range(50, 70)))
    same = states_of(rng.standard_normal((20, 2, 4)), np.full(20, 3))
    with pytest.raises(DataError, match="one document"):
        shared_axes(same, one)
    monkeypatch.setattr("residyn.comparison.axes.MOST_UNITS", 3)
    with pytest.raises(DataError, match="assignment of 4 units"):
        shared_axes(one, one)
    texts = {i: str(i) for i in range(20)}
    table, left_out = shared_axes_table({"a": (one, texts), "b": (one, texts), "few": (few, {0: "0"})})
    assert table is None
    assert len(left_out) == 1
    assert left_out[0].startswith("a and b: axes cannot be matched: an assignment of 4 units takes too long")


def test_the_table_and_its_sentence_say_what_was_found() -> None:
    rng = np.random.default_rng(10)
    one = correlated(rng)
    texts = {i: str(i) for i in range(200)}
    runs = {"a": one, "same": one[:, :, ::-1], "turned": one @ haar_rotation(12, rng)}
    table, left_out = shared_axes_table({name: (states_of(values), texts) for name, values in runs.items()})
    assert not left_out
    assert table is not None
    assert len(table) == 2 * 4 * 2
    found = shared_axes(states_of(one), states_of(runs["turned"]))
    rows = table[(table["other"] == "turned") & (table["map"] == "orthogonal")]
    np.testing.assert_array_equal(rows["value"], at(found, "orthogonal"))
    same, turned = said_of_axes(table)
    assert "Units of a and same, matched on one half of the documents, correlate by 1 on the other" in same
    assert "at 2 of 2 depths its interval lies above that of every rotation" in same
    assert "The best orthogonal map reaches 1." in turned
    assert "at 0 of 2" in turned


def test_axes_are_shared_where_matching_lies_above_every_rotation() -> None:
    ends = {"matched": [(0.6, 0.5, 0.7)] * 2, "rotated": [(0.45, 0.4, 0.55), (0.45, 0.4, 0.49)]}
    ends |= {"orthogonal": [(0.8, 0.7, 0.9)] * 2, "shuffled": [(0.0, -0.1, 0.1)] * 2}
    table = pd.DataFrame(
        [("a", "b", depth, name, *row) for name, rows in ends.items() for depth, row in enumerate(rows)],
        columns=["run", "other", "depth", "map", "value", "low", "high"],
    )
    (said,) = said_of_axes(table)
    assert "at 1 of 2 depths its interval lies above that of every rotation" in said
    (said,) = said_of_axes(table.assign(low=np.nan, high=np.nan))
    assert "without an interval over documents" in said
