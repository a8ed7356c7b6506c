"""A recording's own words stand on axes, in legends and in tables; a model's states keep theirs."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.text import Text

import residyn as rd
from residyn.axis_names import axis_names
from residyn.errors import DataError
from residyn.figures import style
from residyn.figures.figure1 import figure1
from residyn.figures.layout import alone
from residyn.figures.pages import PAGES, page
from residyn.figures.panel import Inputs
from residyn.figures.registry import further, lettered
from residyn.pipeline.analysis import analysis
from residyn.report.content import gather

AREAS = ["V1", "LM", "AL", "PM"]
OF_A_MODEL = re.compile(
    r"\b(layers?|blocks?|models?|texts?|tokens?|documents?|MLPs?|attention|attn|sublayers?|units?|writes?)\b", re.I
)


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


@pytest.fixture(scope="module")
def drawn(recording):
    results = rd.analyze(
        recording, rd.AnalysisSettings(components=3, estimators=("gcmi", "binned"), leave_out=(1,))
    )
    return Inputs(results)


def figures_of(inputs):
    """Every figure of a run: Figure 1, the composites beside it, each panel alone."""
    yield "figure1", figure1(inputs.results)
    yield from ((name, made) for name in PAGES if (made := page(name, inputs)) is not None)
    for panel in (*lettered(inputs), *further(inputs)):
        with style.context():
            yield panel.stem, alone(panel, inputs)


@pytest.mark.slow
def test_no_figure_of_a_recording_speaks_of_a_model(drawn):
    found = {name: [text.get_text() for text in made.findobj(Text)] for name, made in figures_of(drawn)}
    assert len(found) > 40
    said = {name: [one for one in texts if OF_A_MODEL.search(one)] for name, texts in found.items()}
    assert not {name: texts for name, texts in said.items() if texts}
    assert "Mean activation of each neuron" in found["panel_b"]
    assert "Angles between all pairs of areas" in found["dynamics_angular_distance"]


@pytest.mark.slow
def test_no_caption_of_a_recording_speaks_of_a_model(recording, tmp_path):
    rd.save_states(recording, tmp_path / "run")
    analysis(tmp_path / "run", rd.AnalysisSettings(components=3, estimators=("gcmi",), leave_out=(1,)))
    report = gather(tmp_path / "run")
    for panel in (*report.panels, *report.dynamics, *report.further):
        said = " ".join((panel.title, *panel.seen))
        assert not OF_A_MODEL.search(said), said
        assert not re.search(r"\b(units?(?! vector)|sublayers?|layers|texts|documents)\b", panel.definition), (
            panel.definition
        )
    assert {row[2] for row in report.massive.rows} <= set(AREAS)


def test_words_of_a_model_are_said_in_a_recordings():
    names = axis_names({"depth_name": "time bin", "unit_name": "neuron"})
    assert names.said("Units at 3.block, of two texts") == "Neurons at time bin 3, of two samples"
    assert names.said("a random unit vector; 95 % interval over groups of documents") == (
        "a random unit vector; 95 % interval over groups"
    )
    assert axis_names({}).said("Units at 3.block") == "Units at 3.block"


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
