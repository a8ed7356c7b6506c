"""What a capture is of, before the first pass: rows of tokens, proved sites, and the plan of batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from residyn import store
from residyn.errors import DataError, ModelError
from residyn.model.batches import BatchPlan, BatchRules, plan_batches
from residyn.model.check import find_sites, may_pad
from residyn.model.hooks import taps_of
from residyn.model.layout import Layout
from residyn.model.loading import LoadedModel
from residyn.model.recheck import check_stored
from residyn.model.texts import Sample, Samples, Texts, read_texts, tokenize_texts
from residyn.model.texts.ids import are_ids
from residyn.model.texts.positions import reads_several
from residyn.settings import CAPTURE_OPTIONS, CaptureSettings, ModelSettings, fields_of, options_of
from residyn.sitemap import SiteMap

BATCH_TOKENS = {"cpu": 2048}
BATCH_TOKENS_ELSEWHERE = 16384
PADDING = 0.06
"""Most of a batch that is padding, where texts may be padded."""
BATCH_BYTES = 256 * 2**20
"""Most memory for the states of one batch, in float32: with many tokens of a text, they are more than the text."""
_ELSEWHERE = {
    field.name: "rd.load_model" if field.name in ModelSettings.__struct_fields__ else "rd.read_texts"
    for field in fields_of(CaptureSettings)
    if field.name not in CAPTURE_OPTIONS
} | {"sites": "rd.capture as layout=rd.Layout(…)"}
"""Whose options the other settings of a capture are in Python."""


@dataclass(frozen=True)
class CapturePlan:
    """Everything that decides the numbers of a capture, before the first pass.

    `records` are the samples, row by row in the order of the store, each labelled by its place among the texts.
    `settings` says how the rows were tokenized, and `texts` names their source. `on_nonfinite` decides no
    number: a sample whose states are not finite has none. `layout` is the map of sites that was given, by which
    others prove the sites too.
    """

    model: LoadedModel
    records: store.SampleTable
    settings: Mapping[str, Any]
    texts: str
    sites: SiteMap
    batches: BatchPlan
    on_nonfinite: Literal["refuse", "drop"] = "refuse"
    layout: Layout | None = None

    @property
    def n_tokens(self) -> int:
        """How many tokens go through the model: those of each text once, padding not counted."""
        return sum(batch.tokens for batch in self.batches.batches)

    def describe(self) -> dict[str, Any]:
        """What the run's fingerprint is made of; equal if and only if the states are meant to be equal."""
        return {
            "model": self.model.fingerprint(),
            "samples": dict(self.settings),
            "plan": self.batches.rules.describe(),
            "sites": [[site.layer, site.site, site.module, site.where] for site in self.sites.sites],
        }

    @property
    def tied(self) -> float:
        """The share of samples that share their last token with another one."""
        return store.last_token_ties(self.records.last_token)[1]

    def summary(self) -> str:
        """The plan in one line."""
        distinct, tied = store.last_token_ties(self.records.last_token)
        n, texts = len(self.records), len(self.records.text_rows)
        what, read = ("texts", "last") if n == texts else ("samples", "read")
        of_texts = "" if n == texts else f" of {texts:,} texts"
        return (
            f"{n:,} {what}{of_texts}, {self.n_tokens:,} tokens, {distinct} distinct {read} tokens "
            f"({tied:.0%} of the {what} share theirs); {len(self.sites.sites)} sublayers, "
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
            rows_per_shard=self.batches.rules.rows_per_shard,
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


def capture_options(options: Mapping[str, Any]) -> CaptureSettings:
    """The settings that options of `rd.capture` choose. Raises UsageError for what is none, or out of range."""
    return options_of(CaptureSettings, CAPTURE_OPTIONS, options, "rd.capture", _ELSEWHERE)


def taken(texts: Texts | Samples | Iterable[str], model: LoadedModel) -> Texts | Samples:
    """Texts or samples as they are; strings as texts, all taken as they are; ready ids as samples."""
    if are_ids(texts):
        return tokenize_texts(texts, model.tokenizer, context=model.context)
    if isinstance(texts, Texts | Samples):
        return texts
    return read_texts(texts, n=None, min_chars=0, max_chars=None, white_space="keep")


def prepare(
    model: LoadedModel,
    texts: Texts | Samples | Iterable[str],
    *,
    layout: Layout | None = None,
    run: str | Path | None = None,
    **options: Any,
) -> tuple[CapturePlan, Samples]:
    """Tokenize, prove the sites and plan the batches: all that can fail before the long work does so here.

    `options` are the `CAPTURE_OPTIONS` of `CaptureSettings`. Texts are padded where the model's own weights prove
    that it is safe (`may_pad`); where there is a `run` already, it is gone on with by its own rules for batches.
    Returns the plan, and the samples with what was counted on the way. Raises UsageError, DataError, ModelError.
    """
    asked = capture_options(options)
    texts = taken(texts, model)
    if isinstance(texts, Samples):
        samples, name = texts, "samples"
        table = replace(samples.table, sources=tuple(one._replace(text="") for one in samples.table.sources))
    else:
        context = model.context
        samples = tokenize_texts(
            texts,
            model.tokenizer,
            max_tokens=asked.max_tokens,
            context=context,
            position=asked.position,
            seed=asked.seed,
            bos=asked.bos,
            special_tokens=asked.special_tokens,
            chat=asked.chat,
        )
        name, table = _name_of(texts), samples.table
    check_ids(model, samples.samples, int(table.ids.max()))
    sites = find_sites(model, layout)
    rules = _rules(model, sites, len(samples), asked.batch_tokens, run)
    where = samples.settings["position"]
    if reads_several(where) and not rules.padding:
        raise ModelError(
            f"The position {where!r} reads several tokens in one pass, in which no token's states may depend on "
            f"what follows it: those of {model.name} do, or may with the length of the whole text. Cut the texts "
            "at one token each: position end, random or a number."
        )
    batches = plan_batches(table.n_tokens, rules, table.text)
    records = table.take(batches.order)
    decisive = {key: samples.settings[key] for key in ("position", "limit", "bos")}
    settings = {"sha256": samples.sha256, "n": len(samples), **decisive}
    return CapturePlan(model, records, settings, name, sites, batches, asked.on_nonfinite, layout), samples


def _rules(
    model: LoadedModel, sites: SiteMap, n: int, batch_tokens: int | None, run: str | Path | None
) -> BatchRules:
    """The rules of the run that is there, as far as nothing else is asked for; else those of a new one."""
    rows = store.samples_per_shard(n, len(sites.sites), model.n_units)
    if run is not None and store.has_manifest(Path(run)):
        known = BatchRules.described(store.read_manifest(run).description["plan"], rows)
        return known if batch_tokens is None else replace(known, batch_tokens=batch_tokens)
    return BatchRules(
        batch_tokens or BATCH_TOKENS.get(model.device.type, BATCH_TOKENS_ELSEWHERE),
        rows,
        PADDING if may_pad(model, sites) else 0.0,
        max(1, BATCH_BYTES // (4 * len(sites.sites) * model.n_units)),
    )


def check_ids(model: LoadedModel, samples: Iterable[Sample], highest_of_all: int | None = None) -> None:
    """Raise DataError, naming token and text, where a token has no embedding in the model.

    Where it is known that no id is above one that has, no sample is looked into.
    """
    embedding = model.module.get_input_embeddings()
    size = getattr(embedding, "num_embeddings", None)
    if not isinstance(size, int) or (highest_of_all is not None and highest_of_all < size):
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
    records = store.read_samples(Path(run), sha256=manifest.samples_sha256, n_samples=manifest.n_samples)
    plan = plan_from(manifest, records, model, find_sites(model, layout), on_nonfinite, layout=layout)
    plan.create(run)
    plan.check_stored(run)
    return plan


def plan_from(
    manifest: store.Manifest,
    records: store.SampleTable,
    model: LoadedModel,
    sites: SiteMap,
    on_nonfinite: Literal["refuse", "drop"] = "refuse",
    *,
    layout: Layout | None = None,
) -> CapturePlan:
    """The plan that a run's manifest describes, of its own rows, whether the model is the run's or not."""
    rules = BatchRules.described(manifest.description["plan"], manifest.rows_per_shard)
    batches = plan_batches(records.n_tokens, rules, records.text)
    settings, texts = manifest.description["samples"], str(manifest.labels.get("texts", "texts"))
    return CapturePlan(model, records, settings, texts, sites, batches, on_nonfinite, layout)
