"""The claim about skipped blocks, on divergences that are built in: what holds, what does not, what stays open."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import synthetic_claims as synthetic
from residyn.claims import judge, outputs
from residyn.settings import ClaimsSettings

SETTINGS = ClaimsSettings(resamples=100)
STATES = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8))
LAYERS = 12
FALLS = np.geomspace(1.0, 0.01, LAYERS)
LEVEL = np.full(LAYERS, 0.1)


def planted(kl: np.ndarray, stays: float = 1.0, samples: int = 6, seed: int = 0) -> xr.Dataset:
    """Divergences about `kl` by layer, and tokens that stay with a probability of `stays`; a document a text."""
    rng = np.random.default_rng(seed)
    found = kl * np.exp(0.1 * rng.standard_normal((samples, LAYERS)))
    same = (rng.random((samples, LAYERS)) < stays).astype(float)
    coords = {"sample": np.arange(samples), "document": ("sample", np.arange(samples)), "layer": np.arange(LAYERS)}
    along = ("sample", "layer")
    return xr.Dataset({"skip_kl": (along, found), "skip_agreement": (along, same)}, coords=coords)


def judged(**networks: xr.Dataset):
    named = {name.replace("_", "-"): found for name, found in networks.items()}
    (found,) = judge(STATES, numbers=[33], outputs=named, settings=SETTINGS).claims
    return found


def test_late_blocks_that_change_less_are_ineffective_and_others_are_not():
    assert judged(model=planted(FALLS)).verdict == "holds"
    assert judged(model=planted(FALLS[::-1])).verdict == "does not hold"
    assert judged(model=planted(LEVEL)).verdict == "does not hold"
    # Less by a quarter is less than half as much.
    assert judged(model=planted(np.where(np.arange(LAYERS) < 6, 0.1, 0.075))).verdict == "does not hold"
    # They change little, and still the most likely token.
    ratio, stays = (found := judged(model=planted(FALLS, stays=0.5))).criteria
    assert (found.verdict, ratio.verdict, stays.verdict) == ("does not hold", "holds", "does not hold")


def test_the_ratio_is_that_of_medians_so_that_one_block_does_not_make_it():
    last = np.where(np.arange(LAYERS) == LAYERS - 1, 50.0, FALLS)
    (ratio, _) = judged(model=planted(last)).criteria
    # The medians of four of twelve values, 1 to 0.01 in steps of one factor, are eight steps apart.
    assert ratio.value == pytest.approx(8 / 11 * np.log(0.01), abs=0.5)
    assert ratio.verdict == "holds"


def test_early_and_late_that_are_exchanged_are_noticed(monkeypatch):
    """The bug: the first third of the layers is taken for the last."""
    plain = np.log
    assert judged(model=planted(FALLS)).verdict == "holds"
    monkeypatch.setattr(outputs.np, "log", lambda values: -plain(values))
    assert judged(model=planted(FALLS)).verdict == "does not hold"


def test_divergences_below_rounding_are_equal():
    none = planted(np.full(LAYERS, 1e-14))
    ratio, _ = judged(model=none).criteria
    assert (ratio.value, ratio.verdict) == (0.0, "does not hold")
    ruled_out = planted(FALLS).copy()
    ruled_out["skip_kl"][:, LAYERS // 2 :] = np.inf
    assert judged(model=ruled_out).verdict == "undecided"


def test_texts_in_which_no_block_is_skipped_take_no_part():
    own, none = planted(FALLS), planted(FALLS, samples=20, seed=3) * np.nan
    both = xr.concat([own, none.assign_coords(sample=np.arange(6, 26))], "sample")
    found, alone = outputs.outputs({"model": both}, 20, 0), outputs.outputs({"model": own}, 20, 0)
    assert found.model.by_text["outputs.skip_kl"] == pytest.approx(alone.model.by_text["outputs.skip_kl"])
    assert found.model.plan.n_groups == 6
    unknown = judged(model=none)
    assert unknown.verdict == "undecided"
    assert unknown.sentence.startswith("Not judged: no texts in which this model skips blocks were given.")


def test_fewer_than_five_texts_decide_nothing_and_two_layers_have_no_thirds():
    assert judged(model=planted(FALLS, samples=4)).verdict == "undecided"
    assert judged(model=planted(FALLS, samples=5)).verdict == "holds"
    assert judged(model=planted(FALLS).isel(layer=slice(2))).verdict == "undecided"


def test_what_untrained_networks_show_too_is_architecture_and_what_they_lack_learned():
    own, alike = planted(FALLS), {f"untrained_{i}": planted(FALLS, seed=i + 1) for i in range(3)}
    assert judged(model=own, **alike).origin == "architecture"
    apart = {f"untrained_{i}": planted(LEVEL, seed=i + 1) for i in range(3)}
    found = judged(model=own, permuted_weights=planted(LEVEL, seed=9), **apart)
    assert (found.verdict, found.origin) == ("holds", "learned")
    one = {name: found.isel(sample=slice(1)) for name, found in apart.items()}
    assert judged(model=own, **one).origin == ""
