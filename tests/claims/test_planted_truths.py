"""Data on which the truth is known, where a plausible statistic would say its opposite; at three seeds each."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

import synthetic_claims as synthetic
from residyn.claims import judge
from residyn.claims.paper import value_of
from residyn.claims.registry import claims
from residyn.settings import ClaimsSettings

SETTINGS = ClaimsSettings(resamples=100, null_draws=20)
DEEP = 24
SEEDS = (1, 2, 3)
seeds = pytest.mark.parametrize("seed", SEEDS)


def claim(states, number, variant="", **options):
    found = judge(states, numbers=[number], settings=SETTINGS, **options).claims
    return next(one for one in found if one.variant == variant)


def rng_of(seed):
    return np.random.default_rng([seed, 11])


def of_correlation(seed, within, cross, **options):
    """States whose units have these correlations within layers (L,) and across to the next (L − 1,)."""
    pairs = zip(within, [*cross, np.nan], strict=True)
    told = [value for pair in pairs for value in pair if np.isfinite(value)]
    told.append(told[-1])
    return synthetic.labelled(synthetic.chain(rng_of(seed), told[: 2 * len(within) - 1], **options))


# Depth is not a difference of kinds.


@seeds
@pytest.mark.parametrize("number", [4, 8, 10])
def test_a_correlation_that_falls_evenly_is_no_gap_between_kinds(number, seed):
    told = np.linspace(0.99, 0.6, 2 * DEEP - 1)
    found = claim(of_correlation(seed, told[0::2], told[1::2]), number)
    (gap,) = [one for one in found.criteria if "within" in one.statistic]
    assert abs(gap.value) < 0.01 + 0.02 * (number == 10)
    assert gap.verdict != "holds"
    assert found.verdict != "holds"


@seeds
@pytest.mark.parametrize(("number", "rises"), [(4, True), (4, False), (8, True), (8, False)])
def test_a_gap_between_kinds_is_found_whether_the_curve_rises_or_falls(number, rises, seed):
    told = np.linspace(0.6, 0.95, 2 * DEEP - 1)[:: 1 if rises else -1]
    found = claim(of_correlation(seed, told[0::2] + 0.03, told[1::2] - 0.03), number)
    (gap,) = [one for one in found.criteria if "within" in one.statistic]
    assert gap.verdict == "holds", found.sentence
    assert 0.02 < gap.value < 0.08


# Two kinds that rise, however far apart, rise.


@seeds
@pytest.mark.parametrize("number", [5, 8])
def test_two_kinds_that_both_rise_are_a_trend_however_far_apart(number, seed):
    found = claim(of_correlation(seed, np.linspace(0.9, 0.99, DEEP), np.linspace(0.4, 0.8, DEEP)[:-1]), number)
    assert found.verdict == "holds", found.sentence


@seeds
@pytest.mark.parametrize("number", [5, 8])
def test_one_kind_that_falls_denies_a_trend_of_both(number, seed):
    found = claim(of_correlation(seed, np.linspace(0.9, 0.99, DEEP), np.linspace(0.8, 0.4, DEEP)[:-1]), number)
    assert found.verdict == "does not hold", found.sentence


# Information that no correlation sees.


def told_ever_worse(seed, falls=True):
    """Tent maps first and linear ones later, while noise grows: information falls, and correlation rises.

    A tent map of uniform numbers is uniform, and not correlated with them.
    """
    rng = rng_of(seed)
    early = (2 * DEEP - 1) // 3
    steps = np.clip(np.arange(2 * DEEP - 1) / early, 0, 1)
    if not falls:
        steps = 1 - steps
    h = [rng.random((120, 48))]
    for share in steps:
        new = (1 - share) * (1 - np.abs(2 * h[-1] - 1)) + share * h[-1]
        new += (0.02 + 0.5 * share) * rng.standard_normal(new.shape)
        h.append((rankdata(new, axis=0) - 0.5) / len(new))
    return synthetic.labelled(np.stack(h, axis=1))


@seeds
def test_information_that_falls_while_correlation_rises_is_seen(seed):
    found = claim(told_ever_worse(seed), 11)
    assert found.verdict == "holds", found.sentence


@seeds
def test_information_that_rises_while_correlation_falls_is_not_taken_for_it(seed):
    assert claim(told_ever_worse(seed, falls=False), 11).verdict == "does not hold"


@seeds
@pytest.mark.parametrize("number", [10, 11])
def test_without_information_at_the_start_nothing_can_be_lost(number, seed):
    states = synthetic.labelled(synthetic.gaussian(rng_of(seed), 80, 2 * DEEP))
    found = claim(states, number)
    assert found.verdict == "undecided"
    assert "mutual information of the first two transitions" in found.sentence


@seeds
@pytest.mark.parametrize("number", [6, 10, 11])
def test_tied_samples_are_found_in_the_data(number, seed):
    data = synthetic.chain(rng_of(seed), synthetic._drop)
    data[: int(0.98 * len(data)), 0] = data[0, 0]
    found = claim(synthetic.labelled(data), number)
    assert "share" in found.sentence
    assert "first state with others" in found.sentence
    if number != 6:
        assert found.verdict == "undecided"


# Too few layers for anything to be improbable.


@seeds
@pytest.mark.parametrize(("number", "layers"), [(4, 5), (5, 6), (8, 6), (11, 4), (11, 12)])
@pytest.mark.parametrize("rises", [True, False])
def test_in_few_layers_nothing_is_said_of_a_curve_and_the_reason_is_told(number, layers, rises, seed):
    """However clear the curve is: it rises or falls evenly, which decides these claims where there are layers."""
    told = np.linspace(0.5, 0.98, 2 * layers - 1)[:: 1 if rises else -1]
    found = claim(of_correlation(seed, told[0::2], told[1::2]), number)
    assert found.verdict == "undecided"
    assert "the smallest p that so few layers allow" in found.sentence
    (*_, premise) = found.criteria
    assert premise.premise
    assert premise.value > 0.05
    assert f"is {premise.value:.3g}, not below 0.05" in found.sentence


@seeds
def test_one_layer_more_decides(seed):
    """A trend over eight layers can be improbable."""
    told = np.linspace(0.5, 0.98, 15)
    found = claim(of_correlation(seed, told[0::2], told[1::2], n=400), 5)
    assert found.verdict == "holds", found.sentence
    assert not any(one.premise for one in found.criteria)


# The paper's own curves.


def test_what_the_paper_says_of_its_curves_is_true_of_them():
    criteria = {one.name: one for each in claims() for one in each.criteria}
    known = {name: value_of(one) for name, one in criteria.items() if np.isfinite(value_of(one))}
    assert {"cosine_trend", "cosine_gap", "velocity_early", "velocity_late", "information_drop"} <= known.keys()
    for name, value in known.items():
        one = criteria[name]
        assert value > one.threshold if one.above else value < one.threshold, (name, value)
    assert known["velocity_early"] == pytest.approx(0.104, abs=0.001)
    assert known["velocity_late"] == pytest.approx(0.840, abs=0.001)


# Walks over depth.


def walking(rng, layers=30):
    """A quantity that wanders over the places of depth without drift."""
    return np.cumsum(rng.standard_normal(2 * layers))


def mixed(rng, told):
    """States whose correlation and cosine, and whose size, follow two curves: (S,) each within (0, 1)."""
    return synthetic.chain(rng, told.tolist(), n=40, units=24)


def unit(curve):
    return (curve - curve.min()) / np.ptp(curve)


@pytest.mark.slow
def test_curves_that_wander_over_depth_are_rarely_a_trend(record_property):
    counted = dict.fromkeys((1, 5, 8), 0)
    for draw in range(200):
        rng = np.random.default_rng([draw, 5])
        data = mixed(rng, 0.5 + 0.45 * unit(walking(rng))[:-1])
        data *= (1 + 3 * unit(walking(rng)))[:, None]
        states = synthetic.labelled(data)
        for number in counted:
            found = synthetic.without_conditions(states, number, ClaimsSettings(resamples=40, null_draws=1))
            trends = [one for one in found if one.name.endswith(("_trend", "_change"))]
            counted[number] += all(one.verdict == "holds" for one in trends)
    record_property("holds", counted)
    assert max(counted.values()) <= 14, counted


# Paths.


@seeds
def test_a_walk_with_shared_steps_is_not_curved(seed):
    rng = rng_of(seed)
    lengths = np.exp(0.3 * rng.standard_normal(2 * DEEP - 1))
    shared = rng.standard_normal((2 * DEEP - 1, 200))
    shared *= lengths[:, None] / np.linalg.norm(shared, axis=1, keepdims=True)
    own = 0.02 * rng.standard_normal((60, 2 * DEEP - 1, 200))
    path = np.cumsum(np.concatenate([np.zeros((60, 1, 200)), shared + own], axis=1), axis=1)
    found = claim(synthetic.labelled(path + 0.1 * rng.standard_normal((60, 1, 200))), 13)
    assert found.verdict == "does not hold", found.sentence


@seeds
def test_an_arc_with_offsets_is_curved(seed):
    assert claim(synthetic.labelled(synthetic._shared(0.9)(rng_of(seed))), 13).verdict == "holds"


# Teleports.

LAYERS_OF_PLACES = [0, 7, 14, 21, 23]


def teleported(seed, rho, *, amplification=None, n_hosts=9, noise=0.02, isotropic=None):
    """A summary in which so much of the displacement is left at the five places."""
    rng = rng_of(seed)
    rho = np.array(rho) + noise * rng.standard_normal((n_hosts, 5))
    length = np.abs(rho) if amplification is None else np.array(amplification) + 0 * rho
    return synthetic.summary(rho, LAYERS_OF_PLACES, amplification=length, isotropic=isotropic)


def of_teleports(summary, variant="CCN"):
    states = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8, 60))
    return claim(states, 14, variant, teleport_summary=summary)


@seeds
def test_a_displacement_that_shrinks_as_much_at_every_depth_is_not_early(seed):
    found = of_teleports(teleported(seed, [0.99**12] * 5, noise=0.002))
    assert [one.verdict for one in found.criteria] == ["holds", "holds", "does not hold"]
    assert found.verdict == "does not hold"


@seeds
@pytest.mark.parametrize("rho", [1.0, 0.976])
def test_what_stays_or_hardly_shrinks_is_not_pulled_back(rho, seed):
    for variant in ("CCN", "arXiv"):
        found = of_teleports(teleported(seed, [rho] * 5, noise=0.0 if rho == 1 else 0.002), variant)
        assert found.verdict == "does not hold"
        if rho == 1.0:
            assert {one.value for one in found.criteria} == {0.0, 1.0}


@seeds
def test_what_comes_back_early_and_not_late_is_told_from_its_opposite(seed):
    early = of_teleports(teleported(seed, [0.4, 0.5, 0.9, 1.0, 1.0]))
    late = of_teleports(teleported(seed, [1.0, 1.0, 0.9, 0.5, 0.4]))
    assert (early.verdict, late.verdict) == ("holds", "does not hold"), early.sentence


@seeds
def test_what_turns_away_without_coming_nearer_is_not_pulled_back(seed):
    found = of_teleports(teleported(seed, [0.4, 0.5, 0.9, 1.0, 1.0], amplification=[1.3] * 5))
    assert found.verdict == "does not hold"


@seeds
def test_places_without_the_whole_horizon_are_not_judged(seed):
    summary = teleported(seed, [0.4, 0.5, 0.9, 1.0, 0.2])
    cut = summary.assign_coords(horizon_steps=("injected", np.array([12, 12, 12, 12, 1])))
    assert of_teleports(cut).verdict == "holds"
    assert of_teleports(summary).verdict == "does not hold"


@seeds
def test_two_hosts_decide_nothing(seed):
    assert of_teleports(teleported(seed, [0.4, 0.5, 0.9, 1.0, 1.0], n_hosts=2)).verdict == "undecided"


# Where a claim comes from.


@seeds
def test_a_control_that_passes_and_stays_short_explains_nothing(seed):
    """Steps that follow from the state leave r near 1; the skip path alone has .82, which passes too."""
    found = claim(synthetic.labelled(grown(rng_of(seed))), 6)
    skip = found.criteria[0].conditions["skip path"]
    assert (skip.passes, skip.reaches) == (True, False)
    assert "skip path" in found.passes_in
    assert "skip path" not in found.reproduced_in


def grown(rng):
    """States whose every step is 0.7 of themselves, and a little noise: all of it follows from the state."""
    h = [rng.standard_normal((120, 48))]
    for _ in range(2 * DEEP - 1):
        h.append(1.7 * h[-1] + 0.05 * h[-1].std() * rng.standard_normal((120, 48)))
    return np.stack(h, axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("k", [3, 5, 10])
def test_a_model_that_is_one_more_untrained_network_is_rarely_learned(k):
    from residyn.claims.criteria import networks
    from residyn.quantities.replicates import Plan

    one = next(one for each in claims() for one in each.criteria if one.name == "cosine_change")
    counted = 0
    for draw in range(3000):
        rng = np.random.default_rng([k, draw])
        value = rng.standard_normal(k + 1)
        rows = value[:, None] + 0.05 * rng.standard_normal((k + 1, 101))
        rows[:, 0] = value
        found = networks(one, rows[0], rows[1:], Plan(np.arange(20), np.ones((101, 20)), draw))
        counted += found.difference_low > 0
    assert counted <= 150


# Too little, and what a few extremes do.


@seeds
def test_two_texts_decide_nothing(seed):
    data = synthetic.chain(rng_of(seed), [0.99] * synthetic.T)[:2]
    found = judge(synthetic.labelled(data), settings=SETTINGS).claims
    assert {one.verdict for one in found} == {"undecided"}


@seeds
def test_a_correlation_that_a_few_extremes_make_is_not_said_to_hold(seed):
    """Ranks that are told with .6, and tails in which one text in forty is ten times as large."""
    rng = rng_of(seed)
    data = synthetic.chain(rng, [0.6] * synthetic.T, n=200)
    large = rng.permutation(200)[:5]
    data[large] = 15 * np.sign(data[large, :1])
    found = claim(synthetic.labelled(data), 6)
    assert found.criteria[0].value > 0.8
    assert found.verdict == "undecided"
    assert "of ranks" in found.sentence


@seeds
def test_a_share_of_units_at_a_knife_edge_is_left_open_or_right(seed):
    """Most units are correlated by .83: noise makes fewer of them pass nine of ten transitions than do."""
    rng = rng_of(seed)
    told = np.where(np.arange(64) < 40, 0.83, 0.6)
    h = [rng.standard_normal((200, 64))]
    for _ in range(synthetic.T):
        h.append(told * h[-1] + np.sqrt(1 - told**2) * rng.standard_normal((200, 64)))
    assert claim(synthetic.labelled(np.stack(h, axis=1)), 7).verdict != "does not hold"
