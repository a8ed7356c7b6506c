"""Local linear maps that turn as much as they are told to, measured as a model's are, without a model."""

from __future__ import annotations

import numpy as np
import xarray as xr

from residyn.model.jacobians.chain import Chain
from residyn.model.jacobians.labels import labelled
from residyn.model.jacobians.linear import Matrix, joined
from residyn.model.jacobians.measure import _coupled, _of_matrix, _stacked
from residyn.model.texts.samples import Sample
from residyn.sitemap import Site, SiteMap

UNITS, LAYERS = 24, 6


def matrix(skew: float, size: float, rng: np.random.Generator) -> np.ndarray:
    """A matrix of this Frobenius norm and skew share."""
    drawn = rng.standard_normal((UNITS, UNITS))
    even, odd = (drawn + drawn.T) / 2, (drawn - drawn.T) / 2
    mixed = np.sqrt(1 - skew) * even / np.linalg.norm(even) + np.sqrt(skew) * odd / np.linalg.norm(odd)
    return size * mixed


def maps(skew, *, size=0.3, growth=0.2, samples=6, seed=0, network="model", made=matrix) -> xr.Dataset:
    """Maps of `samples` texts: `skew` (LAYERS,) is the skew share of each layer's sublayers, `size` the norm of
    each, `growth` how much ln of the state's norm grows in each. `made` makes a matrix of what stands in the place
    of a skew share.
    """
    rng = np.random.default_rng(seed)
    sites = [Site(layer, site, f"{layer}.{site}", "input") for layer in range(LAYERS) for site in ("attn", "mlp")]
    parts = [_one(np.asarray(skew, dtype=float), size, growth, rng, made) for _ in range(samples)]
    told = [(label, Sample((1, 2 + label), label, "", label)) for label in range(samples)]
    attrs = {"n_units": UNITS, "exact": 1, "span": 3, "proof_error": 1e-4, "network": network}
    return labelled(told, parts, SiteMap("made", "layers", tuple(sites)), 3, attrs)


def falling() -> xr.Dataset:
    """Maps that turn less and less with depth."""
    return maps(np.linspace(0.9, 0.1, LAYERS))


def level() -> xr.Dataset:
    """Maps that turn as much as random ones everywhere."""
    return maps(np.full(LAYERS, 0.5), seed=1)


def _one(skew: np.ndarray, size: float, growth: float, rng: np.random.Generator, made) -> dict[str, np.ndarray]:
    chain = Chain(UNITS, True, [int(rng.integers(2**31))])
    alone, together, couplings, before = [], [], [], None
    for share in skew:
        parts = [Matrix(made(share, size, rng)) for _ in range(2)]
        alone += [_of_matrix(part.values, False) for part in parts]
        layer = joined(parts)
        said = _of_matrix(layer.values, True)
        if before is not None:
            couplings.append(_coupled(before, said))
        before = (layer, said)
        together.append(said)
        for ends, part, found in zip((False, True), parts, alone[-2:], strict=True):
            chain.carry(part, ends=ends)
            chain.carry_random(found.frobenius, ends=ends)
    couplings.append((np.nan, np.nan))
    return {
        **_stacked(alone),
        **{f"layer_{name}": values for name, values in _stacked(together).items()},
        "layer_coupling": np.array([one[0] for one in couplings]),
        "layer_alignment": np.array([one[1] for one in couplings]),
        "log_norm_growth": np.full(2 * LAYERS, growth),
        **chain.arrays(),
    }
