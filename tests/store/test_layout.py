import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from residyn.store import run_name, samples_per_shard
from residyn.store.layout import MAX_SHARD_BYTES, chunk_shape, shard_bytes, shard_shape

sizes = st.tuples(st.integers(1, 10**6), st.integers(1, 300), st.integers(1, 20_000))


@pytest.mark.parametrize(
    ("n", "s", "d", "rows"),
    [
        (1000, 60, 576, 64),
        (1000, 64, 4096, 64),
        (100_000, 64, 4096, 64),
        (100_000, 160, 8192, 32),
        (100_000, 252, 16384, 16),
        (480, 60, 576, 16),
        (481, 60, 576, 32),
        (5, 60, 576, 16),
        (10**6, 60, 576, 64),
    ],
)
def test_samples_per_shard_of_known_runs(n, s, d, rows):
    assert samples_per_shard(n, s, d) == rows


@settings(deadline=None, max_examples=60)
@given(sizes)
def test_samples_per_shard_is_the_largest_power_of_two_within_its_bounds(size):
    n, s, d = size

    def fits(rows):
        return rows <= 64 and shard_bytes(rows, s, d) <= MAX_SHARD_BYTES and math.ceil(n / rows) >= 16

    rows = samples_per_shard(n, s, d)
    assert rows >= 16
    assert rows & (rows - 1) == 0
    assert rows == 16 or fits(rows)
    assert not fits(2 * rows)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 1024), st.integers(1, 300), st.integers(1, 20_000))
def test_chunks_tile_a_shard_and_are_not_slivers(rows, s, d):
    shard, chunk = shard_shape(rows, s, d), chunk_shape(rows, d)
    assert s <= shard[1] < s + 8
    assert all(a % b == 0 for a, b in zip(shard, chunk, strict=True))
    assert chunk[2] >= min(64, d)


@pytest.mark.parametrize(("d", "units"), [(576, 288), (4096, 512), (127, 127), (1031, 1031), (1030, 515 - 309)])
def test_units_of_a_chunk(d, units):
    assert chunk_shape(16, d) == (16, 8, units)


@pytest.mark.parametrize(
    ("model", "texts", "name"),
    [
        ("smollm2-135m", "wikitext", "smollm2-135m_wikitext"),
        ("meta-llama/Llama-3.1-8B", "hf:Salesforce/wikitext:wikitext-2-raw-v1", None),
        ("/home/alice/models/tiny", "/home/alice/texts.jsonl", "tiny_texts.jsonl"),
        ("../../x", "-", "x_stdin"),
        (r"C:\models\tiny.gguf", "builtin", "tiny.gguf_builtin"),
    ],
)
def test_run_names(model, texts, name):
    name = name or "meta-llama-Llama-3.1-8B_Salesforce-wikitext-wikitext-2-raw-v1"
    assert run_name(model, texts) == name


def test_run_names_tell_other_scripts_and_long_names_apart():
    assert run_name("模型", "x") != run_name("模式", "x")
    assert run_name("m" * 300, "x") != run_name("m" * 299, "x")


@settings(deadline=None, max_examples=60)
@given(st.text(), st.text())
def test_a_run_name_is_one_plain_path_component(model, texts):
    name = run_name(model, texts)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name)
    assert ".." not in name
