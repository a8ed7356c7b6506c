"""How long a run may take: by what its stages took, whoever ran them, and by what is asked for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from residyn.pipeline.course import COURSE, numbered, seconds_left
from residyn.settings import RunSettings, run_settings

WHOLE = 1000.0
TIMINGS = {name: WHOLE * share for name, share in COURSE.values()}


def until(stage):
    names = list(COURSE)
    return {COURSE[name][0]: TIMINGS[COURSE[name][0]] for name in names[: names.index(stage)]}


def test_shares_are_of_one_whole():
    assert sum(share for _, share in COURSE.values()) == pytest.approx(1)


@pytest.mark.parametrize("stage", list(COURSE)[1:])
def test_a_run_like_the_demo_takes_what_is_left_of_it(stage):
    gone = sum(until(stage).values())
    assert seconds_left(until(stage), run_settings({}), stage) == pytest.approx(WHOLE - gone)
    slow = {name: 3 * value for name, value in until(stage).items()}
    assert seconds_left(slow, run_settings({}), stage) == pytest.approx(3 * (WHOLE - gone))


def test_nothing_is_said_before_there_is_anything_to_go_by():
    assert seconds_left({}, run_settings({}), "capture") is None
    assert seconds_left({"capture_s": True}, run_settings({}), "analysis") is None


def test_what_was_done_before_an_interruption_and_what_is_not_asked_for_take_no_time():
    half = {**until("claims"), "claims_s": TIMINGS["claims_s"] / 2}
    whole = seconds_left(until("claims"), run_settings({}), "claims")
    assert seconds_left(half, run_settings({}), "claims") == pytest.approx(whole - TIMINGS["claims_s"] / 2)
    none = {
        "untrained": 0,
        "permuted_weights": False,
        "shuffled_tokens": False,
        "random_positions": False,
        "noise": False,
    }
    without = seconds_left(until("controls"), run_settings(none), "controls")
    assert without == pytest.approx(
        seconds_left(until("controls"), run_settings({}), "controls") - TIMINGS["controls_s"]
    )


def test_maps_take_time_by_their_texts():
    def left(**chosen):
        return seconds_left(until("jacobians"), run_settings(chosen), "jacobians")

    after = left(jacobian_samples=0)
    # Five texts of the model, and one in each of three untrained ones and of permuted weights.
    assert left() - after == pytest.approx(TIMINGS["jacobians_s"])
    assert left(jacobian_samples=14) - after == pytest.approx(2 * TIMINGS["jacobians_s"])
    assert left(control_jacobians=0) - after == pytest.approx(5 / 9 * TIMINGS["jacobians_s"])
    assert left(jacobian_samples=1, control_jacobians=5) - after == pytest.approx(5 / 9 * TIMINGS["jacobians_s"])


def test_outputs_take_time_by_their_texts():
    def left(**chosen):
        return seconds_left(until("outputs"), run_settings(chosen), "outputs")

    after = left(output_samples=0)
    assert left() - after == pytest.approx(TIMINGS["outputs_s"])
    # Twenty-five texts, six of them half as much again and once more; one so in each of four networks.
    whole = 25 + 1.5 * 6 + 4 * 2.5
    assert left(control_outputs=0) - after == pytest.approx((25 + 1.5 * 6) / whole * TIMINGS["outputs_s"])
    assert left(skip_samples=0) - after == pytest.approx((25 + 4) / whole * TIMINGS["outputs_s"])
    assert left(output_samples=50) - after == pytest.approx((50 + 9 + 10) / whole * TIMINGS["outputs_s"])


def test_each_stage_says_which_of_how_many_it_is(monkeypatch, tmp_path):
    told, clock = [], iter([0.0, 10.0, 59.0, 200.0])
    monkeypatch.setattr("residyn.pipeline.course.time.monotonic", lambda: next(clock))
    begin = numbered(SimpleNamespace(note=told.append), tmp_path, RunSettings())
    for name in list(COURSE)[:3]:
        begin(name)
    assert told == ["Stage 1 of 10: capture", "Stage 2 of 10: analysis", "Stage 3 of 10: controls (3 min so far)"]
