"""What a run is compared with: which samples, which tokens, which model, which batches."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

import residyn as rd
from families import build, spelling_tokenizer
from naive import relative_error
from residyn.errors import StoreError, UsageError
from residyn.model import controls
from residyn.model.capture import capture_in_memory, capture_to
from residyn.model.capture_plan import prepare
from residyn.model.loading import load_model, permuted, untrained
from residyn.model.texts import Sample, Samples
from residyn.quantities.noise import noise_floor
from residyn.store import SampleTable

TEXTS = [f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(60)]
BEFORE = 1


@pytest.fixture(scope="module")
def model():
    return load_model(build("llama"), spelling_tokenizer())


@pytest.fixture(scope="module")
def plan(model):
    return prepare(model, TEXTS, bos="always")[0]


@pytest.fixture(scope="module")
def states(plan):
    return capture_in_memory(plan)


def ids_of(plan):
    return {record["sample"]: list(record["input_ids"]) for record in plan.records}


def test_a_share_of_the_samples_is_seeded_and_at_least_fifty(plan):
    def labels(share, seed):
        return [record["sample"] for record in controls.chosen_records(plan.records, share, seed)]

    assert len(labels(0.2, 0)) == controls.LEAST_SAMPLES == 50
    assert len(labels(0.9, 0)) == 54
    assert len(set(labels(0.9, 0))) == 54
    assert labels(0.2, 0) == labels(0.2, 0)
    assert set(labels(0.2, 0)) != set(labels(0.2, 1))
    every = [record["sample"] for record in plan.records]
    assert labels(1, 0) == every
    # The run's own order: longest first.
    assert [sample for sample in every if sample in set(labels(0.2, 3))] == labels(0.2, 3)


def test_texts_of_one_length_are_drawn_together_and_each_is_as_likely_as_any():
    # Lengths as in a corpus: many of the middle ones, few of the long and the short, longest first.
    lengths = np.repeat(np.arange(120, 20, -1), [1 + 14 * (30 < i < 70) for i in range(100)])
    samples = [Sample(tuple(range(n)), i, "") for i, n in enumerate(map(int, lengths))]
    records = Samples(samples, {}, {}, ()).table
    n_batches, often = [], np.zeros(len(records))
    for seed in range(400):
        drawn = controls.chosen_records(records, 0.2, seed)
        assert len(drawn) == math.ceil(0.2 * len(records))
        often[[record["sample"] for record in drawn]] += 1
        n_batches.append(len({record["n_tokens"] for record in drawn}))
    # Drawn one by one, some 50 of the 99 lengths would be met.
    assert np.mean(n_batches) < 35
    share = 0.2
    np.testing.assert_allclose(often / 400, share, atol=5 * np.sqrt(share * (1 - share) / 400))


def test_a_run_of_few_texts_is_taken_whole(model):
    few, _ = prepare(model, TEXTS[:7])
    assert len(controls.chosen_records(few.records, 0.2, 0)) == 7


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan")])
def test_a_share_is_above_nothing_and_at_most_all(plan, share):
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        controls.chosen_records(plan.records, share, 0)


def test_shuffled_tokens_are_the_texts_own_behind_the_same_front(plan):
    shuffled = controls.plan_for(plan, controls.shuffled_tokens(plan.records, BEFORE, 0))
    before, after = ids_of(plan), ids_of(shuffled)
    assert before.keys() == after.keys()
    assert all(Counter(after[sample]) == Counter(ids) for sample, ids in before.items())
    assert {tuple(ids[:BEFORE]) for ids in after.values()} == {(1,)}
    assert sum(after[sample] != ids for sample, ids in before.items()) == len(before)
    for record in shuffled.records:
        assert record["last_token"] == record["input_ids"][-1]
        assert record["n_tokens"] == len(record["input_ids"])
    moved = sum(after[sample][-1] != ids[-1] for sample, ids in before.items())
    assert moved > len(before) / 2


def test_a_shuffle_depends_on_the_seed_and_the_text_alone(plan):
    whole = ids_of(controls.plan_for(plan, controls.shuffled_tokens(plan.records, BEFORE, 0)))
    some = ids_of(controls.plan_for(plan, controls.shuffled_tokens(plan.records[::-1][::3], BEFORE, 0)))
    assert some == {sample: whole[sample] for sample in some}
    other = ids_of(controls.plan_for(plan, controls.shuffled_tokens(plan.records, BEFORE, 1)))
    assert sum(other[sample] != ids for sample, ids in whole.items()) == len(whole)


def test_every_token_is_as_likely_to_come_last():
    """Among 600 texts of ten distinct tokens each place is drawn 60 times, give or take 4 sd."""
    model = load_model(build("llama"), spelling_tokenizer())
    texts = [f"abcdefg{i:03d}" for i in range(600)]
    plan, _ = prepare(model, texts)
    shuffled = ids_of(controls.plan_for(plan, controls.shuffled_tokens(plan.records, 0, 5)))
    letters = ids_of(plan)[0][:7]
    ends = Counter(ids[-1] for ids in shuffled.values())
    sd = np.sqrt(600 * 0.1 * 0.9)
    assert all(abs(ends[letter] - 60) < 4 * sd for letter in letters), ends


def test_a_text_of_one_token_stays(model):
    plan, _ = prepare(model, ["a", "bcd"], bos="always")
    shuffled = ids_of(controls.plan_for(plan, controls.shuffled_tokens(plan.records, BEFORE, 0)))
    cut = ids_of(controls.plan_for(plan, controls.random_positions(plan.records, BEFORE, 0)))
    assert shuffled[0] == cut[0] == ids_of(plan)[0]


def test_random_positions_are_those_of_a_run_of_random_positions(model, plan):
    cut = controls.plan_for(plan, controls.random_positions(plan.records, BEFORE, 7))
    asked, _ = prepare(model, TEXTS, bos="always", position="random", seed=7)
    assert ids_of(cut) == ids_of(asked)
    assert cut.labels["position"] == "random"
    assert plan.labels["position"] == "end"


def test_a_twin_is_the_untrained_model_on_the_same_tokens(model, plan, states):
    records = controls.chosen_records(plan.records, 0.2, 0)
    control = capture_in_memory(controls.untrained_plan(plan, records, model, 3, None))
    twin = untrained(model, 3)
    whole = capture_in_memory(prepare(twin, TEXTS, bos="always")[0])
    assert control.attrs["model"] == twin.name
    chosen = control["sample"].values
    np.testing.assert_allclose(control.values, whole.sel(sample=chosen).values, rtol=1e-5, atol=1e-6)
    for name in ("text_id", "n_tokens", "last_token"):
        np.testing.assert_array_equal(control[name], states.sel(sample=chosen)[name])
    assert relative_error(control.values, states.sel(sample=chosen).values) > 0.1


def test_a_twin_on_every_sample_has_the_bits_of_a_capture_of_its_own(model, plan):
    control = capture_in_memory(controls.untrained_plan(plan, plan.records, model, 0, None))
    own = capture_in_memory(prepare(untrained(model, 0), TEXTS, bos="always")[0])
    assert np.array_equal(control.values.view(np.uint32), own.values.view(np.uint32))
    xr.testing.assert_identical(control.drop_attrs(), own.drop_attrs())


def test_permuted_weights_are_the_models_own_on_the_same_tokens_at_the_same_sites(model, plan, states):
    records = controls.chosen_records(plan.records, 0.2, 0)
    told = replace(plan, on_nonfinite="drop")
    control = controls.permuted_plan(told, records, model, 3)
    assert control.sites is plan.sites
    assert control.on_nonfinite == "refuse"
    found = capture_in_memory(control)
    whole = capture_in_memory(prepare(permuted(model, 3), TEXTS, bos="always")[0])
    assert found.attrs["model"] == permuted(model, 3).name
    assert "(weights permuted, seed 3)" in found.attrs["texts"]
    chosen = found["sample"].values
    np.testing.assert_allclose(found.values, whole.sel(sample=chosen).values, rtol=1e-5, atol=1e-5)
    for name in ("text_id", "n_tokens", "last_token"):
        np.testing.assert_array_equal(found[name], states.sel(sample=chosen)[name])
    assert relative_error(found.values, states.sel(sample=chosen).values) > 0.1


def test_shuffled_states_are_those_of_the_shuffled_tokens(model, plan):
    control = controls.plan_for(plan, controls.shuffled_tokens(plan.records[:5], BEFORE, 0))
    found = capture_in_memory(control)
    for record in control.records:
        with torch.no_grad():
            ids = torch.tensor([record["input_ids"]])
            hidden = model.module(input_ids=ids, output_hidden_states=True).hidden_states
        entering = found.sel(sample=record["sample"]).isel(sublayer=found.site.values == "attn")
        expected = np.stack([state[0, -1].numpy() for state in hidden[: entering.sizes["sublayer"]]])
        assert relative_error(entering.values, expected) <= 1e-5


def test_other_batches_hold_one_text_each_and_change_the_rounding_alone(plan, states):
    control = controls.plan_for(plan, controls.other_batches(plan.records))
    assert len(control.records) == controls.NOISE_SAMPLES == 16
    assert all(batch.stop - batch.start == 1 for batch in control.batches.batches)
    assert any(batch.stop - batch.start > 1 for batch in plan.batches.batches)
    lengths = [record["n_tokens"] for record in control.records]
    every = [record["n_tokens"] for record in plan.records]
    assert (lengths[0], lengths[-1]) == (every[0], every[-1])
    again = capture_in_memory(control)
    assert relative_error(again.values, states.sel(sample=again["sample"].values).values) <= 1e-6


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 1e-6), (torch.bfloat16, 0.05)])
def test_the_noise_of_other_batches_is_that_of_the_number_format(dtype, bound):
    """Texts of one and two tokens: many rows and single ones are multiplied by different kernels."""
    coarse = load_model(build("llama").to(dtype), spelling_tokenizer())
    plan, _ = prepare(
        coarse, [letter * (1 + place % 2) for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")]
    )
    again = capture_in_memory(controls.plan_for(plan, controls.other_batches(plan.records)))
    floor = noise_floor(capture_in_memory(plan), again)
    assert float(floor["state_noise"].max()) <= bound
    assert floor["state_noise"].attrs["capture_dtype"] == str(dtype).removeprefix("torch.")


def test_controls_keep_the_documents_of_their_samples(model, plan):
    told = replace(plan, records=SampleTable.of({**r, "document": r["sample"] // 5} for r in plan.records))
    for made in (
        controls.plan_for(told, controls.shuffled_tokens(told.records, BEFORE, 0)),
        controls.plan_for(told, controls.random_positions(told.records, BEFORE, 0)),
        controls.plan_for(told, controls.other_batches(told.records)),
        controls.untrained_plan(told, told.records[:9], model, 0, None),
        controls.permuted_plan(told, told.records[:9], model, 0),
    ):
        assert all(record["document"] == record["sample"] // 5 for record in made.records)
        assert (
            made.records[0]["sha256"]
            == {r["sample"]: r["sha256"] for r in plan.records}[made.records[0]["sample"]]
        )


def test_every_control_is_a_run_of_its_own(model, plan, tmp_path):
    made = [
        controls.plan_for(plan, controls.shuffled_tokens(plan.records, BEFORE, 0)),
        controls.plan_for(plan, controls.shuffled_tokens(plan.records, BEFORE, 1)),
        controls.plan_for(plan, controls.other_batches(plan.records)),
        controls.untrained_plan(plan, plan.records, model, 0, None),
        controls.untrained_plan(plan, plan.records, model, 1, None),
        controls.permuted_plan(plan, plan.records, model, 0),
        controls.permuted_plan(plan, plan.records, model, 1),
    ]
    for place, one in enumerate(made):
        one.create(tmp_path / "run" / str(place))
        for other in made[place + 1 :]:
            with pytest.raises(StoreError, match="other settings"):
                other.create(tmp_path / "run" / str(place))


def test_a_control_that_lost_a_shard_goes_on_and_ends_the_same(model, plan, tmp_path):
    control = controls.plan_for(plan, controls.shuffled_tokens(plan.records, BEFORE, 0))
    for place in ("whole", "cut"):
        control.create(tmp_path / place)
        capture_to(control, tmp_path / place)
    marker = tmp_path / "cut" / "commits" / "000001.json"
    marker.unlink()
    with pytest.raises(StoreError, match="not complete"):
        rd.open_states(tmp_path / "cut")
    again = controls.plan_for(plan, controls.shuffled_tokens(plan.records, BEFORE, 0))
    again.create(tmp_path / "cut")
    capture_to(again, tmp_path / "cut")
    whole, cut = (rd.open_states(tmp_path / place) for place in ("whole", "cut"))
    assert cut.attrs["states_hash"] == whole.attrs["states_hash"]
    xr.testing.assert_identical(cut.load(), whole.load())
