"""Similarity of representations: linear CKA with the unbiased HSIC, on the texts that runs share."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from scipy.stats import ortho_group

from residyn.adapters import from_array
from residyn.comparison import paired, representation_similarity, similarity_table
from residyn.comparison.similarity import DEPTHS
from residyn.errors import DataError


def states_of(values: np.ndarray, labels: list[int] | None = None) -> xr.DataArray:
    states = from_array(values, list(range(values.shape[1])), ["block"] * values.shape[1])
    return states if labels is None else states.assign_coords(sample=labels)


def hsic(k: np.ndarray, m: np.ndarray) -> float:
    """Song et al. 2012, equation 5, as sums over samples that all differ."""
    n = len(k)
    terms = [(k[i, j] * m[i, j], k[i, j] * m[i, q], 0.0) for i, j, q in itertools.permutations(range(n), 3)]
    pairs, triples, _ = np.sum(terms, axis=0)
    quadruples = sum(k[i, j] * m[q, r] for i, j, q, r in itertools.permutations(range(n), 4))
    pairs /= n - 2  # each pair was met with every third sample
    p2, p3, p4 = n * (n - 1), n * (n - 1) * (n - 2), n * (n - 1) * (n - 2) * (n - 3)
    return pairs / p2 + quadruples / p4 - 2 * triples / p3


def test_it_is_cka_of_the_unbiased_hsic() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((7, 11, 3)) + 5, rng.standard_normal((7, 11, 4))
    other[:, :, 0] += 2 * one[:, :, 0]
    found = representation_similarity(states_of(one), states_of(other))
    for i, j in ((0, 0), (3, 10), (10, 2)):
        k, m = one[:, i] @ one[:, i].T, other[:, j] @ other[:, j].T
        expected = hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))
        assert found.values[i, j] == pytest.approx(expected, rel=1e-9)


def test_it_sees_neither_rotation_nor_translation_nor_scale() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.standard_normal((20, 4, 6)), rng.standard_normal((20, 4, 6))
    turned = 1e20 * (one @ ortho_group.rvs(6, random_state=rng) + 3)
    same = representation_similarity(states_of(one), states_of(turned))
    np.testing.assert_allclose(np.diag(same), 1, atol=1e-9)
    np.testing.assert_allclose(
        representation_similarity(states_of(turned), states_of(other)),
        representation_similarity(states_of(one), states_of(other)),
        atol=1e-9,
    )


def test_unrelated_wide_states_are_not_alike() -> None:
    rng = np.random.default_rng(2)
    one, other = (states_of(rng.standard_normal((40, 2, 2000))) for _ in range(2))
    assert np.abs(representation_similarity(one, other)).max() < 0.2


def test_depths_are_the_nearest_sublayers() -> None:
    rng = np.random.default_rng(3)
    one, other = states_of(rng.standard_normal((6, 21, 3))), states_of(rng.standard_normal((6, 3, 5)))
    found = representation_similarity(one, other)
    assert found.shape == (DEPTHS, DEPTHS)
    np.testing.assert_allclose(found["depth"], np.linspace(0, 1, 11))
    assert list(found["sublayer"].values) == [f"{i}.block" for i in range(0, 21, 2)]
    assert [name[0] for name in found["other_sublayer"].values] == list("00011111222")


def test_samples_are_paired_by_label() -> None:
    rng = np.random.default_rng(4)
    values = rng.standard_normal((9, 3, 4))
    one = states_of(values, [10, 11, 12, 13, 14, 15, 16, 17, 18])
    other = states_of(values[::-1][:7], [18, 17, 16, 15, 14, 13, 12])
    found = representation_similarity(one, other)
    np.testing.assert_allclose(np.diag(found), 1, atol=1e-12)
    assert found.attrs["n_samples"] == 7
    with pytest.raises(DataError, match="3 labels along 'sample' are shared"):
        representation_similarity(one.isel(sample=slice(3)), other.assign_coords(sample=range(10, 17)))


def test_large_runs_are_compared_on_a_seeded_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("residyn.comparison.similarity.MOST_SAMPLES", 12)
    rng = np.random.default_rng(5)
    one, other = (states_of(rng.standard_normal((30, 2, 4))) for _ in range(2))
    found, same, third = (representation_similarity(one, other, seed=seed) for seed in (1, 1, 2))
    assert found.attrs["n_samples"] == 12
    xr.testing.assert_identical(found, same)
    assert (found.values != third.values).any()


def test_states_that_do_not_differ_are_undefined() -> None:
    rng = np.random.default_rng(6)
    values = rng.standard_normal((8, 2, 4))
    values[:, 0] = 1 / 3
    found = representation_similarity(states_of(values), states_of(rng.standard_normal((8, 2, 4))))
    undefined = found["sublayer"].values == "0.block"
    assert np.isnan(found.values[undefined]).all()
    assert np.isfinite(found.values[~undefined]).all()
    assert found.attrs["n_undefined"] == undefined.sum() * DEPTHS > 0


def test_runs_are_paired_by_text_and_not_by_their_own_numbers() -> None:
    rng = np.random.default_rng(7)
    values = rng.standard_normal((6, 2, 4)).astype(np.float32)
    one = states_of(values, [3, 0, 1, 2, 4, 5])
    other = states_of(values[[5, 4, 3, 2, 0]], [0, 1, 2, 3, 4])
    texts = {3: "a", 0: "b", 1: "c", 2: "d", 4: "e", 5: "f"}
    other_texts = {0: "f", 1: "e", 2: "d", 3: "c", 4: "a"}
    mine, theirs = paired(one, texts, other, other_texts)
    np.testing.assert_array_equal(mine.values, theirs.values)
    np.testing.assert_array_equal(mine.values, values[[0, 2, 3, 4, 5]])
    assert list(mine["sample"].values) == list(theirs["sample"].values) == [0, 1, 2, 3, 4]
    # A text met twice counts once: its first label.
    again, _ = paired(one, {**texts, 0: "a"}, other, {0: "a"})
    np.testing.assert_array_equal(again.values, values[[1]])


def test_the_table_is_of_the_first_run_with_each_other() -> None:
    rng = np.random.default_rng(8)
    runs = {
        name: (states_of(rng.standard_normal((n, 2, 3))), {i: f"text {i}" for i in range(n)})
        for name, n in (("a", 8), ("b", 6), ("few", 3), ("c", 9))
    }
    table = similarity_table(runs)
    assert table is not None
    assert list(table["other"].unique()) == ["b", "c"]
    assert set(table["run"]) == {"a"}
    found = representation_similarity(*paired(*runs["a"], *runs["c"]))
    rows = table[table["other"] == "c"]
    np.testing.assert_array_equal(rows["value"], found.values.ravel())
    np.testing.assert_allclose(rows["depth"][:12], [0.0] * 11 + [0.1])
    np.testing.assert_allclose(rows["other_depth"][:12], [*np.linspace(0, 1, 11), 0])
    assert set(rows["n_samples"]) == {8}
    assert similarity_table({"a": runs["a"], "few": runs["few"]}) is None
    assert similarity_table({"a": runs["a"]}) is None
