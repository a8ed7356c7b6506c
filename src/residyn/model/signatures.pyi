# Generated: python -m residyn.model.signatures > src/residyn/model/signatures.pyi
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Literal

import xarray as xr

from residyn.model.layout import Layout
from residyn.model.loading import GivenModel
from residyn.model.texts import Samples, Texts
from residyn.progress import Progress

def capture(
    model: GivenModel,
    texts: Texts | Samples | Iterable[str],
    out: str | Path | None = None,
    *,
    layout: Layout | None = None,
    progress: Progress | bool | None = None,
    executor: Executor | None = None,
    mixed: bool = False,
    max_tokens: int | None = None,
    position: str | int = "end",
    bos: Literal["auto", "always", "never"] = "auto",
    special_tokens: Literal["spell", "read"] = "spell",
    chat: bool = False,
    seed: int = 0,
    batch_tokens: int | None = None,
    on_nonfinite: Literal["refuse", "drop"] = "refuse",
) -> xr.DataArray: ...
