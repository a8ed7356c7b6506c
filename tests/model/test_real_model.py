"""The built-in model on the built-in texts, against plain hooks and one text at a time."""

from __future__ import annotations

import numpy as np
import pytest

import residyn as rd
from naive import naive_state, relative_error

pytestmark = pytest.mark.assets


@pytest.fixture(scope="module")
def model():
    return rd.load_model("smollm2-135m")


def test_states_of_the_built_in_model_are_those_of_a_naive_loop(model, tmp_path):
    texts = rd.read_texts("wikitext-2", n=12)
    states = rd.capture(model, texts, tmp_path / "run").sortby("sample")
    assert states.shape == (12, 60, 576)
    for index, row in enumerate(texts.rows):
        assert relative_error(states.sel(sample=index).values, naive_state(model, row.text)) <= 1e-5
        assert int(states.text_id[index]) == row.text_id


def test_every_probe_passes_on_the_built_in_model(model):
    check = rd.check_model(model)
    assert check.how == "table"
    assert all(probe.status == "pass" for probe in check.probes), check.probes
    assert max(probe.error for probe in check.probes) <= 1e-5


def test_low_precision_is_close_and_says_so(model):
    texts = [row.text for row in rd.read_texts("wikitext-2", n=6).rows]
    coarse = rd.load_model("smollm2-135m", dtype="bfloat16")
    fine, rough = rd.capture(model, texts), rd.capture(coarse, texts)
    assert rough.attrs["capture_dtype"] == "bfloat16"
    errors = np.linalg.norm(rough.values - fine.values, axis=-1) / np.linalg.norm(fine.values, axis=-1)
    assert 1e-4 < np.median(errors) < 5e-2
