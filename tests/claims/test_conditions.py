"""Where a claim comes from, on states and controls in which it was built in: learned, architecture, artefact."""

from __future__ import annotations

import numpy as np
import pytest

import synthetic_claims as synthetic
from residyn.claims import conditions as of_conditions
from residyn.claims import judge
from residyn.claims.registry import claims as all_claims
from residyn.errors import DataError
from residyn.nulls import surrogate
from residyn.quantities.curves import curves
from residyn.quantities.massive import leave_out, massive_ratio, massive_units
from residyn.quantities.replicates import plan_of, with_halves
from residyn.settings import ClaimsSettings
from residyn.spaces import fit_space

SETTINGS = ClaimsSettings(resamples=60, null_draws=19)
TWINS = ("untrained-0", "untrained-1", "untrained-2")


def states_of(build, seed: int, **attrs):
    return synthetic.labelled(build(np.random.default_rng(seed)), **attrs)


def twins(build) -> dict:
    return {name: states_of(build, 10 + i) for i, name in enumerate(TWINS)}


def claim(states, number, controls=None, results=None, **changed):
    settings = SETTINGS.changed(**changed)
    return judge(states, results, controls=controls, numbers=[number], settings=settings).claims[0]


def falling(rng):
    """Correlation that falls with depth, and hardly a gap between the kinds."""
    return synthetic.chain(rng, np.linspace(0.95, 0.5, synthetic.T).tolist())


def alternating(within: float, cross: float):
    return lambda rng: synthetic.chain(rng, synthetic._alternating([within] * 8, [cross] * 8))


# Untrained models. Random signs know nothing of the gap between the kinds, so that these decide claim 8.


def test_what_untrained_models_lack_is_learned():
    found = claim(states_of(synthetic.HOLDS[8], 1), 8, twins(falling))
    assert (found.verdict, found.origin) == ("holds", "learned")
    assert found.reproduced_in == found.abolished_by == ()
    for one in found.criteria:
        there = one.conditions["untrained"]
        assert (there.passes, there.reaches) == (False, False)
        assert 0 < there.difference_low <= there.difference <= there.difference_high
    assert there.difference_low < there.difference < there.difference_high


def test_what_untrained_models_have_is_the_architecture():
    found = claim(states_of(synthetic.HOLDS[8], 1), 8, twins(synthetic.HOLDS[8]))
    assert (found.origin, found.reproduced_in) == ("architecture", ("untrained",))
    for one in found.criteria:
        there = one.conditions["untrained"]
        assert there.difference_low <= 0 <= there.difference_high
        assert there.reaches is True


def test_untrained_models_that_pass_and_stay_short_are_the_architecture_all_the_same():
    found = claim(states_of(alternating(0.95, 0.5), 1), 4, twins(alternating(0.95, 0.8)))
    assert (found.origin, found.reproduced_in) == ("architecture", ())
    assert "untrained" in found.passes_in
    assert found.criteria[0].conditions["untrained"].reaches is False


def test_two_untrained_models_are_too_few_to_call_a_claim_learned():
    controls = twins(falling)
    del controls["untrained-1"]
    found = claim(states_of(synthetic.HOLDS[8], 1), 8, controls)
    assert (found.verdict, found.origin) == ("holds", "")


def test_what_falls_in_the_model_alone_differs_on_the_claim_s_side():
    found = claim(states_of(synthetic.HOLDS[9], 1), 9, twins(lambda rng: synthetic.walk(rng, synthetic._early)))
    early = next(one for one in found.criteria if one.name == "velocity_early").conditions["untrained"]
    assert early.difference_low < early.difference < early.difference_high < 0
    assert (found.verdict, found.origin) == ("holds", "learned")


def test_without_untrained_models_nothing_is_said_of_learning():
    found = claim(states_of(synthetic.HOLDS[8], 1), 8)
    assert (found.verdict, found.origin) == ("holds", "")
    assert "untrained" not in found.criteria[0].conditions
    assert "ntrained" not in found.sentence


def test_what_does_not_hold_comes_from_nowhere():
    found = claim(states_of(synthetic.BREAKS[8], 1), 8, twins(synthetic.gaussian))
    assert (found.verdict, found.origin, found.abolished_by) == ("does not hold", "", ())


