"""Commands that pages show are commands that there are: verbs, options and values."""

from __future__ import annotations

import pytest
from typer.main import get_command

from residyn.cli.running import app
from shown_pages import commands, pages

VERBS = get_command(app).commands
SHOWN = sorted({tuple(command) for page in pages() for command in commands(page) if command != ["--version"]})


def parse(verb: str, *arguments: str) -> None:
    """Parse a command line as the program does, and run nothing. Raises where it cannot be parsed."""
    VERBS[verb].make_context(verb, list(arguments))


@pytest.mark.parametrize("arguments", SHOWN, ids=" ".join)
def test_a_command_of_a_page_can_be_parsed(arguments):
    parse(*(word.replace("$SLURM_ARRAY_TASK_ID", "3") for word in arguments))


def test_enough_commands_are_found_and_wrong_ones_are_refused():
    assert len(SHOWN) > 25
    for wrong in (["rum"], ["run", "--textz", "mine.txt"], ["capture", "DIR", "--n", "many"]):
        with pytest.raises(Exception, match=r"rum|textz|valid integer"):
            parse(*wrong)
