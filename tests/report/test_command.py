import shlex
from dataclasses import fields
from typing import get_type_hints

import pytest

from residyn.cli.request import (
    AnalysisRequest,
    ClaimsRequest,
    ControlsRequest,
    FigureRequest,
    Request,
    TeleportRequest,
)
from residyn.report.command import DEFAULTS, repeat_command

RECORDS = {
    "request": Request,
    "analysis": AnalysisRequest,
    "controls": ControlsRequest,
    "teleports": TeleportRequest,
    "claims": ClaimsRequest,
    "figure": FigureRequest,
}


@pytest.mark.parametrize("section", RECORDS)
def test_defaults_and_flags_are_those_of_the_command_line(section):
    record = RECORDS[section]
    assert DEFAULTS[section] == {field.name: field.default for field in fields(record)}
    hints = get_type_hints(record, include_extras=True)
    for name, default in DEFAULTS[section].items():
        option = hints[name].__metadata__[0]
        declared = (option.default, *option.param_decls)
        flag = f"--{name.replace('_', '-')}"
        assert declared[0].split("/")[0] == flag
        if default is True:
            assert "/" not in declared[0] or declared[0].split("/")[1] == f"--no-{name.replace('_', '-')}"


def test_only_what_differs_is_said_and_quoted():
    run = {
        "request": {"model": "a model; rm -rf ~", "n": 1000, "texts": "my $texts.txt", "seed": 3, "offline": True},
        "analysis": {"estimators": "ksg", "unknown": 5},
        "controls": {"noise": False, "random_positions": True, "untrained": 3},
        "teleports": {"prompt": "-it's", "hosts": 8},
        "claims": {"null_draws": 40},
        "figure": {"reference": True},
    }
    command = repeat_command(run)
    assert command == (
        "residyn run 'a model; rm -rf ~' --offline --texts 'my $texts.txt' --seed 3 --estimators ksg "
        "--random-positions --no-noise '--prompt=-it'\"'\"'s' --null-draws 40 --reference"
    )
    assert shlex.split(command)[2] == "a model; rm -rf ~"


@pytest.mark.parametrize("run", [{}, {"request": None}, {"request": {"n": 3}}, {"request": {"model": ["x"]}}])
def test_without_a_recorded_model_there_is_no_command(run):
    assert repeat_command(run) == ""


def test_values_that_no_option_has_are_left_out():
    run = {"request": {"model": "m", "n": None, "texts": ["x"]}, "analysis": "x"}
    assert repeat_command(run) == "residyn run m"
