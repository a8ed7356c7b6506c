"""A GGUF file while its model is made: what its header states, and the words in which it is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers
from transformers import PreTrainedConfig

from residyn.errors import ModelError
from residyn.model.gguf_guard import GgufHeader, Value


@dataclass(frozen=True)
class GgufFile:
    """A GGUF file: its header, what the header states of the computation, and transformers' name of its family."""

    path: Path
    header: GgufHeader
    stated: Mapping[str, Value]
    family: str

    def refusal(self, key: str, reason: str = "") -> ModelError:
        """The error that refuses the file for what it says under `key`."""
        value = self.stated.get(key)
        shown = "" if value is None else f" = {str(value)[:60]}"
        return ModelError(
            f"{self.path.name} says {self.header.architecture}.{key}{shown}, which decides what the model "
            f"computes{f' ({reason})' if reason else ''}, and transformers {transformers.__version__} has no "
            f"place for it in its {self.family}. Take the model's safetensors release instead."
        )

    def number(self, key: str, default: float) -> float:
        """The number that the header has under `key`, or the default where it has none."""
        value = self.stated.get(key)
        return float(value) if isinstance(value, int | float) else default

    def put(self, config: PreTrainedConfig, key: str, field: str, value: Any) -> None:
        """Give a field of the config what the header has under `key`. Raises ModelError where it is not taken."""
        try:
            setattr(config, field, value)
        except Exception as error:  # configs check what they are given, each with errors of its own
            raise self.refusal(key, str(error)[:120]) from error
