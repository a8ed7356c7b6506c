"""Predictions over depth: the logit lens at every sublayer, and what each block is worth."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from residyn.figures.panel import Inputs, Panel
from residyn.figures.plot.networks import Networks, of_model, over_depth
from residyn.quantities.at_samples import curve
from residyn.schema import BOUNDS

_NO_SKIPS = "undefined: no block was skipped"


def lens_kl(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """KL(p ‖ q) in nats by sublayer: p is the model's own distribution of the next token, q the logit lens's.

    `networks` are outputs by network, as `Run.outputs` gives them. Dots are means over samples with their 95 %
    intervals over documents; thin lines are untrained networks, the dashed one permuted weights; dotted is the
    model's lens with the words of its head exchanged at random. Raises DataError without the model's outputs.

    >>> ax = rd.plot.lens_kl(run.outputs)
    """
    exchanged = curve(of_model(networks), "lens_exchanged_kl").sel(bound=BOUNDS[0]).values
    return over_depth(networks, "lens_kl", "KL(model ‖ lens), nats", ax, beside=(exchanged, "words exchanged"))


def lens_entropy(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """Entropy in nats of the logit lens's distribution by sublayer; dotted is that of the model's own.

    Else as `lens_kl`.

    >>> ax = rd.plot.lens_entropy(run.outputs)
    """
    found = of_model(networks)
    own = np.full(found.sizes["sublayer"], float(found["final_entropy"].mean()))
    # A lens that is sure of one word has an entropy of next to nothing, which is all that a logarithm would show.
    return over_depth(
        networks, "lens_entropy", "entropy of the lens, nats", ax, beside=(own, "model's output"), linear=True
    )


def lens_settled(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """Share of samples whose most likely token is the model's from a sublayer on. Else as `lens_kl`.

    >>> ax = rd.plot.lens_settled(run.outputs)
    """
    return over_depth(networks, "lens_settled", "share of texts settled", ax)


def skip_kl(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """KL(p ‖ q) in nats by layer, where q is the model's distribution when the last token skips the layer's block.

    Else as `lens_kl`.

    >>> ax = rd.plot.skip_kl(run.outputs)
    """
    return over_depth(networks, "skip_kl", "KL without the block, nats", ax, undefined=_NO_SKIPS)


def swap_kl(networks: Networks, *, ax: Axes | None = None) -> Axes:
    """KL(p ‖ q) in nats by layer, where the last token takes the layer's block and the next in the other order.

    Else as `lens_kl`.

    >>> ax = rd.plot.swap_kl(run.outputs)
    """
    return over_depth(networks, "swap_kl", "KL in the other\norder, nats", ax, undefined=_NO_SKIPS)


def _there(inputs: Inputs) -> bool:
    return bool(inputs.outputs)


def _skipped(inputs: Inputs) -> bool:
    return _there(inputs) and bool(np.isfinite(of_model(inputs.outputs)["skip_kl"]).any())


def _swapped(inputs: Inputs) -> bool:
    return _there(inputs) and bool(np.isfinite(of_model(inputs.outputs)["swap_kl"]).any())


LENS_KL = Panel(
    stem="lens_kl",
    figure="maps_and_outputs",
    place=50,
    title="How far the lens is from the model's output",
    when=_there,
    definition="KL(p ‖ q) of the model's distribution of the next token and that of the final norm and head "
    "applied to the state before each sublayer (the logit lens).",
    draw=lambda inputs, ax: lens_kl(inputs.outputs, ax=ax),
)
LENS_ENTROPY = Panel(
    stem="lens_entropy",
    figure="maps_and_outputs",
    place=51,
    title="How sharp the lens is",
    when=_there,
    definition="Entropy of the distribution of the next token by the logit lens.",
    draw=lambda inputs, ax: lens_entropy(inputs.outputs, ax=ax),
)
LENS_SETTLED = Panel(
    stem="lens_settled",
    figure="maps_and_outputs",
    place=52,
    title="Where the top token settles",
    when=_there,
    definition="Share of samples whose most likely token by the lens is the model's here and from here on.",
    draw=lambda inputs, ax: lens_settled(inputs.outputs, ax=ax),
)
SKIP_KL = Panel(
    stem="blocks_skipped",
    figure="maps_and_outputs",
    place=60,
    title="What each block is worth",
    when=_skipped,
    definition="KL(p ‖ q) of the model's distribution of the next token and the one where the last token's stream "
    "passes by the layer's block; the tokens before it stay as they are.",
    draw=lambda inputs, ax: skip_kl(inputs.outputs, ax=ax),
)
SWAP_KL = Panel(
    stem="blocks_swapped",
    figure="maps_and_outputs",
    place=61,
    title="Whether the order of blocks matters",
    when=_swapped,
    definition="KL(p ‖ q) of the model's distribution of the next token and the one where the last token's stream "
    "takes the layer's block and the next one in the other order; the tokens before it stay as they are.",
    draw=lambda inputs, ax: swap_kl(inputs.outputs, ax=ax),
)
