from __future__ import annotations

import inspect
import json

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import residyn
from residyn import (
    analyze,
    dimensions,
    fit_space,
    massive_ratio,
    mutual_information,
    noise_floor,
    norm,
    surrogate,
    unit_correlation,
)
from residyn.adapters import from_array
from residyn.comparison.similarity import representation_similarity
from residyn.errors import DataError
from residyn.quantities.replicates import plan_of
from residyn.schema import (
    MIXERS,
    SITES,
    Sublayer,
    check_states,
    documents_of,
    label_result,
    role_of,
    sublayers_of,
    transition_coords,
    transition_kind,
)
from residyn.sitemap import Site, SiteMap


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


def of_states_alone() -> list[str]:
    """What residyn gives publicly that needs states and nothing else."""
    found = {name: getattr(residyn, name) for name in dir(residyn) if not name.startswith("_")}
    called = {name: one for name, one in found.items() if callable(one) and not isinstance(one, type)}
    needed = {
        name: [key for key, one in inspect.signature(function).parameters.items() if one.default is one.empty]
        for name, function in called.items()
    }
    return sorted(name for name, keys in needed.items() if keys == ["states"])


@pytest.mark.parametrize("name", of_states_alone())
def test_whatever_takes_states_refuses_what_are_none_in_words(name):
    states = from_array(np.random.default_rng(0).standard_normal((6, 4, 3)), [0, 0, 1, 1], ["attn", "mlp"] * 2)
    function = getattr(residyn, name)
    for given in (
        states.drop_vars("layer"),
        states.reset_coords(drop=True),
        states.values,
        states.isel(sublayer=0),
        states.to_dataset(),
        None,
    ):
        for call in filter(None, (function, getattr(function, "curve", None))):
            with pytest.raises(DataError, match=r"Expected states|States lack the coordinate"):
                call(given)


def test_states_of_another_form_are_told_how_to_become_theirs():
    states = from_array(np.zeros((6, 2, 3)), [0, 0], ["attn", "mlp"])
    for given, advice in (
        (states.transpose("unit", "sublayer", "sample"), r"states\.transpose\('sample', 'sublayer', 'unit'\)"),
        (states.isel(sublayer=0), r"states\.isel\(sublayer=\[0\]\)"),
        (states.to_dataset(), r"got Dataset\. .*dataset\['states'\]"),
        (states.values, r"got ndarray\. .*from_array"),
    ):
        with pytest.raises(DataError, match=advice):
            norm(given)
    norm(states.transpose("unit", "sublayer", "sample").transpose("sample", "sublayer", "unit"))


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


def test_axes_that_are_named_are_told_apart_by_their_names():
    """Of as many samples as sublayers, shapes tell nothing."""
    values = np.random.default_rng(0).standard_normal((4, 4, 3))
    named = xr.DataArray(values, dims=("sublayer", "sample", "unit"))
    states = from_array(named, [0, 0, 1, 1], ["attn", "mlp"] * 2)
    np.testing.assert_array_equal(states, values.swapaxes(0, 1))
    other = from_array(named.rename(sublayer="a", sample="b", unit="c"), [0, 0, 1, 1], ["attn", "mlp"] * 2)
    np.testing.assert_array_equal(other, values)
    for dims in (("sublayer", "sample", "neuron"), ("unit", "time", "neuron")):
        with pytest.raises(DataError, match=r"those of this array are .*Transpose it"):
            from_array(xr.DataArray(values, dims=dims), [0, 0, 1, 1], ["attn", "mlp"] * 2)


def test_what_only_looks_like_an_array_is_refused():
    class Shaped:
        shape, ndim, dtype = (4, 4, 3), 3, np.dtype("float32")

    with pytest.raises(DataError, match=r"got Shaped, which does not become one: numpy makes one of shape \(\)"):
        from_array(Shaped(), [0, 0, 1, 1], ["attn", "mlp"] * 2)


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
        ([torch.zeros(6, 7, 3)] * 4, r"rd\.from_hidden_states; of others take one token .*stack\(\[h\[:, -1\]"),
        (torch.zeros(6, 4, 3, device="meta"), "a tensor of torch.float32 on meta that gives none"),
        (np.ma.masked_equal(np.ones((6, 4, 3)), 1), "72 of the 72 entries of this array are masked"),
        (np.zeros((6, 4, 3), bool), "these have dtype bool"),
        (np.full((6, 4, 3), None), "these have dtype object"),
        ("states.npy", "got str. Give a numpy, dask or torch array"),
        (np.zeros((6, 4, 3), complex), r"real numbers, such as float32; these have dtype complex128\. Convert"),
        (np.full((6, 4, 3), "a"), "these have dtype <U1"),
    ],
)
def test_what_is_no_array_of_states_is_told_what_to_do(given, message):
    with pytest.raises(DataError, match=message):
        from_array(given, LAYERS, SITES_)


