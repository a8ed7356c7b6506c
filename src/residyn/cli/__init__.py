"""The command line: `residyn run` and its stages. Parse, call, print, and turn errors into exit codes."""

from residyn.cli.main import main

__all__ = ["main"]
