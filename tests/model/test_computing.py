"""Batches that fill several shards, padding that moves nothing, and states that are fetched while passes go on."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import get_ident

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel

from families import FAMILIES, VOCABULARY, build, spelling_tokenizer
from naive import relative_error
from residyn.model import computing
from residyn.model.batches import BatchRules, plan_batches
from residyn.model.capture import capture_in_memory, capture_to
from residyn.model.capture_plan import plan_of, prepare
from residyn.model.check import find_sites, may_pad
from residyn.model.computing import computed
from residyn.model.forward import Reader
from residyn.model.loading import load_model
from residyn.store import open_states, read_manifest

LENGTHS = [5, 40, 38, 31, 12, 11, 11, 30, 7, 25, 24, 23, 3]
IDS = [np.random.default_rng(i).integers(4, VOCABULARY, n).tolist() for i, n in enumerate(LENGTHS)]


def planned(model, rules, ids=None):
    plan, samples = prepare(model, IDS if ids is None else ids)
    batches = plan_batches(samples.table.n_tokens, rules)
    return replace(plan, batches=batches, records=samples.table.take(batches.order))


@pytest.fixture(scope="module")
def model():
    return load_model(build("llama"), spelling_tokenizer())


PADDED = BatchRules(batch_tokens=160, rows_per_shard=4, padding=0.5, batch_rows=100)
SMALL = BatchRules(batch_tokens=60, rows_per_shard=4, padding=0.3, batch_rows=100)


@pytest.mark.parametrize("family", FAMILIES)
def test_padded_states_are_those_of_texts_alone_in_every_family(family):
    model = load_model(build(family), spelling_tokenizer())
    assert may_pad(model, find_sites(model))
    padded = planned(model, PADDED)
    assert len(padded.batches.batches) < 6
    alone = planned(model, replace(PADDED, batch_tokens=1))
    assert len(alone.batches.batches) == len(IDS)
    assert relative_error(capture_in_memory(padded).values, capture_in_memory(alone).values) <= 1e-6


def test_where_rotations_depend_on_the_length_nothing_is_padded():
    config = AutoConfig.for_model("phi3", **{**FAMILIES["phi3"].options, "original_max_position_embeddings": 16})
    factors = {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4}
    config.rope_parameters = {
        "rope_type": "longrope", "rope_theta": 1e4, **factors, "original_max_position_embeddings": 16
    }  # fmt: skip
    torch.manual_seed(0)
    model = load_model(AutoModel.from_config(config).eval(), spelling_tokenizer())
    plan, _ = prepare(model, IDS)
    assert plan.batches.rules.padding == 0.0
    alone = planned(model, replace(plan.batches.rules, batch_tokens=1))
    assert relative_error(capture_in_memory(plan).values, capture_in_memory(alone).values) <= 1e-6
    # And padding would have been wrong: short texts would be rotated as long ones are.
    wrong = capture_in_memory(planned(model, PADDED))
    assert relative_error(wrong.values, capture_in_memory(alone).values) > 1e-3


def test_a_model_that_mixes_over_the_batch_is_not_padded():
    module = build("llama")
    module.layers[1].register_forward_hook(lambda _m, _a, out: out + 0.1 * out.mean(dim=0, keepdim=True))
    model = load_model(module, spelling_tokenizer())
    assert not may_pad(model, find_sites(model))
    assert prepare(model, IDS)[0].batches.rules.padding == 0.0


def test_a_shards_bits_do_not_depend_on_what_is_asked_for_with_it(model):
    plan = planned(model, PADDED)
    assert any(set(plan.batches.covering(i)) & set(plan.batches.covering(i + 1)) for i in range(3))
    whole = {made.shard: made.block for made in computed(plan, range(plan.batches.n_shards))}
    assert list(whole) == [0, 1, 2, 3]
    for asked in ([2], [3, 0], [1, 2], [2, 1, 0], [0, 2, 1]):
        found = list(computed(plan, asked))
        assert [made.shard for made in found] == asked
        assert all(np.array_equal(made.block, whole[made.shard]) for made in found)


def test_a_batch_is_computed_once_for_shards_that_follow_one_another(model, monkeypatch):
    plan, passes, real = planned(model, PADDED), [], Reader.states
    monkeypatch.setattr(Reader, "states", lambda self, texts: passes.append(len(texts)) or real(self, texts))
    seen = []
    list(computed(plan, range(plan.batches.n_shards), lambda done, total: seen.append((done, total))))
    assert passes == [batch.stop - batch.start for batch in plan.batches.batches]
    tokens = np.cumsum([batch.tokens for batch in plan.batches.batches])
    assert seen == [(done, sum(LENGTHS)) for done in tokens]


def test_hooks_stay_for_the_whole_work_and_are_gone_after_it(model):
    counts = []
    hooked = model.module.layers[0]._forward_pre_hooks
    for _ in computed(planned(model, SMALL), range(4), lambda *_: counts.append(tuple(hooked))):
        pass
    assert len(counts) > 4
    assert len(set(counts)) == 1
    assert len(counts[0]) == 1
    assert not hooked


def test_passes_that_others_make_meanwhile_are_whole(model):
    ids = torch.tensor([IDS[0]])
    with torch.no_grad():
        before = model.module(input_ids=ids).last_hidden_state
    plan = planned(model, SMALL)
    alone = [made.block for made in computed(plan, range(plan.batches.n_shards))]
    for made, block in zip(computed(plan, range(plan.batches.n_shards)), alone, strict=True):
        with torch.no_grad():
            assert torch.equal(model.module(input_ids=ids).last_hidden_state, before)
        np.testing.assert_array_equal(made.block, block)


def test_states_are_fetched_while_the_next_batches_are_computed_and_none_is_overwritten(model, monkeypatch):
    plan = planned(model, SMALL)
    direct = [made.block for made in computed(plan, range(4))]
    placed, launched, real, place = [], [], Reader.states, computing._place

    def slow(there, batch, targets):
        time.sleep(0.02)
        placed.append(get_ident())
        place(there, batch, targets)

    def states(self, texts):
        launched.append(len(placed))
        assert len(launched) - len(placed) <= computing.IN_FLIGHT
        return real(self, texts)

    monkeypatch.setattr(computing, "_computes_here", lambda _: False)
    monkeypatch.setattr(computing, "_place", slow)
    monkeypatch.setattr(Reader, "states", states)
    for made, expected in zip(computed(plan, range(4)), direct, strict=True):
        np.testing.assert_array_equal(made.block, expected)
        needed = plan.batches.covering(made.shard).stop
        # The batch after those of the shard is under way before the shard is handed over.
        assert len(launched) == min(needed + 1, len(plan.batches.batches))
    assert set(placed) != {get_ident()}
    assert max(place - done for place, done in enumerate(launched)) == 1


def test_sixteen_bit_states_are_widened_without_a_change():
    model = load_model(build("llama").to(torch.bfloat16), spelling_tokenizer())
    states = capture_in_memory(planned(model, SMALL)).values
    assert states.dtype == np.float32
    assert not (states.view(np.uint32) & 0xFFFF).any()


def test_a_run_of_an_earlier_version_goes_on_with_its_own_batches(model, tmp_path):
    earlier = planned(model, BatchRules(batch_tokens=2048, rows_per_shard=16))
    assert earlier.describe()["plan"] == {"batch_tokens": 2048, "rows_per_shard": 16}
    earlier.create(tmp_path / "run")
    assert plan_of(tmp_path / "run", model).batches.batches == earlier.batches.batches
    now, _ = prepare(model, IDS, run=tmp_path / "run")
    assert now.batches == earlier.batches
    now.create(tmp_path / "run")
    capture_to(now, tmp_path / "run")
    np.testing.assert_array_equal(open_states(tmp_path / "run").values, capture_in_memory(earlier).values)
    new, _ = prepare(model, IDS, run=tmp_path / "new")
    new.create(tmp_path / "new")
    assert read_manifest(tmp_path / "new").description["plan"]["padding"] > 0
    assert len(new.batches.batches) < len(earlier.batches.batches)
