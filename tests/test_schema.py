from __future__ import annotations

import numpy as np
import pytest

from residyn.errors import DataError
from residyn.schema import (
    Site,
    SiteMap,
    Sublayer,
    check_states,
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
        ((3, 2, 5), [0], ["attn"], "has 2 sublayers on its second axis, but 1 sublayers were named"),
        ((3, 2, 5), [0, 0], ["attn"], "2 layers and 1 sites"),
        ((3, 2, 5), [0, 0], ["attn", "attn"], r"came twice: 0\.attn"),
        ((3, 2, 5), [0, 0], ["attn", "ffn"], "got 'ffn'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(shape, layers, sites, message):
    with pytest.raises(DataError, match=message):
        from_array(np.zeros(shape, np.float32), layers, sites)


def test_what_are_no_states_is_refused():
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
