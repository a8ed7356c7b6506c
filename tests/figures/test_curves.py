from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from residyn.adapters import from_array
from residyn.errors import DataError
from residyn.figures import plot, style
from residyn.figures.plot import parts
from residyn.figures.saving import save


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def right_scale(ax):
    (right,) = [other for other in ax.figure.axes if other is not ax and other.bbox.bounds == ax.bbox.bounds]
    return right


def legend_names(ax):
    legends = [ax.get_legend(), *reversed(ax.artists)]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


@pytest.fixture
def irregular(first_results_of):
    """Results whose kinds follow no parity: within, block, cross, block, within."""
    rng = np.random.default_rng(3)
    layers, sites = [0, 0, 1, 2, 3, 3], ["attn", "mlp", "mlp", "attn", "attn", "mlp"]
    results = first_results_of(from_array(rng.normal(size=(20, 6, 8)), layers, sites))
    assert list(results["velocity"]["kind"].values) == ["within", "block", "cross", "block", "within"]
    return results


@pytest.mark.parametrize("draw", [plot.cosine, plot.velocity])
def test_given_axes_are_used_and_returned(results, draw):
    ax = Figure().subplots()
    assert draw(results[draw.__name__], ax=ax) is ax
    assert draw(results[draw.__name__]) is not ax


@pytest.mark.parametrize("quantity", ["cosine", "velocity"])
def test_dots_are_means_coloured_by_kind(irregular, quantity):
    drawn = lines(getattr(plot, quantity)(irregular[quantity]))
    mean = irregular[quantity].mean("sample").values
    np.testing.assert_allclose(drawn["_joined"].get_ydata(), mean, rtol=1e-12)
    for kind, where in {"within": [0, 4], "cross": [2], "block": [1, 3]}.items():
        np.testing.assert_array_equal(drawn[kind].get_xdata(), where)
        np.testing.assert_allclose(drawn[kind].get_ydata(), mean[where], rtol=1e-12)
        assert to_hex(drawn[kind].get_color()) == style.KIND_COLOURS[kind]
        assert drawn[kind].get_marker() == style.KIND_MARKERS[kind]
        assert drawn[kind].get_linestyle() == "None"


def test_the_band_is_the_interquartile_range(results):
    velocity = results["velocity"]
    ax = plot.velocity(velocity)
    assert "middle half of samples" in legend_names(ax)
    bands = {to_hex(band.get_facecolor()[0]): band.get_paths()[0].vertices for band in ax.collections}
    for kind in ("within", "cross"):
        where = np.flatnonzero(velocity["kind"].values == kind)
        quartiles = np.quantile(velocity.values[:, where], (0.25, 0.75), axis=0)
        vertices = bands[style.KIND_COLOURS[kind]]
        for transition, (low, high) in zip(where, quartiles.T, strict=True):
            here = vertices[vertices[:, 0] == transition, 1]
            assert (here.min(), here.max()) == pytest.approx((low, high), rel=1e-6)


def test_undefined_samples_are_left_out_and_undefined_transitions_empty(results, tmp_path):
    values = results["cosine"].copy(deep=True)
    values[3, 1] = np.nan
    values[:, 2] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = plot.cosine(values)
        save(ax.figure, tmp_path / "f", ("svg",))
    joined = lines(ax)["_joined"].get_ydata()
    assert np.isnan(joined[2])
    assert joined[1] == pytest.approx(np.delete(values.values[:, 1], 3).mean(), rel=1e-12)


@pytest.mark.parametrize("quantity", ["cosine", "velocity"])
def test_all_undefined_says_so(results, quantity, tmp_path):
    empty = results[quantity].where(False)
    ax = getattr(plot, quantity)(empty)
    assert "undefined for every transition" in [text.get_text() for text in ax.texts]
    save(ax.figure, tmp_path / "f", ("svg",))


def test_axes_are_labelled_with_units(results):
    assert plot.velocity(results["velocity"]).get_ylabel() == "velocity ‖hₛ₊₁ − hₛ‖₂"
    ax = plot.cosine(results["cosine"])
    assert ax.get_ylabel() == "cosine similarity\n(log scale of 1 − cosine)"
    assert ax.get_xlabel() == "layer (2 sublayers each)"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1", "2", "3"]
    np.testing.assert_array_equal(ax.get_xticks(), [0, 2, 4, 6])
    assert legend_names(ax) == ["within layer", "cross layer", "middle half of samples"]


def test_cosines_close_to_one_are_apart_although_one_is_far_from_it(results):
    cosine = results["cosine"]
    values = np.broadcast_to([0.1, 0.97, 0.99, 0.97, 0.99, 0.999, 1.0], cosine.shape)
    ax = plot.cosine(cosine.copy(data=values))
    heights = ax.yaxis.get_transform().transform(values[0])
    low, high = ax.yaxis.get_transform().transform(np.array(ax.get_ylim()))
    np.testing.assert_allclose(heights[:6], -np.log10(1 - values[0, :6]))
    assert (heights[2] - heights[1]) / (high - low) > 0.1
    assert low < heights.min()
    assert heights.max() <= high
    ticks = ax.get_yticks()
    assert {0.9, 0.99} <= set(ticks.round(9).tolist())
    assert ((ticks >= ax.get_ylim()[0]) & (ticks <= ax.get_ylim()[1])).all()