def test_untrained_models_that_differ_among_themselves_leave_it_open():
    builds = (synthetic.BREAKS[8], synthetic.HOLDS[8], synthetic.BREAKS[8])
    controls = {name: states_of(build, 10 + i) for i, (name, build) in enumerate(zip(TWINS, builds, strict=True))}
    found = claim(states_of(synthetic.HOLDS[8], 1), 8, controls)
    there = found.criteria[-1].conditions["untrained"]
    assert there.passes is False
    assert there.difference_low < 0 < there.difference
    assert (found.verdict, found.origin) == ("holds", "")


def test_untrained_models_are_a_mean_and_their_difference_is_of_the_same_samples():
    states, controls = states_of(synthetic.HOLDS[4], 1), twins(synthetic.gaussian)
    one = claim(states, 4, controls).criteria[0]
    there = one.conditions["untrained"]
    alone = [claim(control, 4).criteria[0].value for control in controls.values()]
    assert there.value == pytest.approx(np.mean(alone), rel=1e-12)
    assert there.difference == pytest.approx(one.value - np.mean(alone), rel=1e-12)
    assert there.low < there.value < there.high


@pytest.mark.parametrize(
    ("cross", "passes", "reaches"), [(0.6, True, True), (0.8, True, False), (0.949, False, False)]
)
def test_a_threshold_is_the_same_for_all_and_how_far_one_gets_is_told_beside_it(cross, passes, reaches):
    one = claim(states_of(alternating(0.95, 0.6), 1), 4, twins(alternating(0.95, cross))).criteria[0]
    there = one.conditions["untrained"]
    assert (there.passes, there.reaches) == (passes, reaches)
    assert (there.value > one.threshold) is passes


def test_permuted_weights_that_pass_where_untrained_models_do_not_are_a_matter_of_scale():
    model, scale = states_of(synthetic.HOLDS[8], 1), {"permuted-weights": states_of(synthetic.HOLDS[8], 7)}
    found = claim(model, 8, twins(falling) | scale)
    assert (found.verdict, found.origin, found.reproduced_in) == ("holds", "scale", ("permuted weights",))
    both = claim(model, 8, twins(synthetic.HOLDS[8]) | scale)
    assert both.origin == "architecture"
    alone = claim(model, 8, scale)
    assert alone.origin == ""


# What imitates: conditions that know nothing of what the claim is about.


def test_a_rise_of_correlation_that_a_random_walk_shows_is_an_artefact():
    found = claim(
        states_of(synthetic.HOLDS[5], 1), 5, twins(lambda rng: synthetic.chain(rng, [0.5] * synthetic.T))
    )
    assert (found.verdict, found.origin, found.reproduced_in) == ("holds", "artefact", ("random walk",))
    assert found.passes_in == ("skip path",)


def test_a_magnitude_that_grows_with_random_signs_is_an_artefact():
    found = claim(states_of(synthetic.HOLDS[1], 1), 1, twins(synthetic.gaussian))
    assert (found.verdict, found.origin, found.reproduced_in) == ("holds", "artefact", ("random signs",))


def test_a_simpler_quantity_that_reaches_the_model_s_value_is_an_artefact():
    """A drop of information that the units' r account for."""
    found = claim(states_of(synthetic.HOLDS[10], 1), 10)
    assert (found.verdict, found.origin) == ("holds", "artefact")
    assert "linear floor" in found.reproduced_in
    assert "linear correlation alone" in found.sentence


def test_information_that_falls_beyond_the_units_r_is_none():
    found = claim(states_of(synthetic.HOLDS[11], 1), 11)
    assert (found.verdict, found.origin) == ("holds", "")
    trend = next(one for one in found.criteria if one.name == "information_early_trend")
    assert trend.conditions["linear floor"].passes is False
    assert "linear floor" not in found.reproduced_in + found.passes_in
    # A criterion that the quantity does not touch stands there with the model's own value.
    other = next(one for one in found.criteria if one.name == "correlation_early_trend")
    assert other.conditions["linear floor"].value == other.value
    assert other.conditions["linear floor"].reaches is True


def test_claims_that_a_quantity_does_not_touch_are_not_tried_with_it():
    found = claim(states_of(synthetic.HOLDS[5], 1), 5)
    assert "linear floor" not in found.criteria[0].conditions


