"""Running one command line: every error that residyn raises becomes one message and its exit code."""

from __future__ import annotations

import errno
import sys
import traceback
import warnings
from contextlib import suppress
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from residyn.cli.display import Display
from residyn.cli.verbs import VERBS
from residyn.errors import Interrupted, ResidynError, ResourceError, StoreError, UsageError, lacking

app = typer.Typer(
    name="residyn",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _without_verb(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """The residual stream of a transformer as a dynamical system over depth."""
    if version:
        Display().result(f"residyn {installed_version('residyn')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


for verb in VERBS:
    app.command(name=verb.__name__)(verb)

_OUTPUT = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}


def show_warnings() -> None:
    """Have Python's warnings shown as the display shows its own: they name what files name."""
    warnings.showwarning = _show_warning


def _show_warning(
    message: Warning | str, category: type[Warning], _filename: str, _lineno: int, *_: object, **__: object
) -> None:
    Display().warn([f"{category.__name__}: {message}" if category is not UserWarning else str(message)])


def run_command(arguments: list[str]) -> int:
    """Run one command line; returns its exit code and leaves its message on standard error."""
    display = Display()
    try:
        _check_output()
        code = app(args=arguments, prog_name="residyn", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of our output left; what was stored is stored.
        sys.stderr.close()
        return 0
    # The parser of the command line has an exception of its own for Ctrl-C, typer's older versions another one.
    except (KeyboardInterrupt, typer.Abort):
        return _told(Interrupted(), display, arguments)
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__module__ == "builtins":
            raise
        return _told(error, display, arguments)
    if code == Interrupted.exit_code:
        return _told(Interrupted(), display, arguments)
    return code if isinstance(code, int) else 0


def _check_output() -> None:
    """Raise ResourceError where there is no standard output: before any work that would end in printing on it."""
    if sys.stdout is None:
        raise ResourceError(_NO_OUTPUT.format("it is closed"))


def _told(error: BaseException, display: Display, arguments: list[str]) -> int:
    """Tell an error in one message; its exit code."""
    known = _known(error, arguments)
    if known is None:
        known = ResidynError(
            f"{type(error).__name__}: {error}\nThis is a defect of residyn, not of your input. Run again with -v "
            "and report the traceback."
        )
    # Where messages cannot be written either, the exit code has to do.
    with suppress(OSError):
        display.fail(str(known))
        if {"-v", "--verbose"} & set(arguments) and not isinstance(known, UsageError):
            display.trace("".join(traceback.format_exception(error)))
    return known.exit_code


def _known(error: BaseException, arguments: list[str]) -> ResidynError | None:
    """An error as one of residyn's; None where nobody foresaw it."""
    if isinstance(error, Interrupted) and not str(error):
        return Interrupted("Interrupted. Run the same command again to go on.")
    if isinstance(error, ResidynError):
        return error
    # What the parser of the command line raises: of a class that depends on the version of typer.
    wrong_usage = getattr(error, "format_message", None)
    if wrong_usage:
        verbs = [name for name in arguments[:1] if name in {verb.__name__ for verb in VERBS}]
        return UsageError(f"{wrong_usage()} See {' '.join(['residyn', *verbs, '--help'])}.")
    if isinstance(error, OSError) and error.errno in _OUTPUT and error.filename is None:
        return ResourceError(_NO_OUTPUT.format(error.strerror))
    if isinstance(error, RecursionError):
        return StoreError(
            "A file that was read is damaged: what it holds is nested deeper than residyn writes anything. "
            "Restore it from a copy; -v shows which one it is."
        )
    return lacking(error)


_NO_OUTPUT = (
    "Results could not be printed on standard output: {}. What was stored is stored. Give the same command again "
    "with an output that can be written to."
)
