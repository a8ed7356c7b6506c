"""Products added in place are numpy's, and foreign memory is never written."""

from __future__ import annotations

import numpy as np
import pytest

from residyn.numerics.products import add_products, mirrored


@pytest.mark.parametrize(("n", "units"), [(1, 1), (7, 3), (40, 300), (5, 513)])
def test_products_are_numpys(n: int, units: int) -> None:
    first, second = np.random.default_rng(units).standard_normal((2, n, units))
    total = np.zeros((units, units))
    add_products(total, first)
    add_products(total, second)
    add_products(total, np.empty((0, units)))
    np.testing.assert_array_equal(np.tril(total, -1), 0)
    expected = first.T @ first + second.T @ second
    np.testing.assert_allclose(np.triu(total), np.triu(expected), rtol=1e-12, atol=1e-12)
    whole = mirrored(total)
    np.testing.assert_array_equal(whole, whole.T)
    np.testing.assert_allclose(whole, expected, rtol=1e-12, atol=1e-12)


def test_a_constant_column_leaves_exact_zeros() -> None:
    rows = np.random.default_rng(0).standard_normal((20, 6))
    rows[:, 2] = 0
    total = np.zeros((6, 6))
    add_products(total, rows)
    assert not mirrored(total)[2].any()


def test_other_arrays_are_refused() -> None:
    rows, total = np.ones((4, 3)), np.zeros((3, 3))
    fixed = np.zeros((3, 3))
    fixed.flags.writeable = False
    for given, onto in (
        (rows.astype(np.float32), total),
        (rows[:, ::-1], total),
        (rows, total.T[:2].T),
        (rows, np.zeros((4, 4))),
        (rows, fixed),
        (rows, total.astype(np.float32)),
    ):
        with pytest.raises(ValueError, match="Products"):
            add_products(onto, given)
    assert not total.any()
