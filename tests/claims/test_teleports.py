"""Claim 14: which places are early, late, in between and at the ends, and what hosts' signs can tell."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import synthetic_claims as synthetic
from residyn.claims import judge
from residyn.claims.criteria import beside as beside_model
from residyn.claims.criteria import ends_of, networks
from residyn.claims.depth_nulls import DRAWS
from residyn.claims.registry import claims
from residyn.claims.teleports import NO_DEPTH, host_null, trajectories
from residyn.settings import ClaimsSettings
from residyn.sitemap import Site, SiteMap

SETTINGS = ClaimsSettings(resamples=100)
LAYERS = [0, 3, 7, 11, 15]
CCN, ARXIV = (claim for claim in claims() if claim.number == 14)
RHO, LENGTH, MORE = CCN.criteria
EARLY = [0.4, 0.5, 0.8, 1.0, 1.1]
PASSIVE = [1.0] * 5


def left(profile, hosts: int = 9, spread: float = 0.02, seed: int = 0) -> np.ndarray:
    return np.array(profile) + spread * np.random.default_rng(seed).standard_normal((hosts, len(profile)))


def curves_of(summary: xr.Dataset, name: str = "model") -> dict[str, np.ndarray]:
    return {curve: values[0] for curve, values in trajectories(summary, 20, 0)[name].curves.items()}


def judged(summary: xr.Dataset, **options) -> list:
    states = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8))
    return list(judge(states, numbers=[14], teleport_summary=summary, settings=SETTINGS, **options).claims)


def sites_up_to(layer: int) -> str:
    places = tuple(Site(n, site, f"layers.{n}", "input") for n in range(layer + 1) for site in ("attn", "mlp"))
    return SiteMap("made up", "layers", places).to_json()


# Places.


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
    summary = synthetic.summary(np.tile(np.arange(len(layers), dtype=float), (3, 1)), layers)
    if sites is not None:
        summary.attrs["sites"] = sites_up_to(sites)
    found = curves_of(summary)
    for quantity in ("rho", "amplification"):
        got = {name: sorted(found[f"{quantity}_{name}"].tolist()) for name in expected}
        assert got == expected


def test_places_without_the_longest_horizon_belong_to_no_curve():
    summary = synthetic.summary(np.tile(np.arange(5.0), (3, 1)), LAYERS)
    cut = summary.assign_coords(horizon_steps=("injected", np.array([12, 12, 12, 11, 2])))
    got = {name: sorted(values.tolist()) for name, values in curves_of(cut).items() if name.startswith("rho")}
    # Depth is over the model's last layer that was injected, and not over the last that is judged.
    assert got == {"rho_early": [0, 1], "rho_late": [], "rho_inner": [1], "rho_ends": [0, 2]}
    first = summary.assign_coords(horizon_steps=("injected", np.array([2, 12, 12, 12, 12])))
    assert sorted(curves_of(first)["rho_early"].tolist()) == [1]


def test_curves_are_means_over_hosts_and_replicates_draw_hosts():
    rho = left(EARLY, spread=0.3)
    length = left([2.0] * 5, spread=0.3, seed=1)
    found = trajectories(synthetic.summary(rho, LAYERS, amplification=length), 2000, 0)["model"]
    early = found.curves["rho_early"]
    np.testing.assert_allclose(early[0], rho[:, :2].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.curves["amplification_early"][0], length[:, :2].mean(axis=0), rtol=1e-12)
    np.testing.assert_array_equal(found.by_host["rho_late"], rho[:, 3:])
    np.testing.assert_array_equal(found.by_host["amplification_inner"], length[:, 1:4])
    assert (found.plan.n_groups, len(found.plan.group)) == (9, 9)
    assert len(np.unique(found.plan.group)) == 9
    np.testing.assert_allclose(early[1:].std(axis=0), rho[:, :2].std(axis=0) / 3, rtol=0.1)
    # One draw of hosts for all places: what they have in common stays so.
    each = np.corrcoef(np.concatenate([early[1:], found.curves["rho_late"][1:]], axis=1).T)
    np.testing.assert_allclose(each, np.corrcoef(rho[:, [0, 1, 3, 4]].T), atol=0.1)


# Criteria.


def test_all_places_must_come_back_and_less_than_nine_tenths_be_left():
    near = judged(synthetic.summary(left([0.4, 0.8, 0.9, 1.0, 1.0]), LAYERS))[0]
    one = judged(synthetic.summary(left([0.4, 0.96, 0.9, 1.3, 1.3]), LAYERS))[0]
    assert (near.verdict, one.verdict) == ("holds", "does not hold")
    assert one.criteria[0].value == pytest.approx(0.96, abs=0.03)
    assert (one.criteria[0].threshold, one.criteria[0].above) == (0.9, False)


def test_the_smallest_of_the_others_is_what_is_compared_with():
    rho = left([0.4, 0.5, 0.1, 0.3, 0.6], spread=0.0)
    ccn, arxiv = judged(synthetic.summary(rho, LAYERS, amplification=2 * rho))
    assert [one.value for one in ccn.criteria] == pytest.approx([0.5, 1.0, 0.5 - 0.3], rel=1e-12)
    assert [one.value for one in arxiv.criteria] == pytest.approx([0.5, 1.0, 0.5 - 0.4], rel=1e-12)


@pytest.mark.parametrize(("late", "verdict"), [(0.7, "holds"), (0.55, "does not hold"), (0.3, "does not hold")])
def test_early_places_must_come_back_by_a_tenth_more_than_late_ones(late, verdict):
    found = judged(synthetic.summary(left([0.5, 0.5, 0.5, late, late], spread=0.002), LAYERS))[0]
    assert [one.verdict for one in found.criteria] == ["holds", "holds", verdict]


def test_intervals_are_over_hosts():
    summary = synthetic.summary(left(EARLY, spread=0.3), LAYERS)
    one = judged(summary)[0].criteria[0]
    found = trajectories(summary, SETTINGS.resamples, 0)["model"]
    assert (one.low, one.high) == ends_of(RHO, RHO.compute(found.curves, NO_DEPTH), found.plan)
    assert one.low < one.value < one.high


def test_what_one_host_lacks_is_left_out_at_its_place():
    rho = left(EARLY)
    rho[2, 0] = np.nan
    found = curves_of(synthetic.summary(rho, LAYERS))
    expected = [np.delete(rho[:, 0], 2).mean(), rho[:, 1].mean()]
    np.testing.assert_allclose(found["rho_early"], expected, rtol=1e-12)
    assert judged(synthetic.summary(rho, LAYERS))[0].verdict == "holds"


def test_what_all_hosts_lack_leaves_the_claim_open():
    rho = left(EARLY)
    rho[:, 1] = np.nan
    found = judged(synthetic.summary(rho, LAYERS))[0]
    assert found.verdict == "undecided"
    assert "not defined on these states" in found.sentence
    assert np.isnan(found.criteria[0].null.p)


@pytest.mark.parametrize("hosts", [1, 4])
def test_few_hosts_have_no_interval(hosts):
    found = judged(synthetic.summary(left(EARLY, hosts=hosts), LAYERS))[0]
    assert found.verdict == "undecided"
    assert np.isnan([found.criteria[0].low, found.criteria[0].high]).all()
    assert "too few samples" in found.sentence


def test_two_places_have_none_in_between():
    two = judged(synthetic.summary(left([0.4, 1.0]), [0, 15]))
    assert [one.verdict for one in two] == ["holds", "undecided"]


# The null.


def signed(values: np.ndarray, threshold: float = 0.9) -> np.ndarray:
    """Means over hosts, their distances from the threshold turned every way: (H, places) → (2^H, places)."""
    ways = np.array(np.meshgrid(*[[-1, 1]] * len(values))).reshape(len(values), -1).T
    return np.array([threshold + np.mean(way[:, None] * (values - threshold), axis=0) for way in ways])


def test_the_null_turns_whole_hosts_about_the_threshold():
    rho = left(EARLY, hosts=3, spread=0.3)
    found = trajectories(synthetic.summary(rho, LAYERS), 20, 0)["model"]
    drawn = host_null(RHO, found, 0)
    assert drawn.shape == (7,)
    own = rho[:, :2].mean(axis=0).max()
    np.testing.assert_allclose(np.sort([own, *drawn]), np.sort(signed(rho[:, :2]).max(axis=1)), atol=1e-12)


def test_of_many_hosts_signs_are_drawn():
    found = trajectories(synthetic.summary(left([0.4], hosts=12, spread=0.0), [0]), 20, 0)["model"]
    drawn = host_null(RHO, found, 0)
    assert drawn.shape == (DRAWS,)
    # The mean of twelve signs, times 0.5, about 0.9: a standard deviation of 0.5/√12.
    assert abs(drawn.mean() - 0.9) < 5 * 0.5 / np.sqrt(12 * DRAWS)
    assert drawn.std() == pytest.approx(0.5 / np.sqrt(12), rel=0.1)
    np.testing.assert_array_equal(drawn, host_null(RHO, found, 0))
    assert not np.array_equal(drawn, host_null(RHO, found, 1))


def test_the_null_is_the_hosts_not_their_order():
    rho = left([0.4, 0.6, 0.8, 1.1, 1.0], hosts=6, spread=0.3)
    several = []
    for order in (np.arange(6), np.arange(6)[::-1]):
        found = trajectories(synthetic.summary(rho[order], LAYERS), 20, 0)["model"]
        several.append(np.sort([found.curves["rho_early"][0].max(), *host_null(RHO, found, 0)]))
    np.testing.assert_allclose(several[0], several[1], atol=1e-11)


def test_the_null_counts_only_hosts_that_have_a_value():
    rho = np.full((4, 1), 0.4)
    rho[3] = np.nan
    found = trajectories(synthetic.summary(rho, [0]), 20, 0)["model"]
    drawn = host_null(RHO, found, 0)
    np.testing.assert_allclose(np.unique(np.round(drawn - 0.9, 9)), [-0.5, -1 / 6, 1 / 6, 0.5], atol=1e-8)


def test_p_is_of_the_hosts_null():
    found = judged(synthetic.summary(left(EARLY, hosts=5), LAYERS))[0]
    null = found.criteria[0].null
    assert null.name == "each host's distance from the threshold with a random sign"
    assert (null.p, null.repeats) == (pytest.approx(1 / 32, rel=1e-12), 31)
    assert found.criteria[2].null is None
    assert found.verdict == "holds"
    # One host far out, on the other side: the mean is below and the null reaches it.
    rho = left([0.7, 0.7, 0.8, 1.2, 1.2], hosts=5, spread=0.0)
    rho[0] += 0.4
    expected = signed(rho[:, :2]).max(axis=1)
    one = judged(synthetic.summary(rho, LAYERS))[0].criteria[0]
    assert one.null.p == pytest.approx((expected <= rho[:, 0].mean() + 1e-9).mean(), rel=1e-12)
    assert one.null.p > 0.05
    assert one.verdict == "undecided"


# Conditions.

MODELS = ["trained", "untrained 0", "untrained 1", "untrained 2"]


def beside(untrained_profile, **options) -> xr.Dataset:
    each = [left(EARLY), *(left(untrained_profile, seed=1 + i, **options) for i in range(3))]
    return synthetic.summary(np.stack(each), LAYERS, models=MODELS)


def test_what_untrained_models_let_pass_is_learned():
    found = judged(beside(PASSIVE))[0]
    assert (found.verdict, found.origin, found.reproduced_in) == ("holds", "learned", ())
    for one in found.criteria:
        there = one.conditions["untrained"]
        assert there.passes is False
        assert there.difference == pytest.approx(one.value - there.value, rel=1e-12)
        assert there.difference_low < there.difference < there.difference_high < 0


def test_what_untrained_models_pull_back_as_well_is_the_architecture_s():
    found = judged(beside(EARLY))[0]
    assert (found.origin, found.reproduced_in) == ("architecture", ("untrained",))
    weaker = judged(beside([0.7, 0.7, 0.8, 1.0, 1.0]))[0]
    assert (weaker.origin, weaker.passes_in) == ("architecture", ("untrained",))


@pytest.mark.parametrize("n", [1, 2])
def test_few_untrained_models_do_not_make_a_claim_learned(n):
    found = judged(beside(PASSIVE).sel(model=MODELS[: n + 1]))[0]
    there = found.criteria[0].conditions["untrained"]
    assert np.isnan([there.low, there.high, there.difference_low, there.difference_high]).all() == (n == 1)
    assert there.difference == pytest.approx(found.criteria[0].value - there.value, rel=1e-12)
    assert (found.verdict, found.origin) == ("holds", "")


def test_untrained_models_are_told_by_their_mean_and_what_one_more_would_be():
    summary = beside([0.8, 0.7, 1.0, 1.0, 1.0], spread=0.1)
    there = judged(summary)[0].criteria[0].conditions["untrained"]
    found = trajectories(summary, SETTINGS.resamples, 0)
    values = [RHO.compute(found[name].curves, NO_DEPTH) for name in ("model", *MODELS[1:])]
    assert there == networks(RHO, values[0], np.stack(values[1:]), found["model"].plan)
    assert there.value == pytest.approx(np.mean([draws[0] for draws in values[1:]]), rel=1e-12)
    states = synthetic.labelled(synthetic.gaussian(np.random.default_rng(0), 8))
    made = judge(states, numbers=[14], teleport_summary=summary, settings=SETTINGS)
    assert {one.name: (one.draws, one.n_samples) for one in made.conditions}["untrained"] == (3, 9)


def test_moves_in_any_direction_are_beside_discs_that_go_as_far():
    rho = left(EARLY)
    little = judged(synthetic.summary(rho, LAYERS))[0]
    assert (little.verdict, little.reproduced_in, little.passes_in) == ("holds", (), ())
    much = judged(synthetic.summary(rho, LAYERS, isotropic=left(EARLY, seed=3)))[0]
    assert (much.verdict, much.reproduced_in) == ("holds", ("isotropic moves",))
    summary = synthetic.summary(rho, LAYERS, isotropic=np.minimum(rho + 0.3, 1.05))
    short = judged(summary)[0]
    assert (short.verdict, short.passes_in, short.reproduced_in) == ("holds", ("isotropic moves",), ())
    # What stands beside the isotropic moves are discs, and not the grid.
    moved = summary.copy(deep=True)
    moved["teleports_by_host"][{"group": 1}] -= 0.05
    found = trajectories(moved, SETTINGS.resamples, 0)
    values = {name: RHO.compute(found[name].curves, NO_DEPTH) for name in ("model", "disc", "isotropic")}
    there = judged(moved)[0].criteria[0].conditions["isotropic moves"]
    assert there == beside_model(RHO, values["isotropic"], values["disc"], found["model"].plan)
    assert there.difference == pytest.approx(values["disc"][0] - values["isotropic"][0])


def test_the_middle_radius_is_the_control_direction_and_swaps_are_none():
    rho = left(EARLY)
    values = np.stack([rho * factor for factor in (0.5, 0.1, 0.2, 0.3, 1.0)], axis=-1)
    kinds = np.array(["swap", "isotropic", "isotropic", "isotropic", "grid"])
    summary = xr.Dataset(
        {"teleports_by_host": (("host", "injected", "group"), values)},
        coords={
            "injected_layer": ("injected", np.array(LAYERS)),
            "horizon_steps": ("injected", np.full(5, 12)),
            "target_kind": ("group", kinds),
        },
    )
    summary["teleports_by_host"] = summary["teleports_by_host"].expand_dims(
        quantity_of_flow=["return_rate", "rho", "amplification"]
    ) * xr.DataArray([7.0, 1.0, 3.0], dims="quantity_of_flow")
    assert set(trajectories(summary, 20, 0)) == {"model", "isotropic"}
    np.testing.assert_allclose(curves_of(summary)["rho_early"], rho[:, :2].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(curves_of(summary)["amplification_early"], 3 * rho[:, :2].mean(axis=0), rtol=1e-12)
    isotropic = curves_of(summary, "isotropic")["rho_early"]
    np.testing.assert_allclose(isotropic, 0.2 * rho[:, :2].mean(axis=0), rtol=1e-12)


def test_other_models_of_the_summary_are_not_taken_for_untrained_ones():
    summary = synthetic.summary(np.stack([left(EARLY), left(PASSIVE)]), LAYERS, models=["trained", "step 1000"])
    assert set(trajectories(summary, 20, 0)) == {"model", "disc", "isotropic"}


def test_a_summary_of_no_moves_on_the_grid_decides_nothing():
    summary = synthetic.summary(left(EARLY), LAYERS).isel(group=[2])
    assert set(trajectories(summary, 20, 0)) == {"isotropic"}
    assert [one.verdict for one in judged(summary)] == ["undecided", "undecided"]


def test_the_same_summary_gives_the_same_bits():
    summary = beside(PASSIVE)
    assert repr(judged(summary)) == repr(judged(summary))
