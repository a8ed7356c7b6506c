"""`outputs`: texts → what the model would predict from each sublayer's state, and without each block."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from transformers import PreTrainedModel

from residyn.errors import ModelError, ResourceError, UsageError
from residyn.model import hooks
from residyn.model.attached import is_spread
from residyn.model.check import find_sites
from residyn.model.layout import Layout
from residyn.model.loading import GivenModel, LoadedModel, language_model, loaded
from residyn.model.outputs.labels import labelled
from residyn.model.outputs.lens import Lens
from residyn.model.outputs.measure import measured
from residyn.model.parts import Parts, kept
from residyn.model.teleport.hosts import read_hosts
from residyn.model.texts import Sample, Samples, Texts
from residyn.progress import Progress, told
from residyn.store.manifest import fingerprint_of, residyn_version

FORMAT = 1
"""What is kept of a sample: another number where it is no longer the same."""


def outputs(
    model: GivenModel,
    texts: str | Iterable[str] | Texts | Samples,
    *,
    labels: Sequence[int] | None = None,
    next_tokens: Sequence[int | None] | None = None,
    skips: int | None = None,
    seed: int = 0,
    layout: Layout | None = None,
    out: str | Path | None = None,
    progress: Progress | bool | None = None,
) -> xr.Dataset:
    """What the model would predict from each sublayer's state of a text's last token, and without each block.

    The logit lens: whatever the model does behind its last block (final norm, head, scales, soft caps) is done to
    the state before each sublayer; its distribution q is compared with the model's own, p. Skipped blocks: the
    stream of the last token passes one block by, or takes two neighbours in the other order; the tokens before it,
    and so the keys and values that it sees, stay as they are. It is no model without that layer, in which all
    tokens would go without it.

    model: from `load_model`, or what that takes: a hub id, a folder, a built-in name. It needs its head.
    texts: one string or several, or what `read_texts` or `tokenize_texts` returned.
    labels: a label for each text; by default 0, 1, …
    next_tokens: for each text the id of the token that came next, or None: losses are of these.
    skips: in how many of the texts, the first ones, blocks are skipped; all by default.
    seed: decides which words are exchanged in lens_exchanged_kl.
    layout: a map of sites of your own.
    out: a folder in which each text's numbers are kept; the same call goes on with the texts that it lacks.
    progress: a function that is called with (texts done, texts in all), or False for no bar, as `rd.capture`
        takes it.

    Returns a Dataset whose variables say what they are in their attributes `definition` and `units`:
    (sample, sublayer): lens_kl, in nats, KL(p ‖ q) ≥ 0, infinite where q rules out what p does not; lens_entropy,
        of q; lens_agreement and lens_settled, 0 or 1; lens_loss; lens_token; lens_exchanged_kl, the null: the lens
        with its words exchanged at random.
    (sample, layer): skip_kl, skip_agreement, skip_loss_change; swap_kl, swap_agreement, swap_loss_change with the
        layer that follows, NaN for the last. NaN too in texts in which no block is skipped.
    (sample,): settling_depth in [0, 1], 1 where the top token is not the model's before the last sublayer is done;
        final_entropy, final_token, final_loss.
    Of words of equal probability the first counts as the most likely. Rows of the head that stand for no word, as
    where a vocabulary is padded, have the probability that the model gives them.
    Attributes: `proof_error`, the largest relative difference between the lens of the last block's output and the
    model's own logits; `paths`, why texts were read whole.

    Source: the logit lens is nostalgebraist's (2020); skipped and exchanged layers: arXiv 2406.19384 and
    2403.17887, which take a layer from all tokens.

    Raises UsageError, DataError; ModelError where the model has no head at hand, is spread over devices, or where
    the lens of the last state is not the model's own prediction to rounding; ResourceError where memory is
    lacking; Interrupted, on Ctrl-C, after the text in hand, where results are stored.

    >>> seen = rd.outputs(model, ["The Eiffel Tower is in the city of"])
    >>> seen.lens_kl.dims
    ('sample', 'sublayer')
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise UsageError(f"seed is a whole number, at least 0; got {seed!r}.")
    if skips is not None and (isinstance(skips, bool) or not isinstance(skips, int | np.integer) or skips < 0):
        raise UsageError(f"skips is a number of texts, at least 0, or None for all; got {skips!r}.")
    given = loaded(model)
    hosts = read_hosts(given, texts, "last")
    names = list(range(len(hosts))) if labels is None else [int(label) for label in labels]
    if len(names) != len(hosts):
        raise UsageError(f"There is a label for each of {len(hosts)} texts; got {len(names)} labels.")
    lens = Lens(whole_model(given), given.module, find_sites(given, layout))
    n = len(hosts)
    each = _Each(
        given, lens, hosts.samples, _next_tokens(next_tokens, n), n if skips is None else int(skips), int(seed)
    )
    with told("Outputs", "texts", progress) as tell:
        each.report = tell
        if out is None:
            made = [each.of(number) for number in range(n)]
        else:
            ids = [sample.input_ids for sample in hosts.samples]
            made = kept(Parts(Path(out), "outputs"), ids, each.fingerprint, each.of, each.found)
    attrs = {
        "quantity": "outputs",
        "model": given.title,
        "texts": hosts.name,
        "capture_dtype": str(given.dtype).removeprefix("torch."),
        "n_skips": min(each.skips, n),
        "seed": int(seed),
        "proof_error": max(float(part["proof_error"]) for part in made),
        "paths": json.dumps(sorted({str(part["reason"]) for part in made} - {""})),
        "sites": lens.sites.to_json(),
        "residyn_version": residyn_version(),
    }
    return labelled(list(zip(names, hosts.samples, strict=True)), made, lens.sites, attrs)


