"""A model as people give it: loaded, or by its name."""

from __future__ import annotations

import os

from residyn.errors import UsageError
from residyn.model.loading.load import load_model
from residyn.model.loading.record import LoadedModel

GivenModel = LoadedModel | str | os.PathLike[str]
"""What every function that wants a model takes."""


def loaded(model: GivenModel) -> LoadedModel:
    """The model, loaded with every default of `load_model` where it is a hub id, a path or a built-in name.

    Raises UsageError for what is neither, and as `load_model` does.
    """
    if isinstance(model, LoadedModel):
        return model
    if isinstance(model, str | os.PathLike):
        return load_model(model)
    raise UsageError(
        "A model is a hub id, a folder, a .gguf file, a built-in name, or what rd.load_model gave; got "
        f"{type(model).__name__}. Of a transformers model in memory give rd.load_model(model, tokenizer)."
    )
