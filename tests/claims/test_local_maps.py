"""Claims about local maps, on maps whose spectrum is built in: what holds, what does not, and what stays open."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import synthetic_claims as synthetic
import synthetic_maps as planted
from residyn.claims import judge, local_maps
from residyn.claims.criteria import ends_of
from residyn.claims.registry import claims
from residyn.schema import DOCUMENT
from residyn.settings import ClaimsSettings

SETTINGS = ClaimsSettings(resamples=100)
NUMBERS = [claim.number for claim in claims() if claim.of == "maps"]
STATES = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8))
LEVEL = np.full(planted.LAYERS, 0.5)
FALLS = np.linspace(0.9, 0.1, planted.LAYERS)


def judged(networks: dict[str, xr.Dataset], number: int):
    (found,) = judge(STATES, numbers=[number], local_maps=networks, settings=SETTINGS).claims
    return found


def verdict(number: int, **changed) -> str:
    return judged({"model": planted.maps(changed.pop("skew", LEVEL), **changed)}, number).verdict


def nilpotent(share: float, size: float, rng: np.random.Generator) -> np.ndarray:
    """Symmetric where the share is 0, without an eigenvalue where it is 1."""
    drawn = rng.standard_normal((planted.UNITS, planted.UNITS))
    mixed = np.sqrt(share) * np.triu(drawn, 1) + np.sqrt((1 - share) / 2) * (drawn + drawn.T)
    return size * mixed / np.linalg.norm(mixed)


def narrowing(share: float, size: float, rng: np.random.Generator) -> np.ndarray:
    """All directions but one shrink by `size`."""
    kept = np.zeros((planted.UNITS, planted.UNITS))
    kept[0, 0] = 1
    return -size * (np.eye(planted.UNITS) - kept) + 0.01 * rng.standard_normal(kept.shape)


def scaled(share: float, size: float, rng: np.random.Generator) -> np.ndarray:
    """Every direction grows by a factor of 1 + `size`."""
    return size * np.eye(planted.UNITS) + 0.001 * rng.standard_normal((planted.UNITS, planted.UNITS))


def test_early_maps_that_rotate_do_and_those_that_rotate_less_or_late_do_not():
    assert verdict(28, skew=FALLS) == "holds"
    assert verdict(28, skew=FALLS[::-1]) == "does not hold"
    assert verdict(28) == "does not hold"
    # They turn as much, and go on to.
    assert verdict(28, skew=np.full(planted.LAYERS, 0.9)) == "does not hold"


def test_early_maps_that_are_far_from_normal_are_told_from_random_ones_and_from_late_ones():
    falls = np.linspace(1, 0, planted.LAYERS)
    assert verdict(29, skew=falls, made=nilpotent) == "holds"
    assert verdict(29, skew=falls[::-1], made=nilpotent) == "does not hold"
    assert verdict(29) == "does not hold"


def test_late_maps_that_are_nearly_symmetric_are():
    assert verdict(30, skew=FALLS) == "holds"
    assert verdict(30, skew=FALLS[::-1]) == "does not hold"
    assert verdict(30) == "does not hold"
    # Symmetric at every depth: nothing becomes so.
    assert verdict(30, skew=np.full(planted.LAYERS, 0.1)) == "does not hold"


def test_a_bottleneck_is_one_beside_random_matrices_of_the_same_norms():
    assert verdict(31, size=0.5, made=narrowing) == "holds"
    assert verdict(31, size=0.3) == "does not hold"
    # As narrow as norms make it.
    wide = {"model": planted.maps(LEVEL, size=40.0)}
    found = judged(wide, 31)
    assert found.verdict == "does not hold"
    share, beside = found.criteria
    assert share.conditions["random matrices"].value == pytest.approx(share.value, rel=0.3)
    assert beside.verdict == "does not hold"


def test_maps_contract_where_changes_shrink_beside_the_state_and_not_by_its_growth_alone():
    assert verdict(32, size=-0.3, made=scaled, growth=0.0) == "holds"
    assert verdict(32, size=0.3, made=scaled, growth=0.0) == "does not hold"
    found = judged({"model": planted.maps(LEVEL, size=0.3, growth=0.2)}, 32)
    assert [one.verdict for one in found.criteria] == ["holds", "does not hold"]
    (value,) = judged({"model": planted.maps(LEVEL, size=0.1, made=scaled, growth=0.5)}, 32).criteria[:1]
    assert value.value == pytest.approx(np.log(1.1) - 0.5, abs=2e-3)
    # Of the probe that grows the most: one direction is kept, and all others shrink by a half. A probe takes some
    # layers to turn to it.
    (value,) = judged({"model": planted.maps(LEVEL, size=0.5, made=narrowing, growth=0.0)}, 32).criteria[:1]
    assert np.log(0.5) / 2 < value.value < 0


def test_thirds_that_are_exchanged_are_noticed(monkeypatch):
    """The bug: the last third is taken for the first."""
    plain = local_maps.thirds
    monkeypatch.setattr(local_maps, "thirds", lambda values: plain(values)[::-1])
    assert verdict(28, skew=FALLS) == verdict(30, skew=FALLS) == "does not hold"


def test_documents_are_the_unit_and_fewer_than_five_decide_nothing():
    six = planted.maps(FALLS)
    for few in (six.isel(sample=slice(4)), six.assign_coords({DOCUMENT: ("sample", [1, 1, 1, 2, 2, 2])})):
        found = judged({"model": few}, 28)
        assert found.verdict == "undecided"
        assert "without an interval: there are too few samples or documents" in found.sentence
    five = judged({"model": six.isel(sample=slice(5))}, 28)
    assert five.verdict == "holds"
    # Of five signs all ways are tried: none but the data's own puts every text on its side.
    assert five.criteria[0].null.p == 1 / 32
    ten = planted.maps(FALLS, samples=10)
    pairs = ten.assign_coords({DOCUMENT: ("sample", np.repeat(np.arange(5), 2))})
    assert judged({"model": pairs}, 28).criteria[0].null.p == 1 / 32


def test_what_untrained_networks_lack_is_learned_where_as_many_texts_say_so():
    own = planted.maps(FALLS)
    twins = {f"untrained-{i}": planted.maps(LEVEL, seed=i + 1) for i in range(3)}
    found = judged({"model": own, **twins, "permuted-weights": planted.maps(LEVEL, seed=9)}, 28)
    assert (found.verdict, found.origin) == ("holds", "learned")
    for one in found.criteria:
        assert {name: tried.passes for name, tried in one.conditions.items()} == {
            "random matrices": False,
            "permuted weights": False,
            "untrained": False,
        }
    first = {name: maps.isel(sample=slice(1)) for name, maps in twins.items()}
    assert judged({"model": own, **first}, 28).origin == ""
    assert judged({"model": own, **dict(list(twins.items())[:2])}, 28).origin == ""
    alike = {f"untrained-{i}": planted.maps(FALLS, seed=i + 1) for i in range(3)}
    assert judged({"model": own, **alike}, 28).origin == "architecture"
    scale = judged({"model": own, **twins, "permuted-weights": planted.maps(FALLS, seed=9)}, 28)
    assert scale.origin == "scale"


def test_networks_are_compared_at_their_own_texts():
    own, other = planted.maps(FALLS), planted.maps(LEVEL, seed=3)
    some = other.isel(sample=[1, 4])
    found = local_maps.local_maps({"model": own, "untrained-0": some}, 20, 0)
    assert found.same.by_text["late_skew"] == pytest.approx(found.model.by_text["late_skew"][[1, 4]])
    assert len(found.untrained[0].by_text["late_skew"]) == 2
    apart = other.assign_coords(sample=np.arange(10, 16))
    assert local_maps.local_maps({"model": own, "untrained-0": apart}, 20, 0).same is None


@pytest.mark.parametrize("number", NUMBERS)
def test_without_maps_nothing_is_judged_and_the_reason_is_told(number):
    found = judged({}, number)
    assert (found.verdict, found.origin) == ("undecided", "")
    assert found.sentence.startswith("Not judged: no local maps of this model were given.")
    assert all(np.isnan(one.value) for one in found.criteria)


def test_what_products_alone_do_not_tell_stays_open():
    own = planted.maps(FALLS)
    names = ("layer_henrici", "layer_product_rank", "layer_ginibre_product_rank", "ginibre_excess_exponent")
    wide = {"model": own.assign({name: own[name] * np.nan for name in names})}
    assert [judged(wide, number).verdict for number in NUMBERS] == [
        "holds",
        "undecided",
        "holds",
        *["undecided"] * 2,
    ]


def test_intervals_of_five_texts_hold_the_value_of_many():
    """In 95 of 100 cases, give or take three standard errors of 200."""
    own, rng, held = planted.maps(LEVEL, samples=5), np.random.default_rng(1), 0
    (criterion,) = (one for claim in claims() if claim.number == 30 for one in claim.criteria[:1])
    for draw in range(200):
        values = 0.3 + 0.02 * rng.standard_normal((5, 1)) + np.zeros((5, planted.LAYERS))
        maps = own.assign(layer_skew_share=(("sample", "layer"), values))
        found = local_maps.local_maps({"model": maps}, 200, draw).model
        low, high = ends_of(criterion, found.curves["late_skew"][:, 0], found.plan)
        held += low <= 0.3 <= high
    assert 0.90 <= held / 200 <= 1.0
