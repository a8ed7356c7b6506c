"""`rd.capture` under the stub beside this file, which tells editors and type checkers its options one by one."""

from residyn.model.capture import capture
from residyn.settings.stubs import stub_of

_IMPORTS = """
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Literal

import xarray as xr

from residyn.model.layout import Layout
from residyn.model.loading import GivenModel
from residyn.model.texts import Samples, Texts
from residyn.progress import Progress
"""

__all__ = ["capture"]


def stub() -> str:
    """The text of signatures.pyi."""
    return stub_of("residyn.model.signatures", _IMPORTS, capture)


if __name__ == "__main__":
    print(stub(), end="")
