"""A model to read: hub id, folder, GGUF file, built-in name or a model already in memory → `LoadedModel`."""

from residyn.model.loading.load import load_model
from residyn.model.loading.record import LoadedModel

__all__ = ["LoadedModel", "load_model"]
