"""`rd.run` under the stub beside this file, which tells editors and type checkers its options one by one."""

from residyn.pipeline.run import run
from residyn.settings.stubs import stub_of

_IMPORTS = """
from concurrent.futures import Executor
from pathlib import Path
from typing import Literal

from residyn.model.loading import GivenModel
from residyn.pipeline.presets import PresetName
from residyn.pipeline.reporter import Reporter
from residyn.pipeline.run import Run
"""

__all__ = ["run"]


def stub() -> str:
    """The text of signatures.pyi."""
    return stub_of("residyn.pipeline.signatures", _IMPORTS, run)


if __name__ == "__main__":
    print(stub(), end="")