def test_quantities_are_curves_of_the_same_states():
    states = states_of(synthetic.HOLDS[4], 1)
    plan = with_halves(plan_of(states, 60, 0))
    found = curves(states, plan, ["unit_correlation", "skip_correlation"])
    one = claim(states, 4).criteria[0]
    compute = next(each for each in all_claims() if each.number == 4).criteria[0].compute
    skip = compute({"unit_correlation": found.curves["skip_correlation"]}, found.depth)
    there = one.conditions["skip path"]
    assert there.value == pytest.approx(skip[0], rel=1e-12)
    assert there.difference == pytest.approx(one.value - skip[0], rel=1e-12)
    assert there.difference_low < there.difference < there.difference_high
    assert skip[0] < 0.8 * one.value


def test_surrogates_are_means_over_draws_of_different_seeds():
    states = states_of(synthetic.HOLDS[8], 1)
    own = claim(states, 8).criteria
    drawn = [surrogate(states, "flip_increments", seed=1_000_000 * (i + 1)) for i in range(3)]
    each = [[one.value for one in claim(surrogated, 8).criteria] for surrogated in drawn]
    for one, alone in zip(own, zip(*each, strict=True), strict=True):
        assert one.conditions["random signs"].value == pytest.approx(np.mean(alone), rel=1e-9, abs=1e-12)
    assert len({values[-1] for values in each}) == 3


def test_what_any_basis_shows_says_nothing_of_units_and_is_no_artefact():
    states = states_of(synthetic.HOLDS[3], 1)
    found = claim(states, 3, twins(synthetic.gaussian))
    assert found.criteria[0].conditions["rotated basis"].value > 0.9
    assert (found.verdict, found.reproduced_in) == ("holds", ("random signs", "rotated basis"))
    assert found.origin == "artefact"
    assert "random basis" in found.sentence


# What is taken away.


def _carried_by_ten(rng):
    """Ten units grow, and all others shrink."""
    x = synthetic.gaussian(rng)
    x[:, :, :10] *= np.linspace(1, 200, 2 * synthetic.LAYERS)[:, None]
    x[:, :, 10:] *= np.linspace(1, 0.5, 2 * synthetic.LAYERS)[:, None]
    return x


def test_what_a_few_units_carry_is_abolished_without_them():
    found = claim(states_of(_carried_by_ten, 1), 1)
    assert (found.verdict, found.origin) == ("holds", "artefact")
    assert found.abolished_by == ("without massive units",)
    assert "10 most massive units left out" in found.sentence


def test_massive_units_alone_make_an_artefact():
    """Of a claim that no surrogate imitates."""

    def gap_of_ten(rng):
        x = synthetic.gaussian(rng) * 0.01
        x[:, :, :10] = 10 * synthetic.HOLDS[8](rng)[:, :, :10]
        return x

    found = claim(states_of(gap_of_ten, 1), 8, twins(synthetic.gaussian))
    assert (found.verdict, found.reproduced_in) == ("holds", ())
    assert (found.origin, found.abolished_by) == ("artefact", ("without massive units",))


def test_massive_units_are_those_of_the_results_where_these_are_there():
    states = states_of(_carried_by_ten, 1)
    ratio = massive_ratio(states)
    name = "without massive units"
    given = claim(states, 1, results=ratio.to_dataset(name="massive_ratio")).criteria[0].conditions[name]
    assert given == claim(states, 1).criteria[0].conditions[name]
    assert given.value == claim(leave_out(states, massive_units(ratio, 10)), 1).criteria[0].value
    other = ratio.copy(data=ratio.values[:, ::-1])
    turned = claim(states, 1, results=other.to_dataset(name="massive_ratio"))
    assert turned.criteria[0].conditions[name].passes is True


def test_velocity_that_grows_with_the_norm_alone_is_an_artefact():
    def grown(rng):
        length = np.cumprod(np.array([1.0, *(1 + 0.03 * np.array(synthetic._late))]))
        return synthetic.chain(rng, np.linspace(0.8, 0.95, synthetic.T).tolist()) * length[:, None]

    found = claim(states_of(grown, 1), 9)
    assert (found.verdict, found.origin) == ("holds", "artefact")
    assert found.abolished_by == ("norm-free",)


def test_captured_inputs_are_told_and_are_no_artefact():
    controls = {
        "shuffled-tokens": states_of(synthetic.HOLDS[8], 5),
        "random-position": states_of(synthetic.HOLDS[8], 6),
        **twins(falling),
    }
    found = claim(states_of(synthetic.HOLDS[8], 1), 8, controls)
    assert (found.origin, found.reproduced_in) == ("learned", ("shuffled tokens",))
    assert found.abolished_by == ()
    assert "the same tokens in random order" in found.sentence


