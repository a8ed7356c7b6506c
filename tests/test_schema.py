from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from residyn import analyze
from residyn.errors import DataError
from residyn.quantities.replicates import plan_of
from residyn.schema import (
    Site,
    SiteMap,
    Sublayer,
    check_states,
    documents_of,
    from_array,
    label_result,
    sublayers_of,
    transition_coords,
    transition_kind,
)


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ((7, "attn"), (7, "mlp"), "within"),
        ((7, "mlp"), (8, "attn"), "cross"),
        ((7, "mlp"), (7, "out"), "cross"),
        ((7, "block"), (8, "block"), "block"),
        ((7, "attn"), (8, "attn"), "block"),
        ((7, "attn"), (8, "mlp"), "block"),
        ((7, "mlp"), (9, "attn"), "block"),
        ((7, "attn"), (7, "out"), "block"),
        ((8, "mlp"), (8, "attn"), "block"),
    ],
)
def test_the_kind_of_a_transition_is_what_lies_between(before, after, kind):
    assert transition_kind(Sublayer(*before), Sublayer(*after)) == kind


def test_states_are_labelled_and_their_transitions_named():
    states = from_array(
        np.zeros((3, 4, 5), np.float32), [0, 0, 1, 1], ["attn", "mlp", "attn", "mlp"], model="mine"
    )
    check_states(states)
    assert sublayers_of(states) == [(0, "attn"), (0, "mlp"), (1, "attn"), (1, "mlp")]
    assert states.attrs["model"] == "mine"
    coords = transition_coords(states)
    assert list(coords["transition"]) == ["0.attn→0.mlp", "0.mlp→1.attn", "1.attn→1.mlp"]
    assert list(coords["kind"][1]) == ["within", "cross", "within"]
    assert list(coords["from_layer"][1]) == [0, 0, 1]


@pytest.mark.parametrize(
    ("shape", "layers", "sites", "message"),
    [
        ((3, 4), [0], ["attn"], "three dimensions"),
        ((), [0], ["attn"], "three dimensions"),
        ((3, 2, 5), [0], ["attn"], "has 2 sublayers on its second axis, but 1 sublayers were named"),
        ((3, 2, 5), [0, 0], ["attn"], "2 layers and 1 sites"),
        ((3, 2, 5), [0, 0], ["attn", "attn"], r"came twice: 0\.attn"),
        ((3, 2, 5), [0, 0], ["attn", "ffn"], "got 'ffn'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(shape, layers, sites, message):
    with pytest.raises(DataError, match=message):
        from_array(np.zeros(shape, np.float32), layers, sites, note=[1, 2])


LAYERS, SITES_ = [0, 0, 1, 1], ["attn", "mlp", "attn", "mlp"]


def six(**how):
    return from_array(np.arange(6 * 4 * 3, dtype=np.float32).reshape(6, 4, 3), LAYERS, SITES_, **how)


@pytest.mark.parametrize(
    "kind", [list, tuple, np.array, pd.Series, torch.tensor, lambda a: xr.DataArray(a, dims="n")]
)
def test_keywords_of_each_sample_are_coordinates_and_others_attributes(kind):
    states = six(
        document=kind([3, 3, 0, -1, 0, 0]),
        last_token=kind([5, 6, 7, 8, 9, 10]),
        position="end",
        model="mine",
        n_tokens=12,
        extra=[1, 2],
        sample_coords={"trial": kind([0.5] * 6)},
        sample=kind([9, 8, 7, 6, 5, 4]),
    )
    assert states["document"].dims == states["last_token"].dims == states["trial"].dims == ("sample",)
    assert states["document"].dtype == np.int64
    assert states["sample"].values.tolist() == [9, 8, 7, 6, 5, 4]
    assert {"position", "model", "n_tokens", "extra"} <= states.attrs.keys()
    assert not {"document", "last_token", "trial"} & states.attrs.keys()
    assert documents_of(states).tolist() == [3, 3, 0, -5, 0, 0]
    assert states.sel(sample=7)["last_token"] == 7


def test_texts_are_named_by_numbers_or_strings():
    assert six(text_id=["a", "bb", "c", "d", "e", "f"])["text_id"].values.tolist()[1] == "bb"
    assert six(text_id=range(6))["text_id"].dtype == np.int64
    assert six(position=np.arange(6, dtype=np.uint8))["position"].values.tolist() == [0, 1, 2, 3, 4, 5]


def test_documents_of_own_arrays_are_drawn_whole():
    document = np.arange(40) // 4
    states = from_array(
        np.random.default_rng(0).normal(size=(40, 2, 3)), [0, 0], ["attn", "mlp"], document=document
    )
    group = plan_of(states).group
    assert len(set(group)) == 10
    assert all(len(set(group[document == one])) == 1 for one in range(10))
    alone = plan_of(states.drop_vars("document"))
    assert alone.n_groups == 20


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            {"document": [0, 1]},
            r"one entry for each of the 6 samples; got .* shape \(2,\)\. Give as many",
        ),
        ({"document": [[0]] * 6}, r"got an array of shape \(6, 1\)"),
        (
            {"document": [0.5] * 6},
            "'document' holds whole numbers .*; got float64. Give integers; names",
        ),
        ({"document": list("abcdef")}, r"got <U1.*np\.unique"),
        ({"n_tokens": [True] * 6}, "got bool"),
        ({"text_id": [0.5] * 6}, "whole numbers below 2⁶³ or strings; got float64"),
        ({"last_token": np.full(6, 2**63, np.uint64)}, "got uint64"),
        ({"document": [0, 0, 0, 0, 0, -2]}, "≥ 0, or -1 where it is not known; got -2. Number"),
        ({"label": [0, 1, 2, 3, 4, 5]}, r"'label' has one entry for each of the 6 .*sample_coords=\{'label': …\}"),
        ({"sample": [1, 2]}, "'sample' has one entry for each"),
        ({"sample_coords": {"layer": [0] * 6}}, "'layer' is one that all states have. Take another name"),
        ({"sample_coords": {"document": [0] * 6}, "document": [0] * 6}, "'document' came twice"),
    ],
)
def test_coordinates_that_do_not_fit_are_refused(how, message):
    with pytest.raises(DataError, match=message):
        six(**how)