def test_parallel_models_show_one_kind(results_of, map_of):
    ax = plot.velocity(results_of(map_of("falcon", 5))["velocity"])
    assert legend_names(ax) == ["whole block", "middle half of samples"]
    assert ax.get_xlabel() == "layer"


def test_a_single_transition_has_a_visible_band(results_of, map_of, tmp_path):
    ax = plot.velocity(results_of(map_of("llama", 1))["velocity"])
    (band,) = ax.collections
    heights = np.ptp([segment[:, 1] for segment in band.get_segments()], axis=1)
    assert heights.min() > 0
    save(ax.figure, tmp_path / "f", ("svg",))


@pytest.mark.parametrize("quantity", ["cosine", "velocity"])
def test_reference_is_dashed_over_the_same_depth(results, quantity, hostile, tmp_path):
    shown = getattr(plot, quantity)(results[quantity], reference={"label": hostile, "values": [1.0, 4.0, 2.0]})
    ax = shown if quantity == "cosine" else right_scale(shown)
    (dashed,) = [line for line in ax.get_lines() if line.get_linestyle() == "--" or line.is_dashed()]
    np.testing.assert_allclose(dashed.get_xdata(), [0, 3, 6])
    np.testing.assert_allclose(dashed.get_ydata(), [1, 4, 2])
    assert style.plain(hostile, 36) in legend_names(shown)
    save(ax.figure, tmp_path / "f", ("svg",))


def test_a_reference_nearer_to_one_is_within_the_axis_of_cosines(results):
    ax = plot.cosine(results["cosine"], reference={"label": "x", "values": [0.5, 0.99997, 0.9]})
    (dashed,) = [line for line in ax.get_lines() if line.get_linestyle() == "--"]
    # On the axis: values beyond its end would all lie on one height.
    heights = ax.transAxes.inverted().transform(ax.transData.transform(dashed.get_xydata()))[:, 1]
    assert heights.max() < 1
    apart = ax.yaxis.get_transform().transform(np.array([0.9999, 0.99997]))
    assert apart[1] > apart[0]


def test_a_reference_of_velocity_has_its_own_scale(results):
    alone = plot.velocity(results["velocity"])
    ax = plot.velocity(results["velocity"], reference={"label": "x", "values": [1000.0, 3000.0]})
    assert ax.get_ylim() == alone.get_ylim()
    right = right_scale(ax)
    assert right.get_ylim()[0] == 0
    assert 3000 < right.get_ylim()[1] < 3500
    assert right.get_ylabel() == "dashed, its own scale"
    assert right.yaxis.get_label_position() == "right"
    assert right.get_zorder() < ax.get_zorder()
    assert not ax.patch.get_visible()


@pytest.mark.parametrize("values", [[], [1.0], [[1.0, 2.0]]])
def test_a_reference_without_values_is_refused(results, values):
    with pytest.raises(DataError, match="at least two values"):
        plot.cosine(results["cosine"], reference={"label": "x", "values": values})


def test_a_wrong_result_is_named(results):
    with pytest.raises(DataError, match=r"draws the result 'velocity', got 'cosine'"):
        plot.velocity(results["cosine"])
    with pytest.raises(DataError, match=r"draws the result 'cosine', got ndarray"):
        plot.cosine(results["cosine"].values)
    with pytest.raises(DataError, match=r"needs the dimensions .*'transition': 7"):
        plot.cosine(results["cosine"].isel(sample=0))
    with pytest.raises(DataError, match=r"coordinate 'kind'"):
        plot.cosine(results["cosine"].drop_vars("kind"))
    strange = results["cosine"].assign_coords(kind=("transition", ["odd"] * 7))
    with pytest.raises(DataError, match=r"within, cross, block; got 'odd'"):
        plot.cosine(strange)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=150), st.integers(0, 40))
def test_ticks_stand_at_first_entries_and_are_few(per_layer, first_layer):
    layers = np.repeat(np.arange(len(per_layer)) + first_layer, per_layer)
    positions, labels = parts.layer_ticks(layers)
    assert 1 <= len(positions) <= parts.MOST_TICKS
    for position, label in zip(positions, labels, strict=True):
        assert position == np.flatnonzero(layers == int(label))[0]


@pytest.mark.parametrize(
    ("n_layers", "labels"),
    [(4, "0 1 2 3"), (30, "0 4 8 12 16 20 24 28"), (80, "0 10 20 30 40 50 60 70"), (1, "0")],
)
def test_ticks_of_common_depths(n_layers, labels):
    assert parts.layer_ticks(np.repeat(np.arange(n_layers), 2))[1] == labels.split()