def test_what_is_abolished_at_random_positions_was_about_the_last_token():
    controls = {
        "shuffled-tokens": states_of(synthetic.HOLDS[13], 5),
        "random-position": states_of(synthetic.BREAKS[13], 6),
    }
    found = claim(states_of(synthetic.HOLDS[13], 1), 13, controls)
    assert (found.verdict, found.origin) == ("holds", "artefact")
    assert found.reproduced_in + found.passes_in == ("shuffled tokens",)
    assert found.abolished_by == ("random positions",)


def test_what_the_model_fails_on_the_controls_samples_was_not_taken_from_it():
    """Few samples, on which the model's own value falls short, are no removal's doing."""
    states = states_of(synthetic.HOLDS[13], 1)
    few = states.isel(sample=slice(0, 12))
    few = few.copy(data=states_of(synthetic.BREAKS[13], 6).isel(sample=slice(0, 12)).values)
    mixed = states.copy()
    mixed[:12] = few.values
    found = claim(mixed, 13, {"random-position": few})
    assert found.passes("same samples") is False
    assert found.abolished_by == ()


# Pairing, and what is refused.


def relabelled(states, labels):
    return states.assign_coords(sample=labels)


def whole(states, controls, **changed):
    settings = SETTINGS.changed(**changed)
    return judge(states, controls=controls, numbers=[4, 8, 9], settings=settings)


def test_controls_pair_by_label_whatever_their_order():
    states = states_of(synthetic.HOLDS[8], 1)
    controls = {**twins(synthetic.HOLDS[8]), "shuffled-tokens": states_of(synthetic.gaussian, 20)}
    order = np.random.default_rng(0).permutation(synthetic.N)
    shuffled = {name: control.isel(sample=order) for name, control in controls.items()}
    assert repr(whole(states, shuffled).to_record()) == repr(whole(states, controls).to_record())
    # Labels that were given to other rows are another matter.
    mistaken = {
        name: relabelled(control.isel(sample=order), control["sample"].values)
        for name, control in controls.items()
    }
    assert repr(whole(states, mistaken).to_record()) != repr(whole(states, controls).to_record())


def test_the_model_is_compared_on_the_samples_that_all_controls_have():
    states = states_of(synthetic.HOLDS[8], 1)
    controls = twins(synthetic.HOLDS[8])
    fewer = controls | {
        "untrained-0": controls["untrained-0"].isel(sample=slice(0, 60)),
        "untrained-1": controls["untrained-1"].isel(sample=slice(20, 80)),
    }
    found = whole(states, fewer)
    one = found.claims[1].criteria[-1]
    alone = claim(states.isel(sample=slice(20, 60)), 8).criteria[-1]
    assert one.conditions["same samples"].value == alone.value != one.value
    assert one.value == claim(states, 8).criteria[-1].value
    said = {condition.name: condition.n_samples for condition in found.conditions}
    assert said["same samples"] == said["untrained"] == said["random signs"] == said["without massive units"] == 40
    assert said["norm-free"] == said["skip path"] == 80


def test_without_controls_the_model_is_compared_on_a_seeded_choice():
    states = states_of(synthetic.HOLDS[8], 1)
    few, same, other = (whole(states, None, null_samples=30, claims_seed=seed) for seed in (0, 0, 1))
    assert {condition.name: condition.n_samples for condition in few.conditions}["same samples"] == 30
    assert repr(few.to_record()) == repr(same.to_record())
    value = "same samples"
    assert few.claims[1].criteria[-1].conditions[value] != other.claims[1].criteria[-1].conditions[value]
    assert few.claims[1].criteria[-1].value == other.claims[1].criteria[-1].value