def test_tensors_and_lazy_arrays_become_states():
    values = np.random.default_rng(0).normal(size=(6, 4, 3)).astype(np.float32)
    for given in (
        torch.tensor(values),
        torch.tensor(values, requires_grad=True),
        da.from_array(values, chunks=(2, 4, 3)),
    ):
        np.testing.assert_array_equal(from_array(given, LAYERS, SITES_).values, values)
    halved = from_array(torch.tensor(values).bfloat16(), LAYERS, SITES_)
    assert halved.dtype == np.float32
    np.testing.assert_array_equal(halved, torch.tensor(values).bfloat16().float().numpy())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (tuple(torch.zeros(6, 3) for _ in range(4)), r"got a tuple of 4\. Stack .*torch\.stack"),
        ([np.zeros((6, 3))] * 4, r"got a list of 4\. Stack"),
        ("states.npy", "got str. Give a numpy, dask or torch array"),
        (np.zeros((6, 4, 3), complex), "real numbers; got an array of complex128"),
        (np.full((6, 4, 3), "a"), "real numbers; got an array of <U1"),
    ],
)
def test_what_is_no_array_of_states_is_told_what_to_do(given, message):
    with pytest.raises(DataError, match=message):
        from_array(given, LAYERS, SITES_)


def test_a_lazy_selection_of_unknown_length_is_told_what_to_do():
    lazy = da.from_array(np.random.default_rng(0).normal(size=(6, 4, 3)), chunks=(2, 4, 3))
    chosen = lazy[lazy[:, 0, 0] > 0]
    with pytest.raises(DataError, match=r"compute_chunk_sizes\(\)"):
        from_array(chosen, LAYERS, SITES_)
    assert from_array(chosen.compute_chunk_sizes(), LAYERS, SITES_).sizes["unit"] == 3


def test_what_are_no_states_is_refused():
    with pytest.raises(DataError, match="got ndarray"):
        analyze(np.zeros((5, 4, 3)))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="got ndarray"):
        check_states(np.zeros((1, 2, 3)))  # type: ignore[arg-type]
    states = from_array(np.zeros((1, 2, 3), np.float32), [0, 0], ["attn", "mlp"])
    with pytest.raises(DataError, match="lack the coordinate 'site'"):
        check_states(states.drop_vars("site"))
    with pytest.raises(DataError, match="needs two sublayers"):
        transition_coords(states.isel(sublayer=[0]))


def test_a_result_keeps_where_its_states_came_from():
    states = from_array(np.zeros((3, 1, 5), np.float32), [0], ["attn"], model="mine", texts="theirs", noise=1)
    result = label_result(
        np.zeros(5), ["unit"], {}, quantity="q", units="1", definition="d", source="s", states=states, seed=4
    )
    assert {**result.attrs}.items() >= {"model": "mine", "texts": "theirs", "n_samples": 3, "seed": 4}.items()
    assert "noise" not in result.attrs


def test_a_site_map_survives_its_json():
    site = Site(0, "mlp", "layers.0.norm", "output", ("layers.0.fc2",), norm="layers.0.final_norm")
    sites = SiteMap("opt", "post-norm", "layers", (site,), "self_attn", "fc2", 0.5)
    assert SiteMap.from_json(sites.to_json()) == sites
    assert sites.sublayers == (Sublayer(0, "mlp"),)
