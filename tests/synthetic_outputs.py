"""Outputs whose lens comes as near to the model's, and whose blocks cost as much, as they are told to."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.model.outputs.labels import labelled
from residyn.model.texts.samples import Sample
from residyn.sitemap import Site, SiteMap

LAYERS = 6


def outputs(cost, *, far=None, samples=6, skips=4, seed=0, network="model") -> xr.Dataset:
    """Outputs of `samples` texts: `cost` (LAYERS,) is the KL without each layer's block, `far` (2 LAYERS,) that of
    the lens; each sample's are these times a factor of its own, whose mean over samples is 1.
    """
    rng = np.random.default_rng(seed)
    cost = np.asarray(cost, dtype=float)
    far = np.linspace(8.0, 1.0, 2 * LAYERS) if far is None else np.asarray(far, dtype=float)
    sites = [Site(layer, site, f"{layer}.{site}", "input") for layer in range(LAYERS) for site in ("attn", "mlp")]
    factors = np.exp(0.2 * rng.standard_normal(samples))
    factors /= factors.mean()
    parts = [
        _one(cost / factors[: max(skips, 1)].mean(), far, factor, number < skips)
        for number, factor in enumerate(factors)
    ]
    told = [(label, Sample((1, 2 + label), label, "", label)) for label in range(samples)]
    attrs = {"n_skips": min(skips, samples), "proof_error": 1e-7, "network": network}
    return labelled(told, parts, SiteMap("made", "layers", tuple(sites)), attrs)


def _one(cost: np.ndarray, far: np.ndarray, factor: float, skipped: bool) -> dict[str, np.ndarray]:
    n = len(far)
    settled = np.arange(n) >= (2 * n) // 3
    lens = {"kl": far * factor, "entropy": 0.5 * far, "agreement": settled, "settled": settled}
    lens |= {"loss": np.full(n, np.nan), "token": np.where(settled, 7, 3), "exchanged_kl": 2 * far + 3}
    blocks = {"kl": cost * factor, "agreement": cost < 1, "loss_change": np.full(len(cost), np.nan)}
    nothing = np.full(len(cost), np.nan)
    found = {f"lens_{name}": values for name, values in lens.items()}
    for what in ("skip", "swap"):
        found |= {f"{what}_{name}": values if skipped else nothing for name, values in blocks.items()}
    final = {"settling_depth": 1 - settled.mean(), "final_entropy": 2.0, "final_token": 7, "final_loss": np.nan}
    return {name: np.asarray(values, dtype=float) for name, values in {**found, **final}.items()}
