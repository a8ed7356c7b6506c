"""What a capture is of, before the first pass: rows of tokens, proved sites, and the plan of batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from residyn import store
from residyn.errors import DataError, UsageError
from residyn.model.batches import BatchPlan, plan_batches
from residyn.model.check import find_sites, taps_of
from residyn.model.layout import Layout
from residyn.model.loading import LoadedModel
from residyn.model.recheck import check_stored
from residyn.model.texts import Sample, Samples, Texts, read_texts, tokenize_texts
from residyn.model.texts.ids import are_ids
from residyn.schema import DOCUMENT, NO_DOCUMENT
from residyn.sitemap import SiteMap

BATCH_TOKENS = {"cpu": 2048}
BATCH_TOKENS_ELSEWHERE = 16384


@dataclass(frozen=True)
class CapturePlan:
    """Everything that decides the numbers of a capture, before the first pass.

    `records` holds one record a row, in the order of the store: sample (its place among the texts), text_id,
    sha256, n_tokens, last_token, input_ids, text and, where it is known, document. `settings` says how the rows
    were tokenized, and `texts` names their source. `on_nonfinite` decides no number: a sample whose states are
    not finite has none.
    """

    model: LoadedModel
    records: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]
    texts: str
    sites: SiteMap
    batches: BatchPlan
    on_nonfinite: Literal["refuse", "drop"] = "refuse"

    @property
    def n_tokens(self) -> int:
        return sum(record["n_tokens"] for record in self.records)

    def describe(self) -> dict[str, Any]:
        """What the run's fingerprint is made of; equal if and only if the states are meant to be equal."""
        return {
            "model": self.model.fingerprint(),
            "samples": dict(self.settings),
            "plan": {"batch_tokens": self.batches.batch_tokens, "rows_per_shard": self.batches.rows_per_shard},
            "sites": [[site.layer, site.site, site.module, site.where] for site in self.sites.sites],
        }

    def summary(self) -> str:
        """The plan in one line."""
        distinct, tied = store.last_token_ties(np.array([record["last_token"] for record in self.records]))
        return (
            f"{len(self.records)} texts, {self.n_tokens:,} tokens, {distinct} distinct last tokens "
            f"({tied:.0%} of the texts share theirs); {len(self.sites.sites)} sublayers, "
            f"{self.sites.arrangement} blocks, proved on the model's weights"
        )

    def create(self, out: str | Path) -> None:
        """Make the run directory of this plan, or find it; StoreError where another run stands there."""
        store.create(
            out,
            self.describe(),
            self.records,
            self.sites.sublayers,
            self.model.n_units,
            model=self.model.title,
            capture_dtype=self.capture_dtype,
            sites_json=self.sites.to_json(),
            labels=self.labels,
            rows_per_shard=self.batches.rows_per_shard,
        )

    def check_stored(self, out: str | Path) -> None:
        """Raise StoreError where states stored in the plan's directory are not those that its model gives."""
        taps = taps_of(self.sites.sites)
        check_stored(out, self.model.module, taps, self.records, self.model.dtype)

    @property
    def capture_dtype(self) -> str:
        return str(self.model.dtype).removeprefix("torch.")

    @property
    def labels(self) -> dict[str, str | int]:
        """Attributes of the states that say what they are of."""
        return {"texts": self.texts, "position": self.settings["position"]}


