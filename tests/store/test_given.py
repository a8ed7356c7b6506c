"""States of another tool or a recording become a run: what was known of them is kept, and nothing is made up."""

from __future__ import annotations

import numpy as np
import pytest

import residyn as rd
from residyn import store
from residyn.errors import DataError, StoreError
from residyn.pipeline.capture import capture_or_continue, repair_damage
from residyn.pipeline.controls import controls
from residyn.pipeline.jacobians import jacobians
from residyn.pipeline.outputs import outputs
from residyn.pipeline.teleports import teleports
from residyn.settings import CaptureSettings
from residyn.store.layout import shard_path

N, BINS, NEURONS = 70, 5, 9


@pytest.fixture
def recording():
    values = np.random.default_rng(0).normal(size=(N, BINS, NEURONS)).cumsum(axis=1).astype(np.float32)
    return rd.from_array(
        values,
        range(BINS),
        ["block"] * BINS,
        document=np.arange(N) // 2,
        sample_coords={"condition": ["left", "right"] * (N // 2), "delay": 0.5 * np.arange(N)},
        model="mouse 3",
        units="spikes/s",
        session=4,
    )


def test_what_was_known_comes_back_and_nothing_else(recording, tmp_path):
    saved = rd.save_states(recording, tmp_path / "run")
    assert saved.identical(rd.open_states(tmp_path / "run"))
    assert np.array_equal(saved.values, recording.values)
    assert set(saved.coords) == set(recording.coords)
    for name in recording.coords:
        assert np.array_equal(saved[name].values, recording[name].values), name
    for name, value in recording.attrs.items():
        assert saved.attrs[name] == value or name == "quantity"
    # Nobody knows their tokens: that all end in one, or each in its own, would be a finding.
    assert not {"distinct_last_tokens", "tie_fraction"} & set(saved.attrs)
    assert store.verify(tmp_path / "run").ok


def test_tokens_that_are_known_are_counted(recording, tmp_path):
    last = np.arange(N) % 7
    known = recording.assign_coords(last_token=("sample", last), text_id=("sample", [f"t{i}" for i in range(N)]))
    saved = rd.save_states(known, tmp_path / "run")
    assert saved.attrs["distinct_last_tokens"] == 7
    assert np.array_equal(saved["last_token"].values, last)
    assert saved["text_id"].values.tolist() == known["text_id"].values.tolist()


def test_labels_that_are_no_numbers_are_kept_beside(recording, tmp_path):
    named = recording.assign_coords(sample=[f"trial {i}" for i in range(N)])
    saved = rd.save_states(named, tmp_path / "run")
    assert saved["sample"].values.tolist() == list(range(N))
    assert saved["sample_name"].values.tolist() == named["sample"].values.tolist()


def test_lazy_states_are_saved_as_those_in_memory(recording, tmp_path):
    rd.save_states(recording, tmp_path / "one")
    rd.save_states(recording.chunk(sample=13), tmp_path / "two")
    for file in (tmp_path / "one" / "states.zarr").rglob("c.*"):
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()


def test_a_damaged_shard_is_there_again_when_the_same_are_saved_again(recording, tmp_path):
    run = tmp_path / "run"
    rd.save_states(recording, run)
    before = shard_path(run, 2).read_bytes()
    shard_path(run, 2).unlink()
    rd.save_states(recording, run)
    assert shard_path(run, 2).read_bytes() == before


def test_other_states_and_other_labels_are_refused(recording, tmp_path):
    rd.save_states(recording, tmp_path / "run")
    for other in (recording * 2, recording.assign_coords(delay=("sample", np.zeros(N)))):
        with pytest.raises(StoreError, match="other settings"):
            rd.save_states(other.assign_attrs(recording.attrs), tmp_path / "run")


def test_what_needs_a_model_says_that_there_is_none(recording, tmp_path):
    run = tmp_path / "run"
    rd.save_states(recording, run)
    for stage in (
        lambda: capture_or_continue(run, "smollm2-135m", CaptureSettings(), ()),
        lambda: repair_damage(run, [0]),
        lambda: controls(run),
        lambda: teleports(run),
        lambda: jacobians(run),
        lambda: outputs(run),
    ):
        with pytest.raises(StoreError, match="no model made them"):
            stage()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda states: states.where(states.sample != 3), "3.*finite|finite.*3"),
        (lambda states: states.astype("float64") * 1e300, "finite"),
        (
            lambda states: states.assign_coords(day=("sample", np.arange(N).astype("M8[D]"))),
            "'day' holds datetime",
        ),
        (lambda states: states[:0], "at least one state"),
    ],
)
def test_what_cannot_be_stored_is_told(recording, tmp_path, change, told):
    with pytest.raises(DataError, match=told):
        rd.save_states(change(recording), tmp_path / "run")


def test_texts_are_one_for_each_sample(recording, tmp_path):
    with pytest.raises(DataError, match="texts has one text for each sample"):
        rd.save_states(recording, tmp_path / "run", texts=["a"])