@pytest.mark.parametrize("wrap", [np.asarray, da.from_array, lambda a: xr.DataArray(a, dims=("a", "b", "c"))])
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        (">f4", "float32"),
        ("float64", "float64"),
        (">f8", "float64"),
        ("longdouble", "float64"),
        ("int8", "float32"),
        ("uint16", "float32"),
        ("int32", "float64"),
        ("uint64", "float64"),
    ],
)
def test_numbers_of_every_kind_become_float32_or_float64_once(wrap, given, kept):
    values = np.arange(72).reshape(6, 4, 3).astype(given)
    states = from_array(wrap(values), LAYERS, SITES_)
    assert states.dtype == np.dtype(kept)
    assert states.dtype.isnative
    np.testing.assert_array_equal(states, values.astype(float))
    by_hand = xr.DataArray(values, dims=states.dims, coords=states.coords)
    xr.testing.assert_equal(norm(by_hand), norm(states))


def test_tensors_of_every_kind_become_states():
    values = torch.arange(72, dtype=torch.float32).reshape(6, 4, 3)
    for given in (
        values.half(),
        values.to(torch.float8_e5m2),
        values.to_sparse(),
        values.to(torch.int8),
        torch.nn.Parameter(values),
        torch.complex(values, values).conj().real,
    ):
        states = from_array(given, LAYERS, SITES_)
        assert states.dtype == np.float32
        wanted = given.to(torch.float32) if given.dtype == torch.float8_e5m2 else values
        np.testing.assert_array_equal(states, wanted)


EVERYWHERE = {
    "norm": norm,
    "unit_correlation": unit_correlation,
    "mutual_information": lambda states: mutual_information(states, "gcmi"),
    "dimensions": dimensions,
    "fit_space": lambda states: fit_space(states, n_components=3),
    "analyze": analyze,
    "similarity": lambda states: representation_similarity(states, states),
    "surrogate": lambda states: surrogate(states, "flip_increments"),
    "noise_floor": lambda states: noise_floor(states, states),
}


@pytest.mark.parametrize("compute", EVERYWHERE.values(), ids=EVERYWHERE.keys())
def test_an_overflow_of_half_precision_is_found_by_everything(compute):
    values = 5000 * np.cumsum(np.random.default_rng(0).standard_normal((40, 4, 6)), axis=1)
    values[7, 3, 3] = 1e5
    with np.errstate(over="ignore"):
        halved = values.astype(np.float16)
    states = from_array(halved, LAYERS, SITES_)
    by_hand = xr.DataArray(halved, dims=states.dims, coords=states.coords)
    for given in (states, by_hand):
        with pytest.raises(DataError, match=r"finite states within float32's range.* 7"):
            compute(given)


def test_the_smallest_number_of_a_short_integer_counts_as_large():
    values = np.random.default_rng(0).integers(-20, 20, (50, 2, 4)).astype(np.int8)
    values[0, 0, 0] = -128
    short, long = (from_array(a, [0, 0], ["attn", "mlp"]) for a in (values, values.astype(float)))
    assert massive_ratio(short)[0, 0] == pytest.approx(128 / np.median(np.abs(values[:, 0].astype(float))))
    np.testing.assert_allclose(massive_ratio(short), massive_ratio(long), rtol=1e-6)
    by_hand = xr.DataArray(values, dims=short.dims, coords=short.coords)
    np.testing.assert_array_equal(massive_ratio(by_hand), massive_ratio(short))


def test_states_without_a_unit_are_told_what_they_lack():
    states = from_array(np.zeros((5, 4, 0), np.float32), LAYERS, SITES_)
    for compute in (norm, dimensions, analyze):
        with pytest.raises(DataError, match=r"these states have .*'unit': 0.* Choose at least one along 'unit'"):
            compute(states)


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
    sites = SiteMap("opt", "layers", (site,))
    assert SiteMap.from_json(sites.to_json()) == sites
    assert sites.sublayers == (Sublayer(0, "mlp"),)


@pytest.mark.parametrize("name", sorted(set(MIXERS)))
def test_what_stands_in_the_place_of_attention_has_its_transitions(name):
    states = from_array(np.zeros((1, 4, 3), np.float32), [0, 0, 1, 1], [name, "mlp", "attn", "mlp"])
    assert list(transition_coords(states)["kind"][1]) == ["within", "cross", "within"]
    alone = from_array(np.zeros((1, 3, 3), np.float32), [0, 1, 2], [name, "attn", "mlp"])
    assert list(transition_coords(alone)["kind"][1]) == ["block", "block"]
    assert role_of(name) == role_of("attn") == "mixer"
    assert {role_of(site) for site in SITES} == {"mixer", "mlp", "block", "out"}


def test_a_map_of_older_residyn_s_is_read():
    """It had one factor for all writes, and names that are now told from the sites."""
    sites = (
        Site(0, "attn", "layers.0", "input", ("layers.0.a",)),
        Site(0, "mlp", "layers.0.n", "input", ("layers.0.m",)),
    )
    record = json.loads(SiteMap("granite", "layers", sites).to_json())
    record |= {"arrangement": "sequential", "attn_write": "a", "mlp_write": "m", "scale": 0.22}
    found = SiteMap.from_json(json.dumps(record))
    assert [site.added for site in found.sites] == [(("layers.0.a", 0.22),), (("layers.0.m", 0.22),)]
    assert found.arrangement == "sequential"
    assert SiteMap.from_json(json.dumps(record | {"scale": 1.0})) == SiteMap("granite", "layers", sites)
