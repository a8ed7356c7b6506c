"""Tail indices: Hill's estimator by its definition, of laws whose index is known, and of what has none."""

from __future__ import annotations

import numpy as np
import pytest

from residyn.numerics.tails import LEAST, tail_index


def test_it_is_hills_estimator_of_the_largest():
    values = np.random.default_rng(0).permutation(np.exp(np.arange(100.0)))
    # The ten largest are e, e², … e¹⁰ times the next: their mean log distance is 5.5.
    assert tail_index(values) == pytest.approx(1 / 5.5, rel=1e-12)


@pytest.mark.parametrize("index", [1.0, 2.5, 6.0])
def test_of_a_power_law_it_is_the_power(index):
    rng = np.random.default_rng(1)
    found = [tail_index(3 * rng.random(1000) ** (-1 / index)) for _ in range(200)]
    assert np.mean(found) == pytest.approx(index, rel=0.06)


def test_it_knows_no_unit_and_no_order():
    values = np.random.default_rng(2).exponential(size=300)
    assert tail_index(7 * values[::-1]) == pytest.approx(tail_index(values), rel=1e-9)


def test_what_has_no_tail():
    assert np.isnan(tail_index(np.arange(1.0, LEAST)))
    assert tail_index(np.full(50, 2.0)) == np.inf
    # Most are 0: nothing is as far out as many times another.
    assert np.isnan(tail_index(np.r_[np.zeros(96), 1.0, 2, 3, 4]))