def whole_model(model: LoadedModel) -> PreTrainedModel:
    """The model with its head. Raises ModelError where that is not at hand, or the model is on several devices."""
    if is_spread(model.module):
        raise ModelError(
            f"Outputs are of a model that is on one device, and {model.name} is spread over several, or "
            "offloaded. Load it on one device, in --dtype bfloat16 if need be, or go without them."
        )
    whole, reason = language_model(model)
    if whole is None:
        raise ModelError(
            f"Outputs take the head of {model.name}, and it is not at hand: {reason}. Load the model with its "
            "head (of one in memory, give AutoModelForCausalLM's), or go without them."
        )
    return whole


def _next_tokens(given: Sequence[int | None] | None, n: int) -> list[int | None]:
    known: list[int | None] = [None] * n if given is None else [None if one is None else int(one) for one in given]
    if len(known) != n:
        raise UsageError(f"There is a next token, or None, for each of {n} texts; got {len(known)}.")
    return known


@dataclass
class _Each:
    """What the samples of one model have in common; samples go by their numbers."""

    model: LoadedModel
    lens: Lens
    samples: tuple[Sample, ...]
    next_tokens: list[int | None]
    skips: int
    seed: int
    report: Progress = lambda *_: None
    done: int = 0

    def fingerprint(self, number: int) -> str:
        """The sha256 of what decides a sample's numbers."""
        return fingerprint_of(
            {
                "format": FORMAT,
                "model": self.model.fingerprint(),
                "sites": self.lens.sites.to_json(),
                "ids": list(self.samples[number].input_ids),
                "next": self.next_tokens[number],
                "skips": number < self.skips,
                "seed": self.seed,
                "residyn_version": residyn_version(),
            }
        )

    def of(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of one sample."""
        sample, skips = self.samples[number], number < self.skips
        try:
            found = measured(self.model, self.lens, sample, self.next_tokens[number], self.seed, skips=skips)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not hooks.out_of_memory(error):
                raise
            raise ResourceError(
                f"Memory ran out in the outputs of a text of {sample.n_tokens} tokens in {self.model.name}. Take "
                "shorter texts, skips=0, or load the model as bfloat16."
            ) from error
        self.found(number)
        return found

    def found(self, _: int) -> None:
        """Count a sample."""
        self.done += 1
        self.report(self.done, len(self.samples))
