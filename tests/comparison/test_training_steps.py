"""The training step of a run, as it is said or named."""

from __future__ import annotations

import pytest

from residyn.comparison import step_of, steps_of_runs
from residyn.errors import UsageError


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("step1000", 1000),
        ("step0", 0),
        ("checkpoint-500", 500),
        ("stage1-step1000-tokens4B", 1000),
        ("stage2-ingredient3-step23852-tokens51B", 23852),
        ("global_step20", 20),
        ("iter_0001000", 1000),
        ("Pythia-70m-STEP_64", 64),
        ("ckpt-7", 7),
        ("models/step8/checkpoint-500", 500),
        ("models/step8/hf", 8),
        ("runs\\step8\\hf", 8),
        ("step5-of-step5", 5),
        ("main", None),
        ("model-500", None),
        ("step4B", None),
        ("checkpoint-500k", None),
        ("multistep30", None),
        ("footstep30", None),
        ("step5-step6", None),
        ("step" + "9" * 400, None),
        ("0123456789abcdef0123456789abcdef01234567", None),
    ],
)
def test_steps_are_read_as_checkpoints_are_named(name, step):
    assert step_of(name) == step


def test_runs_are_put_in_the_order_of_their_steps():
    names = {"a": ("main", "models/checkpoint-30", "a"), "b": ("step200", "checkpoint-1"), "c": ("x", "step0/c")}
    found = steps_of_runs("names", names)
    assert list(found.items()) == [("c", 0), ("a", 30), ("b", 200)]
    assert list(steps_of_runs(" 7, 0,500 ", names).items()) == [("b", 0), ("a", 7), ("c", 500)]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("1,2", "got 2 for 3"),
        ("1,2,3,4", "got 4 for 3"),
        ("1,2,x", "got 'x'"),
        ("1,-2,3", "got '-2'"),
        ("1,2.5,3", r"got '2\.5'"),
        ("1,,3", "got ''"),
        ("", "got ''"),
        ("1,²,3", "got '²'"),
        ("1,2," + "9" * 5000, "whole numbers"),
        ("5,6,5", "a and c are both at step 5"),
        ("names", r"step of b cannot be told from 'main' or 'b'.*--steps 0,1000"),
    ],
)
def test_what_is_no_step_is_said(said, told):
    with pytest.raises(UsageError, match=told):
        steps_of_runs(said, {"a": ("step5",), "b": ("main", "b"), "c": ("step6",)})


def test_stages_that_count_anew_are_not_put_together():
    names = {"one": ("stage1-step10-tokens1B",), "two": ("stage2-step10-tokens1B",)}
    with pytest.raises(UsageError, match=r"both at step 10.*stages of the training"):
        steps_of_runs("names", names)
