from __future__ import annotations

import dataclasses

import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from residyn.errors import DataError
from residyn.figures import plot, style
from residyn.figures.plot import strokes
from residyn.sitemap import Site


def words(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def n_sums(ax):
    return sum(line.get_marker() == "+" for line in ax.get_lines())


def streams(ax):
    """Colours of the stretches of the stream, from the bottom up."""
    vertical = [line for line in ax.get_lines() if list(line.get_xdata()) == [strokes.STREAM] * 2]
    return [to_hex(line.get_color()) for line in sorted(vertical, key=lambda line: line.get_ydata()[0])]


def test_given_axes_are_used_and_returned(llama):
    ax = Figure().subplots()
    assert plot.schematic(llama, ax=ax) is ax


def test_a_sequential_block_names_its_modules_and_states(llama):
    ax = plot.schematic(llama, n_units=576)
    shown = words(ax)
    assert n_sums(ax) == 2
    for wanted in ("attention", "self_attn", "MLP", "mlp", "norm", "layers.ℓ", "within layer", "cross layer"):
        assert wanted in shown
    assert shown.count("norm") == 2
    assert "input of\nlayers.ℓ" in shown
    assert "input of\nlayers.ℓ.\npost_attention_\nlayernorm" in shown
    assert "4 layers × 2 sublayers\n= 8 states of 576 units" in shown
    assert streams(ax) == [style.KIND_COLOURS[kind] for kind in ("cross", "within", "within", "cross")]
    names = {text.get_text(): to_hex(text.get_color()) for text in ax.texts}
    assert names["attn state"] == style.KIND_COLOURS["within"]
    assert names["mlp state"] == style.KIND_COLOURS["cross"]


def test_a_parallel_block_has_one_sum_and_one_state(map_of):
    ax = plot.schematic(map_of("falcon", 3))
    assert n_sums(ax) == 1
    shown = words(ax)
    assert [word for word in shown if word.endswith("state")] == ["block state"]
    assert "3 layers × 1 sublayer\n= 3 states" in shown
    assert streams(ax) == [style.KIND_COLOURS["block"]]
    assert "whole block" in shown
    assert "within layer" not in shown


def test_a_post_norm_block_has_norms_on_the_stream(map_of):
    ax = plot.schematic(map_of("opt", 2))
    shown = words(ax)
    assert n_sums(ax) == 2
    assert shown.count("norm") == 2
    assert "final_layer_norm" in shown
    assert "self_attn_layer_\nnorm" in shown
    assert "output of\ndecoder.layers.ℓ.\nself_attn_layer_\nnorm" in shown


def test_norms_stand_before_and_behind_a_branch_as_the_model_has_them(map_of):
    gemma = words(plot.schematic(map_of("gemma2", 2)))
    assert gemma.count("norm") == 2  # before attention and before the MLP; the map names only the second
    assert {"post_feedforward_", "post_attention_"} <= set(gemma)
    olmo = words(plot.schematic(map_of("olmo2", 2)))
    assert "norm" not in olmo  # nothing before the branches
    assert {"post_feedforward_", "post_attention_"} <= set(olmo)
    assert "input of\nlayers.ℓ.mlp" in olmo


def test_a_branch_scale_is_shown(llama):
    scaled = [dataclasses.replace(site, factors=(0.22,)) for site in llama.sites]
    assert words(plot.schematic(dataclasses.replace(llama, sites=tuple(scaled)))).count("×0.22") == 2
    assert not [word for word in words(plot.schematic(llama)) if word.startswith("×")]


def test_the_count_says_only_what_is_regular(llama):
    with_end = dataclasses.replace(llama, sites=(*llama.sites, Site(3, "out", "layers.3", "output")))
    assert "4 layers × 2 sublayers + output\n= 9 states" in words(plot.schematic(with_end))
    ragged = dataclasses.replace(llama, sites=llama.sites[:-1])
    assert "7 states of 5 units" in words(plot.schematic(ragged, n_units=5))


def test_maps_with_some_sites_only(llama):
    for site in ("attn", "mlp"):
        some = dataclasses.replace(llama, sites=tuple(s for s in llama.sites if s.site == site))
        assert [word for word in words(plot.schematic(some)) if word.endswith("state")] == [f"{site} state"]


def test_what_is_no_map_is_refused(llama):
    with pytest.raises(DataError, match="got str"):
        plot.schematic(llama.to_json())
    with pytest.raises(DataError, match="map without sites"):
        plot.schematic(dataclasses.replace(llama, sites=()))
