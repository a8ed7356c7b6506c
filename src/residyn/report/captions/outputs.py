"""Captions of outputs: how far the lens is from the model's prediction, where it settles, what blocks do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from residyn.control_names import MODEL
from residyn.quantities.at_samples import curve, thirds
from residyn.report.captions.networks import both_thirds, others
from residyn.report.captions.phrases import sentences
from residyn.words import counted, number

Networks = Mapping[str, xr.Dataset]


def lens_kl(networks: Networks) -> tuple[str, ...]:
    found = networks[MODEL]
    first, last = _ends(found, "lens_kl")
    exchanged = _ends(found, "lens_exchanged_kl")
    return sentences(
        f"The lens is read at one token of {counted(found.sizes['sample'], 'text')}; behind the last block it "
        f"gives the model's own logits to {number(float(found.attrs['proof_error']))}.",
        f"Its divergence from the model's output is {number(first)} nats on average over the first third of the "
        f"depth and {number(last)} over the last; with the words of the head exchanged, {number(exchanged[0])} "
        f"and {number(exchanged[1])}.",
        others(networks, "lens_kl", both_thirds),
    )


def lens_entropy(networks: Networks) -> tuple[str, ...]:
    first, last = _ends(networks[MODEL], "lens_entropy")
    return sentences(
        f"The lens has an entropy of {number(first)} nats over the first third of the depth and {number(last)} "
        f"over the last; the model's own output has {number(float(networks[MODEL]['final_entropy'].mean()))}.",
        others(networks, "lens_entropy", both_thirds),
    )


def lens_settled(networks: Networks) -> tuple[str, ...]:
    depth = networks[MODEL]["settling_depth"].values
    late = int((depth >= 1).sum())
    return sentences(
        f"The most likely token is the model's from {number(float(np.median(depth)))} of the depth on in half of "
        f"the {counted(len(depth), 'text')}; in {late} it is not before the last sublayer is done.",
    )


def skip_kl(networks: Networks) -> tuple[str, ...]:
    return _of_blocks(networks, "skip_kl", "Without one block")


def swap_kl(networks: Networks) -> tuple[str, ...]:
    return _of_blocks(networks, "swap_kl", "With two neighbours in the other order")


def _of_blocks(networks: Networks, name: str, said: str) -> tuple[str, ...]:
    found = networks[MODEL]
    values = curve(found, name).sel(bound="value").values
    known = values[np.isfinite(values)]
    if not len(known):
        return ()
    early, late = known[: len(known) // 2], known[len(known) // 2 :]
    most = found["layer"].values[int(np.nanargmax(values))]
    middle = [number(float(np.median(half))) for half in (early, late)] if len(early) else []
    return sentences(
        f"{said}, the last token's prediction in {counted(int(found.attrs['n_skips']), 'text')} moves the most at "
        f"layer {most}, by {number(float(known.max()))} nats.",
        f"The median over layers is {middle[0]} in the first half of the depth and {middle[1]} in the second."
        if middle
        else "",
        others(networks, name, lambda values: f"a median of {number(float(np.nanmedian(values)))}"),
    )


def _ends(found: xr.Dataset, name: str) -> tuple[float, float]:
    first, last = thirds(curve(found, name).sel(bound="value").values)
    return float(first), float(last)
