"""Several tokens of a text in one pass: which are read, that they are those of cut texts, how they are stored."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import xarray as xr

import residyn as rd
from families import build, spelling_tokenizer
from naive import relative_error
from residyn.errors import ModelError
from residyn.model import controls
from residyn.model.capture import capture_in_memory
from residyn.model.capture_plan import plan_of, prepare
from residyn.model.loading import load_model
from residyn.model.texts import read_texts, tokenize_texts
from residyn.model.texts.positions import lengths_at, reads_several
from residyn.schema import documents_of
from residyn.store import read_manifest, read_samples

pytestmark = pytest.mark.filterwarnings("ignore:.*have the same tokens as another one")
TEXTS = [f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(24)]


def loaded(family: str = "llama", **options):
    return load_model(build(family, **options), spelling_tokenizer())


@pytest.mark.parametrize(
    ("position", "n_tokens", "lengths"),
    [
        ("all", 4, [1, 2, 3, 4]),
        ("last:3", 5, [3, 4, 5]),
        ("last:3", 2, [1, 2]),
        ("every:2", 5, [2, 4]),
        ("every:6", 5, []),
        ("random:9", 3, [1, 2, 3]),
        ("end", 5, [5]),
        (1, 5, [2]),
        (-5, 5, [1]),
        (5, 5, []),
        ("all", 0, []),
        ("end", 0, []),
    ],
)
def test_the_tokens_that_are_read(position, n_tokens, lengths):
    assert lengths_at(n_tokens, position, 0, "ab") == lengths
    assert reads_several(position) == (isinstance(position, str) and position not in ("end", "random"))


def test_random_tokens_are_distinct_and_each_as_likely_as_any():
    drawn = [lengths_at(10, "random:3", 0, f"{text:064x}") for text in range(4000)]
    assert all(len(set(one)) == 3 and one == sorted(one) for one in drawn)
    often = Counter(length for one in drawn for length in one)
    np.testing.assert_allclose([often[i] for i in range(1, 11)], 1200, atol=5 * np.sqrt(4000 * 0.3 * 0.7))


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma2", "mixtral", "falcon-parallel"])
def test_states_of_every_token_are_those_of_the_text_cut_there(family):
    model = loaded(family)
    states = rd.capture(model, TEXTS[:6], position="all").sortby("sample")
    cut = [text[: length + 1] for text in TEXTS[:6] for length in range(len(text))]
    assert states.sizes["sample"] == len(cut)
    alone = rd.capture(model, cut, batch_tokens=1).sortby("sample")
    np.testing.assert_array_equal(states["n_tokens"], alone["n_tokens"])
    np.testing.assert_array_equal(states["last_token"], alone["last_token"])
    assert relative_error(states.values, alone.values) <= 2e-6


def test_a_stored_run_says_each_text_once_and_is_resumed_to_the_same_bits(tmp_path):
    model = loaded()
    whole = rd.capture(model, TEXTS, tmp_path / "whole", position="every:3", batch_tokens=200)
    lines = [json.loads(line) for line in (tmp_path / "whole" / "samples.jsonl").read_text().splitlines()]
    assert len(lines) == sum(len(text) // 3 for text in TEXTS)
    assert sum("input_ids" in line for line in lines) == sum("text" in line for line in lines) == len(TEXTS)
    assert (tmp_path / "whole" / "samples.jsonl").stat().st_size < 200 * len(lines)
    first = next(row for row, line in enumerate(lines) if "prefix_of" in line)
    assert lines[first].keys() == {"sample", "n_tokens", "last_token", "prefix_of"}
    text = lines[lines[first]["prefix_of"]]
    assert text["input_ids"][lines[first]["n_tokens"] - 1] == lines[first]["last_token"]

    class Cut(Exception):
        pass

    def cut(done, total):
        if done > total / 2:
            raise Cut

    with pytest.raises(Cut):
        rd.capture(model, TEXTS, tmp_path / "cut", position="every:3", batch_tokens=200, progress=cut)
    again = rd.capture(model, TEXTS, str(tmp_path / "cut"), position="every:3")
    xr.testing.assert_identical(whole.load(), again.load())
    plan = plan_of(tmp_path / "cut", model)
    asked, _ = prepare(model, TEXTS, position="every:3", batch_tokens=200)
    assert plan.batches.batches == asked.batches.batches


def test_a_texts_samples_are_of_one_document():
    states = rd.capture(loaded(), TEXTS[:5], position="last:4")
    assert sorted(Counter(documents_of(states).tolist()).values()) == [4] * 5
    np.testing.assert_array_equal(documents_of(states), states["text_id"])


def test_a_table_of_a_million_samples_is_small():
    texts = read_texts(TEXTS, n=None, min_chars=0, max_chars=None)
    samples = tokenize_texts(texts, spelling_tokenizer(), position="all")
    table = samples.table
    per_sample = sum(getattr(table, name).nbytes for name in ("sample", "text", "n_tokens")) / len(table)
    assert per_sample <= 24
    assert table.ids.nbytes == 4 * sum(map(len, TEXTS))


def test_controls_read_the_same_tokens_of_whole_texts(tmp_path):
    model = loaded()
    plan, _ = prepare(model, TEXTS, position="last:3")
    chosen = controls.chosen_records(plan.records, 0.2, 0)
    assert len(chosen) == len(plan.records)
    shuffled = controls.plan_for(plan, controls.shuffled_tokens(chosen, 0, 0))
    assert shuffled.n_tokens == plan.n_tokens
    ids = {int(s): tuple(shuffled.records.ids_of(row)) for row, s in enumerate(shuffled.records.sample)}
    by_text = [[ids[3 * text + i] for i in range(3)] for text in range(len(TEXTS))]
    assert all(a == b[:-1] and b == c[:-1] for a, b, c in by_text)
    states = capture_in_memory(shuffled).sortby("sample")
    alone = rd.capture(model, [[int(i) for i in ids[7]]])
    assert relative_error(states.values[7], alone.values[0]) <= 2e-6


def test_where_a_states_may_depend_on_what_follows_several_tokens_are_refused():
    module = build("llama")
    module.config.rope_parameters = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
    model = load_model(module, spelling_tokenizer())
    with pytest.raises(ModelError, match=r"'all' reads several tokens.*may with the length"):
        prepare(model, TEXTS, position="all")
    plan, _ = prepare(model, TEXTS)
    assert plan.batches.rules.padding == 0.0
    assert {batch.tokens % batch.longest for batch in plan.batches.batches} == {0}


def test_stored_samples_are_read_back_as_they_were(tmp_path):
    plan, _ = prepare(loaded(), TEXTS, position="random:5", seed=3)
    plan.create(tmp_path / "run")
    manifest = read_manifest(tmp_path / "run")
    read = read_samples(tmp_path / "run", sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    assert list(read) == list(plan.records)
