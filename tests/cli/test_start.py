"""What the command line imports before it says something: counted in modules, which take the time."""

import subprocess
import sys

import pytest

from residyn.errors import DataError, ModelError, UsageError

FIRST = """
import sys

HEAVY = "numpy pandas xarray scipy numba zarr dask pyarrow torch transformers matplotlib".split()


class Watched:
    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        global first
        if first is None and text.strip():
            first = (text, loaded())
        return self.stream.write(text)

    def __getattr__(self, name):
        return getattr(self.stream, name)


def loaded():
    return [name for name in HEAVY if name in sys.modules]


first = None
sys.stdout, sys.stderr = Watched(sys.stdout), Watched(sys.stderr)
from residyn.cli.running import run_command

code = run_command(sys.argv[1:])
text, at_first = first
print("", code, ",".join(at_first), ",".join(loaded()), text.strip(), sep="\\t", file=sys.__stdout__)
"""


def started(*arguments, cwd):
    """The exit code of a command, what was imported at its first words and at its end, and these words."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST, *arguments], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr
    code, first, last, words = done.stdout.strip("\n").rpartition("\n")[2].split("\t")[1:]
    return int(code), set(filter(None, first.split(","))), set(filter(None, last.split(","))), words


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["run", "--help"], 0),
        (["runn"], UsageError.exit_code),
        (["run", "--nn", "3"], UsageError.exit_code),
        (["run", "--n", "0"], UsageError.exit_code),
        (["run", "--device", "gpu"], UsageError.exit_code),
        (["capture", "DIR", "--min-chars", "600", "--max-chars", "500"], UsageError.exit_code),
    ],
)
def test_help_and_errors_of_usage_import_nothing_heavy(arguments, code, tmp_path):
    came, first, last, _ = started(*arguments, cwd=tmp_path)
    assert came == code
    assert (first, last) == (set(), set())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "--texts", "missing.txt"], DataError.exit_code),
        (["run", "--texts", "rows.xlsx"], UsageError.exit_code),
        (["run", "--texts", "rows.csv", "--field", "text"], DataError.exit_code),
        (["run", "./missing"], ModelError.exit_code),
        (["run", "--revision", "main"], UsageError.exit_code),
        (["run", "--sites", "missing.json"], UsageError.exit_code),
        (["check", "./missing"], ModelError.exit_code),
        (["capture", "DIR", "--model", "./missing"], ModelError.exit_code),
    ],
)
def test_paths_and_fields_are_checked_before_torch_is_imported(arguments, code, tmp_path):
    (tmp_path / "rows.csv").write_text("body\nsome words\n")
    came, first, last, words = started(*arguments, cwd=tmp_path)
    assert came == code
    assert not first, f"imported before the first words, {words!r}"
    assert not last & {"torch", "transformers", "matplotlib"}
