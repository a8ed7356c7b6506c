"""Which rows go together, and what a teleport does to a next-token distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax

from residyn.model.teleport.prediction import change
from residyn.model.teleport.rows import PlaceTargets, plan_rows, rows_within


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True), st.integers(1, 30), st.integers(1, 50))
def test_every_target_of_every_place_goes_once_and_no_pass_is_too_large(places, n_targets, most):
    passes = plan_rows(places, n_targets, most)
    seen = [
        (group.place, target) for groups in passes for group in groups for target in range(group.first, group.stop)
    ]
    assert sorted(seen) == [(place, target) for place in range(len(places)) for target in range(n_targets)]
    assert all(0 < sum(group.n for group in groups) <= most for groups in passes)
    assert len(passes) == math.ceil(len(places) * n_targets / most)
    sites = [group.site for groups in passes for group in groups]
    assert sites == sorted(sites)
    assert all(group.site == places[group.place] for groups in passes for group in groups)


def test_passes_are_cut_where_they_are_full():
    assert plan_rows([4, 1], 3, 4) == (
        (PlaceTargets(1, 1, 0, 3), PlaceTargets(0, 4, 0, 1)),
        (PlaceTargets(0, 4, 1, 3),),
    )


def test_more_memory_takes_more_rows_and_one_row_always_goes():
    shape = {"n_units": 576, "n_words": 49152, "n_heads": 9, "n_tokens": 200}
    shared = [rows_within(memory, **shape, full=False) for memory in (1, 2**26, 2**27, 2**40)]
    full = [rows_within(memory, **shape, full=True) for memory in (1, 2**26, 2**27)]
    assert shared[0] == full[0] == 1
    assert shared == sorted(set(shared))
    assert shared[-1] == 512
    assert 1 < full[1] < full[2] < shared[1]


def logits(seed: int, rows: int = 5, words: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=3.0, size=(rows, words))


def test_the_divergence_of_two_coins():
    p, q = 0.75, 0.5
    control, moved = (torch.tensor([math.log(x), math.log(1 - x)]) for x in (p, q))
    kl, changed = change(control, torch.stack([moved, control]))
    assert float(kl[0]) == pytest.approx(p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q)), rel=1e-6)
    assert float(kl[1]) == 0.0
    assert not changed[1]


@given(st.integers(0, 1000))
def test_the_divergence_is_that_of_scipy_and_no_constant_matters(seed):
    rows = logits(seed, rows=20)
    control, moved = torch.from_numpy(rows[0]), torch.from_numpy(rows[1:])
    kl, changed = change(control, moved)
    wanted = rel_entr(softmax(rows[0]), softmax(rows[1:], axis=1)).sum(axis=1)
    np.testing.assert_allclose(kl, wanted, rtol=1e-12)
    assert (kl > 0).all()
    np.testing.assert_allclose(change(control + 7.0, moved - 3.0)[0], wanted, rtol=1e-9)
    assert changed.tolist() == (rows[1:].argmax(axis=1) != rows[0].argmax()).tolist()


def test_words_that_are_ruled_out():
    ruled_out = torch.tensor([0.0, -math.inf, 0.0])
    allowed = torch.tensor([0.0, 0.0, 0.0])
    assert float(change(ruled_out, allowed[None])[0]) == pytest.approx(math.log(1.5))
    assert float(change(ruled_out, ruled_out[None])[0]) == 0.0
    assert float(change(allowed, ruled_out[None])[0]) == math.inf
