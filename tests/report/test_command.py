import shlex

import pytest

from residyn.report.command import repeat_command


def test_only_what_differs_is_said_and_quoted():
    run = {
        "request": {"model": "a model; rm -rf ~", "n": 1000, "texts": "my $texts.txt", "seed": 3, "offline": True},
        "analysis": {"estimators": "ksg", "leave_out": [], "unknown": 5},
        "controls": {"noise": False, "random_positions": False, "untrained": 3},
        "teleports": {"prompt": "-it's", "hosts": 8},
        "claims": {"null_draws": 40},
        "figure": {"reference": True},
    }
    command = repeat_command(run)
    assert command == (
        "residyn run 'a model; rm -rf ~' --offline --texts 'my $texts.txt' --seed 3 --estimators ksg "
        "--leave-out '' --no-random-positions --no-noise '--prompt=-it'\"'\"'s' --null-draws 40 --reference"
    )
    assert shlex.split(command)[2] == "a model; rm -rf ~"


@pytest.mark.parametrize(
    "run",
    [{}, {"request": None}, {"request": {"n": 3}}, {"request": {"model": ["x"]}}, {"request": {"model": "m"}}],
)
def test_without_a_recorded_model_there_is_no_command(run):
    assert repeat_command(run) == ""


def test_values_that_no_option_has_are_left_out():
    run = {"request": {"model": "m", "n": None, "texts": ["x"]}, "analysis": "x"}
    assert repeat_command(run) == "residyn run m"
