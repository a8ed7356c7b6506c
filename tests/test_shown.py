"""What people hold shows itself in a few lines, in a terminal and in a notebook."""

from __future__ import annotations

import numpy as np
import pytest

import residyn as rd


@pytest.fixture(scope="module")
def held(finished, model_folder):
    run = rd.open_run(finished)
    states = rd.from_array(np.random.default_rng(0).normal(size=(30, 4, 6)), [0, 0, 1, 1], ["attn", "mlp"] * 2)
    model = rd.load_model(str(model_folder))
    texts = rd.read_texts(["<b>one</b>", "two\nlines", "three " * 100, "four"], n=None)
    samples = rd.tokenize_texts(texts, model.tokenizer)
    return {
        "run": run,
        "claims": run.claims,
        "space": rd.fit_space(states),
        "model": model,
        "texts": texts,
        "samples": samples,
    }


@pytest.mark.parametrize("name", ["run", "claims", "space", "model", "texts", "samples"])
def test_a_repr_is_short_in_both_forms(held, name):
    assert 1 < len(repr(held[name]).splitlines()) < 40
    assert len(repr(held[name])) < 3000
    page = held[name]._repr_html_()
    assert page.startswith("<table>")
    assert len(page) < 10_000


def test_they_say_what_matters(held, model_folder):
    assert repr(held["texts"]).splitlines()[0] == "list: 4 of 4 rows are kept."
    assert "&lt;b&gt;one&lt;/b&gt;" in held["texts"]._repr_html_()
    assert "two lines" in repr(held["texts"])
    assert repr(held["model"]).splitlines()[0] == model_folder.name
    assert "6 of 6 units" in repr(held["space"])
    assert f"{sum(s.n_tokens for s in held['samples']):,}" in repr(held["samples"])
    for claim in held["claims"].claims:
        assert f"{claim.label} {claim.claim}" in repr(held["claims"])


def test_verdicts_are_a_table_with_a_row_for_each_statistic(held):
    table = held["claims"].to_dataframe()
    criteria = [one for claim in held["claims"].claims for one in claim.criteria]
    assert len(table) == len(criteria)
    np.testing.assert_array_equal(table["value"], [one.value for one in criteria])
    np.testing.assert_array_equal(table["p"], [np.nan if one.null is None else one.null.p for one in criteria])
    assert set(table["verdict"]) <= {"holds", "does not hold", "undecided"}