def prepare(
    model: LoadedModel,
    texts: Texts | Samples | Iterable[str],
    *,
    position: Literal["end", "random"] | int = "end",
    max_tokens: int | None = None,
    bos: Literal["auto", "always", "never"] = "auto",
    special_tokens: Literal["spell", "read"] = "spell",
    chat: bool = False,
    seed: int = 0,
    batch_tokens: int | None = None,
    layout: Layout | None = None,
    on_nonfinite: Literal["refuse", "drop"] = "refuse",
) -> tuple[CapturePlan, Samples]:
    """Tokenize, prove the sites and plan the batches: all that can fail before the long work does so here.

    `batch_tokens` is the most tokens of one batch, by default 2,048 on a CPU, where more is no faster, and
    16,384 elsewhere. `on_nonfinite` refuses states that are not finite, or drops their samples and counts
    them. Returns the plan, and the samples with what was counted on the way. Raises UsageError,
    DataError, ModelError.
    """
    if on_nonfinite not in ("refuse", "drop"):
        raise UsageError(f"on_nonfinite is 'refuse' or 'drop'; got {on_nonfinite!r}.")
    if batch_tokens is not None and batch_tokens < 1:
        raise UsageError(f"batch_tokens is the most tokens of one batch, at least 1; got {batch_tokens}.")
    if are_ids(texts):
        texts = tokenize_texts(texts, model.tokenizer, context=model.context)
    if not isinstance(texts, Texts | Samples):
        texts = read_texts(texts, n=None, min_chars=0, max_chars=None, white_space="keep")
    if isinstance(texts, Samples):
        samples, written, name = texts, {}, "samples"
    else:
        context = model.context
        samples = tokenize_texts(
            texts,
            model.tokenizer,
            max_tokens=max_tokens,
            context=context,
            position=position,
            seed=seed,
            bos=bos,
            special_tokens=special_tokens,
            chat=chat,
        )
        written = {row.text_id: row.text for row in texts.rows}
        name = _name_of(texts)
    check_ids(model, samples.samples)
    sites = find_sites(model, layout)
    rows = store.samples_per_shard(len(samples), len(sites.sites), model.n_units)
    most = batch_tokens or BATCH_TOKENS.get(model.device.type, BATCH_TOKENS_ELSEWHERE)
    batches = plan_batches([sample.n_tokens for sample in samples], rows, most)
    records = tuple(
        record_of(index, samples.samples[index], written.get(samples.samples[index].text_id, ""))
        for index in batches.order
    )
    decisive = {key: samples.settings[key] for key in ("position", "limit", "bos")}
    settings = {"sha256": samples.sha256, "n": len(samples), **decisive}
    return CapturePlan(model, records, settings, name, sites, batches, on_nonfinite), samples


def check_ids(model: LoadedModel, samples: Iterable[Sample]) -> None:
    """Raise DataError, naming token and text, where a token has no embedding in the model."""
    embedding = model.module.get_input_embeddings()
    size = getattr(embedding, "num_embeddings", None)
    if not isinstance(size, int):
        return
    for sample in samples:
        highest = max(sample.input_ids)
        if highest >= size:
            token = model.tokenizer.convert_ids_to_tokens(highest)
            raise DataError(
                f"Text {sample.text_id} holds the token {token!r} with the id {highest}, and {model.name} has "
                f"embeddings for the ids 0 to {size - 1}: words were added to the tokenizer and not to the model. "
                "Give the tokenizer the model was trained with, or call "
                "model.resize_token_embeddings(len(tokenizer)) and train it, or leave such texts out."
            )


def record_of(index: int, sample: Sample, text: str) -> dict[str, Any]:
    """A row of the store: the sample, its place among the texts, and its text."""
    record = {
        "sample": index,
        "text_id": sample.text_id,
        "sha256": sample.sha256,
        "n_tokens": sample.n_tokens,
        "last_token": sample.last_token,
        "input_ids": list(sample.input_ids),
        "text": text,
    }
    return record if sample.document == NO_DOCUMENT else {**record, DOCUMENT: sample.document}


def _name_of(texts: Texts) -> str:
    """What a figure's footer calls the texts."""
    name = str(texts.source["name"])
    # A file goes by its own name: where it lies says nothing about the numbers.
    shown = Path(name).name if texts.source["kind"] == "file" else name
    return " ".join(str(part) for part in (shown, texts.source.get("split")) if part)


def plan_of(
    run: str | Path,
    model: LoadedModel,
    layout: Layout | None = None,
    on_nonfinite: Literal["refuse", "drop"] = "refuse",
) -> CapturePlan:
    """The plan of an existing run directory, made of its own tokens and settings, to repair or complete it.

    Raises StoreError, naming what differs, where the model or its sites are not those of the run.
    """
    manifest = store.read_manifest(run)
    records = tuple(store.read_samples(Path(run), sha256=manifest.samples_sha256, n_samples=manifest.n_samples))
    batch_tokens = manifest.description["plan"]["batch_tokens"]
    batches = plan_batches([record["n_tokens"] for record in records], manifest.rows_per_shard, batch_tokens)
    settings, texts = manifest.description["samples"], str(manifest.labels.get("texts", "texts"))
    plan = CapturePlan(model, records, settings, texts, find_sites(model, layout), batches, on_nonfinite)
    plan.create(run)
    plan.check_stored(run)
    return plan
