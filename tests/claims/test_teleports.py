"""Claim 14: which places are early, late, in between and at the ends, and what hosts' signs can tell."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from residyn.claims.curves import DRAWS

import synthetic_claims as synthetic
from residyn.claims import judge
from residyn.claims.registry import claims
from residyn.claims.teleports import host_null, journeys
from residyn.numerics.groups import interval
from residyn.schema import Site, SiteMap
from residyn.settings import ClaimsSettings

SETTINGS = ClaimsSettings(resamples=100)
LAYERS = [0, 3, 7, 11, 15]
CCN, ARXIV = (claim for claim in claims() if claim.number == 14)
NONE = np.empty(0, dtype=str)


def pulls(profile, hosts: int = 9, spread: float = 0.05, seed: int = 0) -> np.ndarray:
    return np.array(profile) + spread * np.random.default_rng(seed).standard_normal((hosts, len(profile)))


def curves_of(summary: xr.Dataset, name: str = "model") -> dict[str, np.ndarray]:
    return {curve: values[0] for curve, values in journeys(summary, 20, 0)[name].evidence.curves.items()}


def judged(summary: xr.Dataset, **options) -> list:
    states = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8))
    return list(judge(states, numbers=[14], teleport_summary=summary, settings=SETTINGS, **options).claims)


def sites_up_to(layer: int) -> str:
    places = tuple(Site(n, site, f"layers.{n}", "input") for n in range(layer + 1) for site in ("attn", "mlp"))
    return SiteMap("made up", "sequential", "layers", places, "attn", "mlp").to_json()


@pytest.mark.parametrize(
    ("layers", "sites", "expected"),
    [
        (LAYERS, None, {"early": [0, 1], "late": [3, 4], "inner": [1, 2, 3], "ends": [0, 4]}),
        ([0, 5, 10, 15], None, {"early": [0, 1], "late": [2, 3], "inner": [1, 2], "ends": [0, 3]}),
        ([0, 6, 9, 15], None, {"early": [0], "late": [3], "inner": [1, 2], "ends": [0, 3]}),
        (LAYERS, 31, {"early": [0, 1, 2], "late": [], "inner": [1, 2, 3], "ends": [0, 4]}),
        ([15, 0, 7], None, {"early": [1], "late": [0], "inner": [2], "ends": [0, 1]}),
        ([0], None, {"early": [0], "late": [], "inner": [], "ends": [0, 0]}),
    ],
    ids=["the paper's", "on the thirds", "beside the thirds", "of a deeper model", "in any order", "one place"],
)
def test_places_are_told_by_their_layer_over_the_model_s_last(layers, sites, expected):
    pull = np.tile(np.arange(len(layers), dtype=float), (3, 1))
    summary = synthetic.summary(pull, layers)
    if sites is not None:
        summary.attrs["sites"] = sites_up_to(sites)
    found = curves_of(summary)
    assert {name: sorted(values.tolist()) for name, values in found.items()} == expected


def test_curves_are_means_over_hosts_and_replicates_draw_hosts():
    pull = pulls([0.4, 0.3, 0.0, -0.2, -0.3], spread=0.3)
    found = journeys(synthetic.summary(pull, LAYERS), 2000, 0)["model"]
    early = found.evidence.curves["early"]
    np.testing.assert_allclose(early[0], pull[:, :2].mean(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(found.by_host["late"], pull[:, 3:])
    assert (found.evidence.n_samples, found.evidence.n_groups) == (9, 9)
    np.testing.assert_allclose(early[1:].std(axis=0), pull[:, :2].std(axis=0) / 3, rtol=0.1)
    # One draw of hosts for all places: what they have in common stays so.
    each = np.corrcoef(np.concatenate([early[1:], found.evidence.curves["late"][1:]], axis=1).T)
    np.testing.assert_allclose(each, np.corrcoef(pull[:, [0, 1, 3, 4]].T), atol=0.1)


def test_the_weakest_place_decides():
    strong = judged(synthetic.summary(pulls([0.4, 0.4, 0.0, -0.2, -0.2]), LAYERS))[0]
    weak = judged(synthetic.summary(pulls([0.4, -0.1, 0.0, -0.2, -0.2]), LAYERS))[0]
    assert (strong.verdict, weak.verdict) == ("holds", "does not hold")
    assert weak.parts[0].value == pytest.approx(-0.1, abs=0.05)


def test_the_strongest_of_the_others_is_what_is_compared_with():
    pull = pulls([0.4, 0.5, 0.0, -0.3, 0.6], spread=0.0)
    ccn, arxiv = judged(synthetic.summary(pull, LAYERS))
    assert [part.value for part in ccn.parts] == pytest.approx([0.4, 0.4 - 0.6], rel=1e-12)
    assert [part.value for part in arxiv.parts] == pytest.approx([-0.3, -0.3 - 0.6], rel=1e-12)


def test_intervals_are_over_hosts():
    summary = synthetic.summary(pulls([0.4, 0.3, 0.0, -0.2, -0.3], spread=0.3), LAYERS)
    part = judged(summary)[0].parts[0]
    curves = journeys(summary, SETTINGS.resamples, 0)["model"].evidence.curves
    assert (part.low, part.high) == interval(curves["early"].min(axis=1), 9)


def test_a_pull_that_one_host_lacks_is_left_out_at_its_place():
    pull = pulls([0.4, 0.4, 0.0, -0.2, -0.2])
    pull[2, 0] = np.nan
    found = curves_of(synthetic.summary(pull, LAYERS))
    np.testing.assert_allclose(found["early"], [np.delete(pull[:, 0], 2).mean(), pull[:, 1].mean()], rtol=1e-12)
    assert judged(synthetic.summary(pull, LAYERS))[0].verdict == "holds"


def test_a_pull_that_all_hosts_lack_leaves_the_claim_open():
    pull = pulls([0.4, 0.4, 0.0, -0.2, -0.2])
    pull[:, 1] = np.nan
    found = judged(synthetic.summary(pull, LAYERS))[0]
    assert found.verdict == "undecided"
    assert "not defined on these states" in found.sentence
    assert np.isnan(found.parts[0].null.p)


def test_one_host_has_no_interval_and_two_places_none_in_between():
    alone = judged(synthetic.summary(pulls([0.4, 0.4, 0.0, -0.2, -0.2], hosts=1), LAYERS))[0]
    assert alone.verdict == "undecided"
    assert "too few samples" in alone.sentence
    two = judged(synthetic.summary(pulls([0.4, -0.2]), [0, 15]))
    assert [one.verdict for one in two] == ["holds", "undecided"]


def test_the_null_turns_whole_hosts_and_is_centred():
    pull = pulls([0.4, 0.4, 0.0, -0.2, -0.2], hosts=3)
    found = journeys(synthetic.summary(pull, LAYERS), 20, 0)["model"]
    one_place = CCN.parts[0]
    drawn = host_null(one_place, found, 0)
    assert drawn.shape == (7,)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T
    every = (signs @ pull[:, :2] / 3).min(axis=1)
    own = pull[:, :2].mean(axis=0).min()
    np.testing.assert_allclose(np.sort([own, *drawn]), np.sort(every), atol=1e-12)


def test_of_many_hosts_signs_are_drawn():
    found = journeys(synthetic.summary(pulls([0.4], hosts=12, spread=0.0), [0]), 20, 0)["model"]
    drawn = host_null(CCN.parts[0], found, 0)
    assert drawn.shape == (DRAWS,)
    # The mean of twelve signs, times 0.4: mean 0 and a standard deviation of 0.4/√12.
    assert abs(drawn.mean()) < 5 * 0.4 / np.sqrt(12 * DRAWS)
    assert drawn.std() == pytest.approx(0.4 / np.sqrt(12), rel=0.1)


def test_the_null_is_the_hosts_not_their_order():
    pull = pulls([0.4, 0.3, 0.1, -0.2, -0.2], hosts=6, spread=0.3)
    part = CCN.parts[0]
    several = []
    for order in (np.arange(6), np.arange(6)[::-1]):
        found = journeys(synthetic.summary(pull[order], LAYERS), 20, 0)["model"]
        several.append(np.sort([found.evidence.curves["early"][0].min(), *host_null(part, found, 0)]))
    np.testing.assert_allclose(several[0], several[1], atol=1e-11)
    turned = journeys(synthetic.summary(-pull, LAYERS), 20, 0)["model"]
    own = turned.evidence.curves["early"][0].min()
    np.testing.assert_allclose(np.sort([own, *host_null(part, turned, 0)]), several[0], atol=1e-11)


def test_the_null_counts_only_hosts_that_have_a_pull():
    pull = np.ones((4, 1))
    pull[3] = np.nan
    found = journeys(synthetic.summary(pull, [0]), 20, 0)["model"]
    drawn = host_null(CCN.parts[0], found, 0)
    np.testing.assert_allclose(np.unique(np.round(drawn, 9)), [-1, -1 / 3, 1 / 3, 1], atol=1e-9)


def test_p_is_of_the_hosts_null():
    found = judged(synthetic.summary(pulls([0.4, 0.4, 0.0, -0.2, -0.2], hosts=4), LAYERS))[0]
    assert found.parts[0].null.name == "each host's value with a random sign"
    assert found.parts[0].null.p == pytest.approx(1 / 16, rel=1e-12)
    assert found.parts[0].null.repeats == 15
    assert found.verdict == "undecided"
    assert "has too few draws to tell (15)" in found.sentence
    enough = judged(synthetic.summary(pulls([0.4, 0.4, 0.0, -0.2, -0.2], hosts=5), LAYERS))[0]
    assert enough.parts[0].null.p == pytest.approx(1 / 32, rel=1e-12)
    assert enough.verdict == "holds"


MODELS = ["trained", "untrained 0", "untrained 1", "untrained 2"]
EARLY = [0.4, 0.4, 0.0, -0.2, -0.2]


def beside(untrained_profile, **options) -> xr.Dataset:
    each = [pulls(EARLY), *(pulls(untrained_profile, seed=1 + i, **options) for i in range(3))]
    return synthetic.summary(np.stack(each), LAYERS, models=MODELS)


def test_a_pull_that_untrained_models_lack_is_learned():
    found = judged(beside([0.0] * 5))[0]
    assert (found.verdict, found.origin, found.also_in) == ("holds", "learned", ())
    for part in found.parts:
        column = part.columns["untrained"]
        assert column.passes is False
        assert column.difference == pytest.approx(part.value - column.value, rel=1e-12)
        assert 0 < column.difference_low < column.difference < column.difference_high


def test_a_pull_of_untrained_models_is_the_architecture_s():
    found = judged(beside(EARLY))[0]
    assert (found.origin, found.also_in) == ("architecture", ("untrained",))
    assert found.sentence.endswith("Untrained models of this architecture do the same.")


def test_one_untrained_model_says_nothing_of_others():
    summary = beside([0.0] * 5).sel(model=["trained", "untrained 0"])
    found = judged(summary)[0]
    column = found.parts[0].columns["untrained"]
    assert np.isnan([column.low, column.high, column.difference_low, column.difference_high]).all()
    assert column.difference == pytest.approx(found.parts[0].value - column.value, rel=1e-12)
    assert (found.verdict, found.origin) == ("holds", "")


def test_untrained_models_are_a_column_of_their_mean():
    summary = beside([0.1, 0.2, 0.0, 0.0, 0.0])
    column = judged(summary)[0].parts[0].columns["untrained"]
    weakest = [curves_of(summary, name)["early"].min() for name in MODELS[1:]]
    assert column.value == pytest.approx(np.mean(weakest), rel=1e-12)
    assert column.low < column.value < column.high
    states = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8))
    made = judge(states, numbers=[14], teleport_summary=summary, settings=SETTINGS)
    assert {one.name: one.draws for one in made.columns}["untrained"] == 3


def test_half_of_the_model_s_own_pull_is_needed_to_pass():
    near, far = (judged(beside([pull, pull, 0, -pull, -pull], spread=0.0))[0] for pull in (0.25, 0.1))
    assert [part.columns["untrained"].passes for part in near.parts] == [True, True]
    assert [part.columns["untrained"].passes for part in far.parts] == [False, False]
    assert far.parts[0].columns["untrained"].value == pytest.approx(0.1)


def with_isotropic(factor: float) -> xr.Dataset:
    """Discs have half the grid's pull, and isotropic moves this share of the discs'."""
    summary = synthetic.summary(pulls(EARLY), LAYERS)
    grid = summary["teleports_by_host"].isel(group=0)
    summary["teleports_by_host"] = xr.concat([grid, grid / 2, factor * grid / 2], "group").transpose(
        *summary["teleports_by_host"].dims
    )
    return summary


def test_moves_in_any_direction_that_are_pulled_as_much_are_told():
    much, little = judged(with_isotropic(0.6))[0], judged(with_isotropic(0.4))[0]
    assert (much.verdict, much.also_in, little.also_in) == ("holds", ("isotropic moves",), ())
    assert "there is no basin of the plane" in much.sentence
    assert "basin" not in little.sentence


def test_the_middle_radius_is_the_control_direction_and_swaps_are_none():
    pull = pulls(EARLY)
    values = np.stack([pull * factor for factor in (0.5, 0.1, 0.2, 0.3, 1.0)], axis=-1)
    kinds = np.array(["swap", "isotropic", "isotropic", "isotropic", "grid"])
    summary = xr.Dataset(
        {"teleports_by_host": (("host", "injected", "group"), values)},
        coords={"injected_layer": ("injected", np.array(LAYERS)), "target_kind": ("group", kinds)},
    )
    summary["teleports_by_host"] = summary["teleports_by_host"].expand_dims(
        quantity_of_flow=["return_rate", "pull_excess"]
    ) * xr.DataArray([7.0, 1.0], dims="quantity_of_flow")
    np.testing.assert_allclose(curves_of(summary)["early"], pull[:, :2].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(curves_of(summary, "isotropic moves")["early"], 0.2 * pull[:, :2].mean(axis=0))


def test_other_models_of_the_summary_are_not_taken_for_untrained_ones():
    each = np.stack([pulls(EARLY), pulls([0.0] * 5)])
    summary = synthetic.summary(each, LAYERS, models=["trained", "step 1000"])
    assert set(journeys(summary, 20, 0)) == {"model", "discs", "isotropic moves"}


def test_a_summary_of_no_moves_on_the_grid_decides_nothing():
    summary = synthetic.summary(pulls(EARLY), LAYERS).isel(group=[2])
    assert set(journeys(summary, 20, 0)) == {"isotropic moves"}
    assert [one.verdict for one in judged(summary)] == ["undecided", "undecided"]


def test_the_same_summary_gives_the_same_bits():
    summary = beside([0.0] * 5)
    assert repr(judged(summary)) == repr(judged(summary))
