"""Teleports of every family against whole passes with plain hooks, one row at a time."""

from __future__ import annotations

import json

import numpy as np
import pytest

import residyn as rd
from families import HYBRIDS, UNITS
from naive import relative_error
from naive_teleport import TEXT, assert_like_naive, hook_count, in_full, loaded, places, quietly, vectors

# GPT-Neo's blocks mask by the number of a key, so beyond its window no prefix can be shared.
UNSUITED = {"gpt-neo"}


def test_teleports_of_every_family_are_those_of_whole_passes(family):
    model, to = loaded(family), vectors(2)
    before = hook_count(model)
    jumps = quietly(model, TEXT, to, places(family), steps=3)
    assert jumps.attrs["path"] == ("full pass" if family in UNSUITED else "shared prefix")
    assert_like_naive(jumps, model, TEXT, to)
    errors = json.loads(jumps.attrs["checks"])
    assert errors["landing"] == 0.0
    assert errors["upstream"] <= 1e-6
    assert errors["sum"] <= 5e-7
    assert hook_count(model) == before


@pytest.mark.slow
@pytest.mark.parametrize("hybrid", sorted(HYBRIDS))
def test_teleports_of_every_hybrid_are_those_of_whole_passes(hybrid):
    """Mixers that keep a state of their own share no prefix; what is taken instead is right, and is said."""
    model, to = loaded(hybrid), vectors(2)
    jumps = quietly(model, TEXT, to, places(hybrid), steps=3)
    only_attention = {site for _, site in HYBRIDS[hybrid].labels} <= {"attn", "mlp"}
    assert jumps.attrs["path"] == ("shared prefix" if only_attention else "full pass")
    assert_like_naive(jumps, model, TEXT, to)
    errors = json.loads(jumps.attrs["checks"])
    assert errors["landing"] == 0.0
    assert errors["sum"] <= 5e-7


def test_full_passes_give_the_same(family):
    model, to = loaded(family), vectors(2)
    fast, slow = (quietly(one, TEXT, to, places(family)) for one in (model, in_full(model)))
    assert slow.attrs["path"] == "full pass"
    for name in ("states", "control"):
        reached = np.isfinite(slow[name].values).all(axis=-1)
        assert np.array_equal(reached, np.isfinite(fast[name].values).all(axis=-1))
        assert relative_error(fast[name].values[reached], slow[name].values[reached]) <= 1e-5
    np.testing.assert_allclose(fast.kl, slow.kl, rtol=1e-5, atol=1e-9)
    assert np.array_equal(fast.top1_changed, slow.top1_changed)


def test_a_host_of_one_token_has_no_prefix(family):
    model, to = loaded(family), vectors(2)
    jumps = quietly(model, "a", to, places(family))
    assert jumps.attrs["path"] == "shared prefix"
    assert int(jumps.n_tokens[0]) == 1
    assert_like_naive(jumps, model, "a", to)


def test_nothing_changed_is_the_control(family):
    model = loaded(family)
    still = quietly(model, TEXT, np.zeros((2, UNITS)), places(family), residual="keep")
    captured = rd.capture(model, [TEXT]).sel(sublayer=still.injected.values)[0]
    put_back = quietly(model, TEXT, captured.values[:, None], places(family))
    for jumps, size in ((still, 2), (put_back, 1)):
        assert jumps.sizes["target"] == size
        for place, start in enumerate(jumps.indexes["sublayer"].get_indexer(jumps.injected.values)):
            wanted = jumps.control[0, start:].values
            for target in range(size):
                assert relative_error(jumps.states[0, place, target, : len(wanted)].values, wanted) <= 1e-6
        assert float(abs(jumps.kl).max()) <= 1e-9
        assert not jumps.top1_changed.any()
