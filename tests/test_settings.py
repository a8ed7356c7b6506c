"""Settings: what is typed, recorded and passed in Python is one thing, checked in one way."""

from __future__ import annotations

import msgspec
import pytest

from residyn.errors import StoreError, UsageError
from residyn.settings import (
    STAGES,
    AnalysisSettings,
    CaptureSettings,
    TeleportSettings,
    fields_of,
    flag,
    made_of,
    recorded,
    run_settings,
    typed,
)


@pytest.mark.parametrize("kind", STAGES.values())
def test_defaults_are_within_their_own_bounds_and_survive_run_json(kind, tmp_path):
    settings = kind()
    settings.check()
    stored = msgspec.json.decode(msgspec.json.encode(settings.record()))
    assert recorded(kind, stored, tmp_path / "run.json") == settings


@pytest.mark.parametrize("kind", STAGES.values())
def test_every_setting_is_described(kind):
    assert [field.name for field in fields_of(kind) if not field.description] == []


def test_no_setting_is_of_two_stages():
    names = [field.name for kind in STAGES.values() for field in fields_of(kind)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("kind", "name", "text", "value"),
    [
        (AnalysisSettings, "estimators", "ksg, gcmi", ("ksg", "gcmi")),
        (AnalysisSettings, "leave_out", "", ()),
        (TeleportSettings, "inject", "0,7.mlp", (0, "7.mlp")),
        (TeleportSettings, "extents", "robust,15", ("robust", 15.0)),
        (TeleportSettings, "radii", "1,2.5", (1.0, 2.5)),
        (CaptureSettings, "position", "-2", -2),
        (CaptureSettings, "position", "random", "random"),
        (CaptureSettings, "position", "last:5", "last:5"),
    ],
)
def test_text_with_commas_is_what_python_passes(kind, name, text, value, tmp_path):
    made = made_of(kind, {name: text})
    assert getattr(made, name) == value
    assert made_of(kind, {name: value}) == made
    # As runs of earlier versions recorded it.
    assert recorded(kind, {name: text}, tmp_path / "run.json") == made
    assert made_of(kind, {name: typed(value)}) == made


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (CaptureSettings, {"n": 0}, "--n is a whole number of at least 1; got 0."),
        (CaptureSettings, {"n": "5"}, "--n is a whole number of at least 1; got '5'."),
        (CaptureSettings, {"max_tokens": 0}, "--max-tokens is a whole number of at least 1; got 0."),
        (
            CaptureSettings,
            {"position": "x"},
            "--position is one of 'end', 'random', 'all', 'last:K', 'random:K', 'every:K' or a",
        ),
        (TeleportSettings, {"radii": ()}, "--radii is a list of at least 1 item"),
        (TeleportSettings, {"radii": (1, float("inf"))}, "--radii holds numbers within double precision"),
        (TeleportSettings, {"extents": "robust,robust"}, "--extents names each once; got robust, robust."),
    ],
)
def test_faults_name_the_option_what_it_takes_and_what_came(kind, values, message):
    with pytest.raises(UsageError) as caught:
        made_of(kind, values, flag)
    assert message in str(caught.value)


def test_what_decides_no_number_is_left_out_of_what_does():
    here, there = AnalysisSettings(), AnalysisSettings(analysis_device="cuda")
    assert here.to_json() == there.to_json()
    assert "analysis_device" in there.record()


def test_a_setting_that_there_is_not_is_refused_by_name():
    with pytest.raises(UsageError, match="There is no setting draws; there are revision, "):
        run_settings({"draws": 3})
    assert run_settings({"null_draws": 3, "n": 5}).claims.null_draws == 3


def test_a_section_that_is_none_names_the_file(tmp_path):
    with pytest.raises(StoreError, match=r"run\.json is damaged: analysis should be an object; got 5"):
        recorded(AnalysisSettings, 5, tmp_path / "run.json")
