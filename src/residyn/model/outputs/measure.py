"""One sample's outputs: the lens at every sublayer, and the end without each block."""

from __future__ import annotations

import numpy as np
import torch

from residyn.errors import UsageError
from residyn.model.loading import LoadedModel
from residyn.model.outputs.distributions import Final, compared, final_of
from residyn.model.outputs.lens import Lens, Read, proved
from residyn.model.outputs.skips import ends, layers_of
from residyn.model.texts import Sample


def measured(
    model: LoadedModel, lens: Lens, sample: Sample, next_token: int | None, seed: int, *, skips: bool
) -> dict[str, np.ndarray]:
    """The arrays of one sample, under the names of its variables; proof_error, and why rows were whole: reason.

    What is known of skipped blocks is NaN unless `skips`; `seed` exchanges the words of the null. Raises
    UsageError for a next token that the model does not know, ModelError where the lens is not the model's own.
    """
    read = lens.read(sample.input_ids)
    n_words = len(read.logits)
    if next_token is not None and not 0 <= next_token < n_words:
        raise UsageError(
            f"A next token is an id among the model's {n_words:,} words; got {next_token}. Give the id that the "
            "model's own tokenizer gives, or None."
        )
    exchanged = torch.from_numpy(np.random.default_rng(seed).permutation(n_words))
    error = proved(lens, read, model.name)
    final = final_of(read.logits, next_token)
    seen = compared(final, lens.logits(read.states, read), exchanged)
    agrees = seen["token"] == final.token
    settled = np.logical_and.accumulate(agrees[::-1])[::-1]
    found: dict[str, np.ndarray | float | int] = {
        "lens_kl": seen["kl"],
        "lens_entropy": seen["entropy"],
        "lens_agreement": agrees,
        "lens_settled": settled,
        "lens_loss": seen["loss"],
        "lens_token": seen["token"],
        "lens_exchanged_kl": seen["other_kl"],
        "settling_depth": 1.0 - settled.mean(),
        "final_entropy": final.entropy,
        "final_token": final.token,
        "final_loss": final.loss,
    }
    without, reason = _without(model, lens, sample, read, final, skips=skips)
    arrays = {name: np.asarray(values, dtype=np.float64) for name, values in {**found, **without}.items()}
    return {**arrays, "proof_error": np.array(error), "reason": np.array(reason)}


def _without(
    model: LoadedModel, lens: Lens, sample: Sample, read: Read, final: Final, *, skips: bool
) -> tuple[dict[str, np.ndarray], str]:
    """The distribution without each block and in another order beside the model's; and why by full passes."""
    n = len(layers_of(lens.sites))
    names = [f"{what}_{name}" for what in ("skip", "swap") for name in ("kl", "agreement", "loss_change")]
    found = {name: np.full(n, np.nan) for name in names}
    if not skips:
        return found, ""
    behind = ends(model, lens.sites, sample, read)
    for what, states in (("skip", behind.skipped), ("swap", behind.swapped)):
        if not len(states):
            continue
        one = compared(final, lens.logits(states.to(read.end), read), None)
        found[f"{what}_kl"][: len(states)] = one["kl"]
        found[f"{what}_agreement"][: len(states)] = one["token"] == final.token
        found[f"{what}_loss_change"][: len(states)] = one["loss"] - final.loss
    return found, behind.reason
