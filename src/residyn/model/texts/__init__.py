"""Texts for a model to read: sources → chosen rows (`read_texts`) → token ids (`tokenize_texts`)."""

from residyn.model.texts.reading import TextRow, Texts, read_texts
from residyn.model.texts.samples import Sample, Samples
from residyn.model.texts.tokenizing import tokenize_texts

__all__ = ["Sample", "Samples", "TextRow", "Texts", "read_texts", "tokenize_texts"]