def test_conditions_say_what_they_are_of():
    controls = {
        **twins(synthetic.gaussian),
        "shuffled-tokens": states_of(synthetic.gaussian, 5),
        "permuted-weights": states_of(synthetic.gaussian, 6),
    }
    states = states_of(synthetic.HOLDS[8], 1)
    found = judge(states, controls=controls, numbers=[1, 3, 4, 5, 8, 9, 10], settings=SETTINGS)
    said = [(condition.name, condition.role, condition.draws) for condition in found.conditions]
    assert said == [
        ("same samples", "model", 1),
        ("random signs", "null", 3),
        ("random walk", "null", 3),
        ("rotated basis", "basis", 2),
        ("skip path", "quantity", 1),
        ("linear floor", "quantity", 1),
        ("norm-free", "removal", 1),
        ("without massive units", "removal", 1),
        ("shuffled tokens", "input", 1),
        ("permuted weights", "scale", 1),
        ("untrained", "untrained", 3),
    ]
    assert all(one.title and one.preserves and one.destroys for one in found.conditions)


def test_controls_of_another_shape_are_refused():
    states = states_of(synthetic.HOLDS[8], 1)
    with pytest.raises(
        DataError, match=r"16 of 48 units, and untrained-0 has 16 of 24\. Capture untrained-0 again"
    ):
        claim(states, 8, {"untrained-0": states.isel(unit=slice(24))})
    with pytest.raises(DataError, match=r"16 of 48 units, and shuffled-tokens has 14 of 48"):
        claim(states, 8, {"shuffled-tokens": states.isel(sublayer=slice(14))})


def test_controls_of_other_samples_are_refused():
    states = states_of(synthetic.HOLDS[8], 1)
    with pytest.raises(DataError, match=r"untrained-0 have no sample in common with the states along 'sample'"):
        claim(states, 8, {"untrained-0": relabelled(states, np.arange(500, 580))})
    halves = {
        "untrained-0": states.isel(sample=slice(40)),
        "untrained-1": states.isel(sample=slice(40, 80)),
    }
    with pytest.raises(DataError, match=r"untrained-0, untrained-1 have no sample in common"):
        claim(states, 8, halves)


def test_controls_that_are_no_states_are_refused():
    states = states_of(synthetic.HOLDS[8], 1)
    with pytest.raises(DataError, match="Expected states with dimensions"):
        claim(states, 8, {"untrained-0": states.transpose("unit", "sample", "sublayer")})


@pytest.mark.parametrize("components", [3, 100, 140])
def test_explained_variance_is_of_a_hundred_components_whatever_the_results_keep(components):
    states = synthetic.labelled(synthetic.gaussian(np.random.default_rng(1), 30, 4, 150))
    results = fit_space(states, components).to_dataset()
    given, without = claim(states, 12, results=results).criteria[1], claim(states, 12).criteria[1]
    assert given.name == "explained_variance_by_sublayer_change"
    assert (given.value, given.low, given.high) == pytest.approx(
        (without.value, without.low, without.high), abs=1e-9
    )


# The catalogue of conditions.


def test_controls_are_found_by_name_and_draws_by_the_catalogue():
    controls = dict.fromkeys(["untrained-1", "shuffled-tokens", "untrained-0", "model", "trained-2"])
    named = {one.name: of_conditions.captured_by(one, controls) for one in of_conditions.CONDITIONS}
    assert {name: found for name, found in named.items() if found} == {
        "untrained": ["untrained-0", "untrained-1"],
        "shuffled tokens": ["shuffled-tokens"],
    }
    draws = {one.name: of_conditions.n_draws(one) for one in of_conditions.CONDITIONS}
    assert {name: n for name, n in draws.items() if n > 1} == {
        "random signs": 3,
        "random walk": 3,
        "rotated basis": 2,
    }


def test_conditions_have_names_of_their_own_and_say_what_they_keep():
    names = [one.name for one in of_conditions.CONDITIONS]
    assert len(set(names)) == len(names)
    assert {one.role for one in of_conditions.CONDITIONS} == set(of_conditions.Role)
    assert all(one.title and one.preserves and one.destroys for one in of_conditions.CONDITIONS)
    assert {condition.name for each in all_claims() for condition in each.conditions} <= set(names)


def test_other_curves_take_the_places_of_those_that_they_stand_for_and_no_more_are_there():
    states = states_of(synthetic.gaussian, 1)
    found = curves(states, plan_of(states, 2, 0), ["velocity", "relative_velocity", "cosine"])
    taken = of_conditions.with_other_curves(found, {"velocity": "relative_velocity", "cosine": "absent"})
    assert set(taken.curves) == {"velocity"}
    np.testing.assert_array_equal(taken.curves["velocity"], found.curves["relative_velocity"])
    assert (taken.depth, taken.n_units) == (found.depth, found.n_units)
