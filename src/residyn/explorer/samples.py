"""Which samples the page shows, their texts, and what their paths are coloured by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from residyn import store
from residyn.explorer.record import PageSamples
from residyn.schema import DOCUMENT, NO_DOCUMENT, SAMPLE
from residyn.words import clean

MOST = 5000
"""Samples on a page; of more, so many are drawn at random."""
_SEED = 0
_LONGEST = 500
"""Characters of a text that the page keeps."""
_ENDING = 14
"""Characters that name a last token at most."""


def chosen_rows(n: int) -> np.ndarray:
    """Which of n samples are shown, in their order: all, or a seeded draw of `MOST` of them."""
    if n <= MOST:
        return np.arange(n)
    return np.sort(np.random.default_rng(_SEED).choice(n, MOST, replace=False))


def samples(directory: Path, results: xr.Dataset, rows: np.ndarray, oddness: np.ndarray) -> PageSamples:
    """The samples in these rows of the results. Raises StoreError where their texts were damaged."""
    n_all = results.sizes[SAMPLE]
    coords = results.isel({SAMPLE: rows}).coords
    labels = [int(label) for label in coords[SAMPLE].values]
    whole = _texts(directory)
    full = [whole.get(label, "") for label in labels]
    read_at_end = str(results.attrs.get("position", "end")) == "end"
    last = coords["last_token"].values.tolist() if "last_token" in coords else [0] * len(labels)
    token, tokens = _numbered(last, _token_names(last, full if read_at_end else [""] * len(full)))
    documents = coords[DOCUMENT].values.tolist() if DOCUMENT in coords else [NO_DOCUMENT] * len(labels)
    names = {one: "not known" if one == NO_DOCUMENT else f"document {one}" for one in set(documents)}
    document, document_names = _numbered(documents, names)
    # Where texts are read elsewhere than at their end, the tokens that were read say where.
    where = "position" if "position" in coords else "" if read_at_end else "n_tokens"
    position = coords[where].values.tolist() if where in coords else []
    drawn = f"{len(rows):,} of {n_all:,} samples, drawn at random (seed {_SEED}); curves are of all"
    return PageSamples(
        label=tuple(labels),
        text=tuple(_shortened(text) for text in full),
        length=tuple(int(n) for n in coords["n_tokens"].values) if "n_tokens" in coords else (),
        token=token,
        tokens=tokens,
        document=document,
        documents=document_names,
        position=tuple(int(place) for place in position),
        oddness=tuple(oddness.tolist()),
        n_all=n_all,
        note=drawn if len(rows) < n_all else "",
    )


def oddness(scores: np.ndarray) -> np.ndarray:
    """How far each path lies from the mean path, (N,), of scores (component, sublayer, N).

    At each sublayer the distance from the mean over samples, over the root mean square of that of all samples;
    then the mean over sublayers. 1 is the typical distance; NaN for a path that is nowhere defined.
    """
    away = np.sqrt(((scores - np.nanmean(scores, axis=2, keepdims=True)) ** 2).sum(axis=0))
    typical = np.sqrt(np.nanmean(away**2, axis=1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(typical > 0, away / typical, np.nan)
    known = np.isfinite(relative)
    total, count = np.where(known, relative, 0.0).sum(axis=0), known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _texts(directory: Path) -> dict[int, str]:
    """The text of each sample, by its label; none where the run has no samples."""
    if not store.has_manifest(directory):
        return {}
    manifest = store.read_manifest(directory)
    found = store.read_samples(directory, sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    return {int(sample): found.sources[text].text for sample, text in zip(found.sample, found.text, strict=True)}


def _shortened(text: str) -> str:
    """The text, or its beginning and its end: where it is read."""
    text = clean(text.strip())
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"


def _token_names(last: Sequence[int], texts: Sequence[str]) -> Mapping[int, str]:
    """What each last token is: how all texts that end in it end; its number where they have no end in common."""
    ends: dict[int, list[str]] = {}
    for token, text in zip(last, texts, strict=True):
        ends.setdefault(token, []).append(text[::-1])
    names = {}
    for token, reversed_texts in ends.items():
        common = _common_beginning(reversed_texts)[::-1].strip()
        # One text alone has its whole self in common with itself.
        told = common[-_ENDING:] if len(reversed_texts) > 1 else ""
        names[token] = f"“{clean(told)}”" if told else f"token {token}"
    return names


def _common_beginning(texts: Sequence[str]) -> str:
    """What all texts begin with."""
    first, last = min(texts), max(texts)
    alike = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(alike, min(len(first), len(last)))]


def _numbered(values: Sequence[int], names: Mapping[int, str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Each value's number when values are sorted by how often they occur, and the name behind each number."""
    counts: Counter[Hashable] = Counter(values)
    ordered = sorted(counts, key=lambda value: (-counts[value], values.index(value)))  # type: ignore[arg-type]
    number = {value: i for i, value in enumerate(ordered)}
    return tuple(number[value] for value in values), tuple(names[value] for value in ordered)  # type: ignore[index]
