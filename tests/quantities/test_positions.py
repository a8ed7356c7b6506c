"""Means by the token's place in its text: a closed form, and what is no such result."""

from __future__ import annotations

import numpy as np
import pytest

from residyn import velocity
from residyn.errors import DataError
from residyn.quantities.positions import by_place, has_several_places

LENGTHS = (9, 3, 6)
"""Tokens of three texts, of each of which every token is a sample."""


@pytest.fixture
def result(make_states):
    """Velocities whose value at a token with n before it is 10 n + the number of the transition."""
    before = np.concatenate([np.arange(n) for n in LENGTHS])
    states = make_states(len(before)).assign_coords(
        text_id=("sample", np.repeat(["a", "b", "c"], LENGTHS)), n_tokens=("sample", before + 1)
    )
    found = velocity(states)
    return found.copy(data=10.0 * before[:, None] + np.arange(found.sizes["transition"]))


def test_places_are_put_together_in_ranges_that_double(result):
    means = by_place(result.isel(sample=np.random.default_rng(0).permutation(sum(LENGTHS))))
    assert means["first"].values.tolist() == [0, 1, 2, 4, 8]
    assert means["last"].values.tolist() == [0, 1, 3, 7, 8]
    assert means["n_samples"].values.tolist() == [3, 3, 5, 6, 1]
    # Of 2–3: 2 three times and 3 twice; of 4–7: 4 and 5 twice, 6 and 7 once.
    expected = 10 * np.array([0, 1, 12 / 5, 31 / 6, 8])[:, None] + np.arange(means.sizes["transition"])
    np.testing.assert_allclose(means.transpose("places", "transition"), expected, rtol=1e-12)
    assert means.attrs == result.attrs


def test_what_is_not_defined_is_left_out_and_alone_it_stays_undefined(result):
    values = result.values.copy()
    values[0, 0], values[8, 1] = np.nan, np.inf  # of three samples at place 0, and of the only one at place 8
    means = by_place(result.copy(data=values))
    assert means.values[0, 0] == 0.0
    assert np.isnan(means.values[-1, 1])
    assert np.isfinite(means.values[:, 2:]).all()


def test_a_position_that_is_said_goes_before_the_number_of_tokens(result):
    said = result.assign_coords(position=("sample", result["n_tokens"].values + 3))
    assert by_place(said)["first"].values.tolist() == [4, 8]


def test_only_where_texts_have_several_places_is_there_something_to_see(result, make_states):
    assert has_several_places(result)
    assert not has_several_places(velocity(make_states(20)))
    assert not has_several_places(result.drop_vars("n_tokens"))
    assert not has_several_places(result.assign_coords(n_tokens=("sample", np.full(sum(LENGTHS), 4))))
    with pytest.raises(DataError, match="position or n_tokens"):
        by_place(result.drop_vars("n_tokens"))
    with pytest.raises(DataError, match=r"over \(sample, transition\)"):
        by_place(result.isel(sample=0))
