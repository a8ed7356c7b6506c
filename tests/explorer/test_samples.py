"""Which samples are shown, what their last tokens are called, and which paths are odd."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.explorer.samples import MOST, _common_beginning, _token_names, chosen_rows, oddness, samples


def test_all_samples_are_shown_up_to_a_number_and_a_seeded_draw_of_more():
    assert chosen_rows(MOST).tolist() == list(range(MOST))
    rows = chosen_rows(MOST + 1000)
    assert len(rows) == MOST == len(set(rows.tolist()))
    assert (np.diff(rows) > 0).all()
    assert (chosen_rows(MOST + 1000) == rows).all()
    assert 0.45 < (rows < (MOST + 1000) / 2).mean() < 0.55


def test_of_a_draw_the_page_says_so(tmp_path):
    n = MOST + 10
    results = xr.Dataset(coords={"sample": np.arange(n), "n_tokens": ("sample", np.full(n, 3))})
    rows = chosen_rows(n)
    shown = samples(tmp_path, results, rows, np.ones(len(rows)))
    assert shown.note.startswith(f"5,000 of {n:,} samples, drawn at random (seed 0)")
    assert shown.label == tuple(rows.tolist())
    assert shown.n_all == n


def test_a_planted_path_is_the_oddest_and_typical_ones_are_near_1():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(16, 10, 200)) * np.arange(1, 11)[None, :, None]
    scores[:, :, 17] *= 3
    found = oddness(scores)
    assert found.argmax() == 17
    assert 2 < found[17] < 3.5
    assert abs(np.median(found) - 1) < 0.1


def test_oddness_weighs_every_sublayer_alike():
    scores = np.random.default_rng(1).normal(size=(3, 6, 50))
    scaled = scores * np.array([1, 10, 100, 1000, 1e4, 1e5])[None, :, None]
    np.testing.assert_allclose(oddness(scores), oddness(scaled))


def test_paths_without_numbers_have_no_oddness():
    scores = np.random.default_rng(1).normal(size=(3, 6, 5))
    scores[:, :, 2] = np.nan
    found = oddness(scores)
    assert np.isnan(found[2])
    assert np.isfinite(np.delete(found, 2)).all()
    assert np.isnan(oddness(np.ones((2, 3, 4)))).all()


def test_last_tokens_are_called_what_their_texts_end_in():
    names = _token_names([1, 1, 2, 3, 3, 4, 4], ["it ends .", "so it ends .", "alone", "x", "y", "", ""])
    assert names == {1: "“it ends .”", 2: "token 2", 3: "token 3", 4: "token 4"}


def test_common_beginning():
    assert _common_beginning(["abc", "abd", "ab"]) == "ab"
    assert _common_beginning(["", "a"]) == ""
    assert _common_beginning(["same", "same"]) == "same"
