"""Site maps of three arrangements, and the results of small synthetic states laid out like them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.special import ndtri
from scipy.stats import rankdata

import synthetic_maps
from residyn import analyze, cosine, mean_activation, unit_correlation, velocity
from residyn.adapters import from_array
from residyn.figures.panel import Inputs, Teleports
from residyn.quantities.correlations import correlation_density
from residyn.schema import label_result, label_states, transition_coords
from residyn.settings import AnalysisSettings
from residyn.sitemap import Site, SiteMap
from residyn.spaces import Space, fit_space, pc_scores
from residyn.teleports import flow, grid, return_fraction, summary
from synthetic_jumps import LAYERS, UNITS, Law, make_jumps, relaxing
from synthetic_outputs import outputs

SPACES = ("global", "held out", "equalised", "z-scored", "without massive units")

LAYOUTS = {
    "llama": ("sequential", "layers", "self_attn", "mlp", "post_attention_layernorm"),
    "gemma2": (
        "sequential",
        "layers",
        "post_attention_layernorm",
        "post_feedforward_layernorm",
        "pre_feedforward_layernorm",
    ),
    "olmo2": ("sequential", "layers", "post_attention_layernorm", "post_feedforward_layernorm", "mlp"),
    "bloom": ("sequential", "h", "self_attention.dense", "mlp.dense_4h_to_h", "post_attention_layernorm"),
    "opt": ("post-norm", "decoder.layers", "self_attn", "fc2", "self_attn_layer_norm"),
    "falcon": ("parallel", "h", "self_attention", "mlp", ""),
}


def site_map(family: str, n_layers: int) -> SiteMap:
    arrangement, blocks, attn, mlp, middle = LAYOUTS[family]
    sites: list[Site] = []
    for layer in range(n_layers):
        block = f"{blocks}.{layer}"
        writes = (f"{block}.{attn}", f"{block}.{mlp}")
        if arrangement == "parallel":
            sites.append(Site(layer, "block", block, "input", writes))
        else:
            where, norms = "input", (None, None)
            if arrangement == "post-norm":
                where, norms = "output", (f"{block}.{middle}", f"{block}.final_layer_norm")
            sites.append(Site(layer, "attn", block, "input", writes[:1], norm=norms[0]))
            sites.append(Site(layer, "mlp", f"{block}.{middle}", where, writes[1:], norm=norms[1]))
    return SiteMap(family, blocks, tuple(sites))


def states_of(sites: SiteMap, n_units: int = 24, n_samples: int = 30, **attrs: object) -> xr.DataArray:
    """A walk with growing steps, so that every result has some structure."""
    rng = np.random.default_rng(7)
    growth = np.linspace(0.3, 1.5, len(sites.sites))[None, :, None]
    steps = growth * rng.normal(0.1, 1.0, (n_samples, len(sites.sites), n_units))
    known = {"model": "tiny", "distinct_last_tokens": 11, "sites": sites.to_json(), **attrs}
    return label_states(steps.cumsum(axis=1).astype(np.float32), sites.sublayers, attrs=known)


def first_results(states: xr.DataArray) -> xr.Dataset:
    """Results of the panels B to F."""
    correlation = unit_correlation(states)
    found = (
        mean_activation(states),
        correlation,
        correlation_density(correlation),
        cosine(states),
        velocity(states),
    )
    shared = ("n_samples", "model", "distinct_last_tokens", "sites", "residyn_version")
    attrs = {name: correlation.attrs[name] for name in shared if name in correlation.attrs}
    return xr.Dataset({str(result.name): result for result in found}, attrs=attrs)


def labelled(states: xr.DataArray, data: Any, dims: Any, coords: Any, quantity: str, **notes: Any) -> xr.DataArray:
    known = {"quantity": quantity, "units": "nats", "definition": "made up", "source": "a test"}
    return label_result(data, dims, coords, states=states, **known, **notes)


def sublayer_coords(states: xr.DataArray) -> dict[str, Any]:
    return {name: states[name].variable for name in ("sublayer", "layer", "site")}


def information_of(states: xr.DataArray) -> dict[str, xr.DataArray]:
    """Panels G and H: a Gaussian copula without bias correction, something like it beside it, and baselines."""
    n = states.sizes["sample"]
    scores = ndtri(rankdata(states.values, axis=0) / (n + 1))
    scores /= np.sqrt((scores**2).mean(axis=0))
    r = 0.999 * (scores[:, :-1] * scores[:, 1:]).mean(axis=0)
    nats = -np.log1p(-(r**2)) / 2
    coords = {**transition_coords(states), "estimator": ["gcmi", "kde"]}
    dims = ("estimator", "transition", "unit")
    ties = {
        "gaussian_floor": (dims[1:], nats),
        "tie_share": (dims[1:], np.zeros(nats.shape)),
        "unit": np.arange(nats.shape[1]),
    }
    both = np.stack([nats - 0.02, 1.2 * nats + 0.1])
    shuffled = np.stack([np.full(len(nats), 0.0), np.linspace(0.1, 0.2, len(nats))])
    return {
        "mutual_information": labelled(
            states, both, dims, coords | ties, "mutual_information", ceiling=float(np.log(n) - 1)
        ),
        "mutual_information_shuffle": labelled(states, shuffled, dims[:2], coords, "mutual_information_shuffle"),
    }


def space_of(states: xr.DataArray) -> dict[str, xr.DataArray]:
    """Panels I, J and K: one PCA of all states, and shifted copies of its shares as other spaces."""
    along, n_units = sublayer_coords(states), states.sizes["unit"]
    values = states.values.astype(np.float64)
    centred = values - values.mean(axis=(0, 1))
    _, size, axes = np.linalg.svd(centred.reshape(-1, n_units), full_matrices=False)
    k = min(10, len(axes))
    components = {"component": np.arange(1, k + 1)}
    scored = {"pc": np.arange(1, k + 1), "explained": ("pc", (size**2 / (size**2).sum())[:k])}
    within = values - values.mean(axis=0)
    share = ((within @ axes[:k].T) ** 2).sum(axis=0) / (within**2).sum(axis=(0, 2))[:, None]
    cumulative = share.cumsum(axis=1)
    by_space = cumulative[:, -1] * np.linspace(1, 0.6, len(SPACES))[:, None]
    return {
        "pc_scores": labelled(
            states, centred @ axes[:k].T, ("sample", "sublayer", "pc"), along | scored, "pc_scores"
        ),
        "explained_variance": labelled(
            states, cumulative, ("sublayer", "component"), along | components, "explained_variance"
        ),
        "explained_variance_by_sublayer": labelled(
            states,
            by_space,
            ("space", "sublayer"),
            along | {"space": list(SPACES)},
            "explained_variance_by_sublayer",
            n_components=k,
        ),
    }


def all_results(states: xr.DataArray) -> xr.Dataset:
    """Results of every panel."""
    return first_results(states).assign(information_of(states) | space_of(states))


@pytest.fixture(scope="session")
def llama() -> SiteMap:
    return site_map("llama", 4)


@pytest.fixture(scope="session")
def results(llama: SiteMap) -> xr.Dataset:
    """Results of the panels A to F."""
    return first_results(states_of(llama)).assign_attrs(texts="wikitext", position="end")


@pytest.fixture(scope="session")
def full(llama: SiteMap) -> xr.Dataset:
    """Results of every panel."""
    return all_results(states_of(llama)).assign_attrs(texts="wikitext", position="end")


@pytest.fixture
def map_of():
    return site_map


@pytest.fixture
def results_of():
    def make(sites: SiteMap, n_units: int = 24, n_samples: int = 30, **attrs: object) -> xr.Dataset:
        return all_results(states_of(sites, n_units, n_samples, **attrs))

    return make


@pytest.fixture
def first_results_of():
    return first_results


@pytest.fixture
def hostile() -> str:
    return "$\\frac{1$ {{7*7}} <b>\x00\ud800\u202e\n_" + "x" * 300 + "\ufffe"


PLACES = ("0.attn", "2.mlp", "3.attn", "7.attn")


def space_and_scores() -> tuple[Space, xr.DataArray]:
    """The space of random walks over eight layers, and their scores in it."""
    rng = np.random.default_rng(3)
    walks = np.cumsum(rng.normal(size=(60, 16, UNITS)) * np.arange(1, UNITS + 1), axis=1)
    states = from_array(walks, [i // 2 for i in range(16)], ["attn", "mlp"] * 8)
    space = fit_space(states, 4)
    return space, pc_scores(states, space)


def flow_under(law: Law, *, side: int = 6, at: Sequence[str] = PLACES, **how: Any) -> xr.Dataset:
    """The flow of a grid and of discs and isotropic targets at two radii, under a law of displacements."""
    space, _ = space_and_scores()
    rng = np.random.default_rng(5)
    points = grid(space, side).values
    near = rng.normal(size=(16, UNITS)) * 5
    kinds = ["grid"] * len(points) + (["disc"] * 4 + ["isotropic"] * 4) * 2
    radii = [np.nan] * len(points) + [1.0] * 8 + [4.0] * 8
    coords = {"target_kind": ("target", kinds), "radius": ("target", radii)}
    return flow(make_jumps(law, np.concatenate([points, near]), at=at, coords=coords, **how), space)


@pytest.fixture(scope="session")
def attracted() -> xr.Dataset:
    return flow_under(relaxing(0.9), hosts=3)


@pytest.fixture(scope="session")
def teleports() -> Teleports:
    """Teleports at places that the results of `full` have states of."""
    moved = flow_under(relaxing(0.9), at=("0.attn", "1.attn", "2.mlp", "3.attn"), hosts=3)
    return Teleports(moved, summary(moved, resamples=50), return_fraction(moved, resamples=50), host=1)


@pytest.fixture(scope="session", params=[2, 3, 64])
def everything(request: pytest.FixtureRequest) -> Inputs:
    """What panels are drawn from of a model of so many layers: every quantity, teleports, local maps, outputs."""
    n_layers = request.param
    results = analyze(
        states_of(site_map("llama", n_layers), n_units=8), AnalysisSettings(estimators=("gcmi", "binned"))
    )
    deepest = min(n_layers, LAYERS) - 1
    moved = flow_under(
        relaxing(0.9), at=[f"{layer}.attn" for layer in sorted({0, deepest // 2, deepest})], hosts=3
    )
    return Inputs(
        results,
        teleports=Teleports(moved, summary(moved, resamples=50), return_fraction(moved, resamples=50)),
        reference=n_layers == 3,
        jacobians={"model": synthetic_maps.falling(), "untrained-0": synthetic_maps.level()},
        # Nearly one number everywhere, as in an untrained network, and numbers of many sizes.
        outputs={"model": outputs(np.logspace(1, -6, 6), far=21.18 + 1e-4 * np.arange(12))},
    )


@pytest.fixture(scope="session")
def cloud() -> xr.DataArray:
    return space_and_scores()[1]


@pytest.fixture
def flow_of():
    return flow_under
