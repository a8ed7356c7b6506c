"""How a model is made, in words that another process can make it from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """What `load_model` was asked for, with its choices settled; and which other weights were made of it.

    `model` is a name, or an absolute path. `device` is as it was asked for, without a number: each worker has
    devices of its own. `gpus` is over how many of them a model is spread.
    """

    model: str
    revision: str | None
    dtype: str
    device: str
    attention: str
    offline: bool
    allow_pickle: bool
    trust_remote_code: bool
    gpus: int = 1
    weights: Literal["trained", "untrained", "permuted"] = "trained"
    seed: int = 0
