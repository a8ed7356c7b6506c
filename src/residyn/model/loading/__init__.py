"""A model to read: hub id, folder, GGUF file, built-in name or a model already in memory → `LoadedModel`."""

from residyn.model.loading.given import GivenModel, loaded
from residyn.model.loading.head import language_model
from residyn.model.loading.load import load_model
from residyn.model.loading.permutation import permuted
from residyn.model.loading.recipe import Recipe
from residyn.model.loading.record import LoadedModel
from residyn.model.loading.twin import untrained

__all__ = [
    "GivenModel",
    "LoadedModel",
    "Recipe",
    "language_model",
    "load_model",
    "loaded",
    "permuted",
    "untrained",
]
