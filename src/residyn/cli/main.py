"""The entry point: every error that residyn raises becomes one message and its exit code."""

from __future__ import annotations

import sys
import traceback
import warnings

import typer

from residyn.cli.display import Display
from residyn.cli.verbs import VERBS
from residyn.errors import ResidynError, UsageError

app = typer.Typer(
    name="residyn",
    help="The residual stream of a transformer as a dynamical system over depth.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for verb in VERBS:
    app.command(name=verb.__name__)(verb)


def main() -> None:
    """Run the command line and exit: 0, or the exit code of what went wrong."""
    # Warnings name what files name, and Python writes them past the display.
    warnings.showwarning = _show_warning
    sys.exit(run_command(sys.argv[1:]))


def _show_warning(
    message: Warning | str, category: type[Warning], _filename: str, _lineno: int, *_: object, **__: object
) -> None:
    Display().warn([f"{category.__name__}: {message}" if category is not UserWarning else str(message)])


def run_command(arguments: list[str]) -> int:
    """Run one command line; returns its exit code and leaves its message on standard error."""
    display = Display()
    try:
        code = app(args=arguments, prog_name="residyn", standalone_mode=False)
    except ResidynError as error:
        display.fail(str(error))
        if {"-v", "--verbose"} & set(arguments):
            display.trace(traceback.format_exc())
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        display.fail("Interrupted. Run the same command again to go on.")
        return 130
    except BrokenPipeError:
        # The reader of our output left; what was stored is stored.
        sys.stderr.close()
        return 0
    except Exception as error:
        # What the parser of the command line raises: of a class that depends on the version of typer.
        wrong_usage = getattr(error, "format_message", None)
        if wrong_usage:
            display.fail(f"{wrong_usage()} See residyn {' '.join(arguments[:1])} --help.")
            return UsageError.exit_code
        display.fail(
            f"{type(error).__name__}: {error}\nThis is a defect of residyn, not of your input. Run again with -v "
            "and report the traceback."
        )
        if {"-v", "--verbose"} & set(arguments):
            display.trace(traceback.format_exc())
        return 1
    return code if isinstance(code, int) else 0
