"""What is known of a loaded model: the module that runs, where it came from, and every choice made on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from residyn.model.loading.recipe import Recipe
from residyn.shown import Shown

Source = Literal["hub", "folder", "gguf", "builtin", "object", "untrained", "permuted"]


@dataclass(frozen=True, eq=False)
class HeadSource:
    """Where a base model's head is to be had: in the user's own model in memory, or in a folder's safetensors.

    `tied` is whether the whole model ties it to the embedding, which a part that reads text may contradict; None
    where the base model's own config says so. A head of a model with permuted weights is the trained one's, its
    entries in the order of the seed `permuted`; None leaves them in place.
    """

    owner: PreTrainedModel | None = None
    folder: Path | None = None
    tied: bool | None = None
    permuted: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class LoadedModel(Shown):
    """A base model ready to read, and how it came to be.

    module         the text decoder without its language-model head, in evaluation mode
    tokenizer      its tokenizer
    name           as the user named it (a folder or file by its path): under it the model is loaded again
    title          what figures and reports call it: a folder or file by its own name, without the path to it
    source         "hub" | "folder" | "gguf" | "builtin" | "object" | "untrained" |
                   "permuted"
    revision       the commit of a hub repository (40 hex digits), else None
    files          file name → sha256 of what decides the numbers. A hub's weights are taken from the cache's own
                   names, where those are sha256; a model in memory has "parameters", and a tokenizer that was
                   given has "tokenizer"; an untrained model has "config" and "tokenizer" (sha256), and the
                   "seed" and versions ("transformers", "torch") that drew its weights; one with permuted weights
                   has what the trained ones are known by, the "permutation seed" and the version of "numpy"
    dtype          the number format of the weights in memory, and of the residual stream
    dtype_reason, device_reason   why these were chosen
    attention      the implementation in use ("sdpa", "eager" …)
    context        the most positions the model was built for; None where the config does not bound them
    n_layers, n_units   the number of blocks; the width of the residual stream
    model_type     the architecture family, as transformers names it
    quantization   how the stored weights were quantised; None where they were not
    warnings       what a reader of results must know
    head           where the language-model head is to be had, for `language_model`; None where that is not known
    recipe         how another process makes it; None where it cannot, as of a model that was given in memory
    """

    module: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    title: str
    source: Source
    revision: str | None
    files: Mapping[str, str]
    dtype: torch.dtype
    dtype_reason: str
    device: torch.device
    device_reason: str
    attention: str
    context: int | None
    n_layers: int
    n_units: int
    model_type: str
    quantization: str | None
    warnings: tuple[str, ...]
    head: HeadSource | None = None
    recipe: Recipe | None = None

    def shown(self) -> tuple[str, list[tuple[str, str]]]:
        rows = {
            "architecture": f"{self.model_type}, {self.n_layers} layers of {self.n_units} units",
            "weights": self.quantization or self.source,
            "number format": str(self.dtype).removeprefix("torch."),
            "device": str(self.device),
        }
        return self.title, [*rows.items(), *(("warning", warning) for warning in self.warnings)]

    def describe(self) -> dict[str, Any]:
        """Everything but the module, tokenizer, head and recipe, as plain JSON: the provenance of a run."""
        return {
            "name": self.name,
            "title": self.title,
            "source": self.source,
            "revision": self.revision,
            "files": dict(self.files),
            "dtype": str(self.dtype).removeprefix("torch."),
            "dtype_reason": self.dtype_reason,
            "device": str(self.device),
            "device_reason": self.device_reason,
            "attention": self.attention,
            "context": self.context,
            "n_layers": self.n_layers,
            "n_units": self.n_units,
            "n_parameters": sum(parameter.numel() for parameter in self.module.parameters()),
            "model_type": self.model_type,
            "quantization": self.quantization,
            "warnings": list(self.warnings),
        }

    def fingerprint(self) -> dict[str, Any]:
        """The part of `describe` that decides the numbers: equal for equal weights, wherever they lie.

        A hub model is its repository and commit; any other is the sha256 of its files. The device and the
        reasons are left out: a run may be resumed on another machine.
        """
        if self.source == "hub":
            weights: dict[str, Any] = {"repository": self.name, "revision": self.revision}
            if "tokenizer" in self.files:
                weights["tokenizer"] = self.files["tokenizer"]
        else:
            weights = {"files": dict(self.files)}
        return {
            **weights,
            "dtype": str(self.dtype).removeprefix("torch."),
            "attention": self.attention,
        }
