"""A recording's own words stand on axes, in legends and in tables; a model's states keep theirs."""

from __future__ import annotations

import numpy as np
import pytest

import residyn as rd
from residyn.axis_names import axis_names
from residyn.errors import DataError

AREAS = ["V1", "LM", "AL", "PM"]


@pytest.fixture(scope="module")
def recording():
    values = np.random.default_rng(0).normal(size=(60, 4, 8)).cumsum(axis=1)
    return rd.from_array(values, depth_name="area", place_names=AREAS, unit_name="neuron")


def test_names_reach_every_result_and_survive_the_store(recording, tmp_path):
    assert recording["sublayer"].values.tolist() == [f"{n}.block" for n in range(4)]
    for states in (recording, rd.save_states(recording, tmp_path / "run")):
        results = rd.analyze(states, rd.AnalysisSettings(components=2, estimators=("gcmi",), leave_out=()))
        for name in ("velocity", "unit_correlation", "mutual_information", "pc_scores", "velocity_curve"):
            names = axis_names(results[name].attrs)
            assert (names.depth, names.unit, names.places) == ("area", "neuron", tuple(AREAS)), name


def words(ax):
    legend = [
        text.get_text()
        for one in ax.figure.findobj(lambda artist: type(artist).__name__ == "Legend")
        for text in one.get_texts()
    ]
    return ax.get_xlabel(), ax.get_ylabel(), [one.get_text() for one in ax.get_xticklabels()], legend


def test_axes_and_legends_say_what_the_recording_has(recording):
    xlabel, _, ticks, legend = words(rd.plot.velocity(rd.velocity(recording)))
    assert xlabel == "area"
    assert ticks == AREAS[:3]
    assert "successive areas" in legend
    assert not any("block" in one or "layer" in one for one in legend)
    heat = rd.plot.unit_correlation(rd.unit_correlation(recording))
    assert heat.get_ylabel() == "area"
    assert heat.get_xlabel().startswith("neuron")
    paths = rd.plot.trajectories(rd.pc_scores(recording, rd.fit_space(recording, n_components=2)))
    assert "area" in words(paths)[3]


def test_tables_name_places_and_steps(recording):
    made = rd.tables(rd.analyze(recording, rd.AnalysisSettings(components=2, estimators=("gcmi",), leave_out=())))
    assert made["velocity"]["place"].tolist() == ["V1→LM", "LM→AL", "AL→PM"]
    assert made["norm"]["place"].tolist() == AREAS


def test_a_model_keeps_its_layers():
    values = np.random.default_rng(0).normal(size=(60, 4, 8)).cumsum(axis=1)
    states = rd.from_array(values, [0, 0, 1, 1], ["attn", "mlp"] * 2)
    xlabel, _, _, legend = words(rd.plot.velocity(rd.velocity(states)))
    assert xlabel == "layer (2 sublayers each)"
    assert "within layer" in legend


def test_names_are_one_for_each_place():
    with pytest.raises(DataError, match="one name for each layer, here 4; got 2"):
        rd.from_array(np.zeros((3, 4, 2)), place_names=["V1", "LM"])
