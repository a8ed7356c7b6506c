"""Where a claim comes from, on states and controls in which it was built in: learned, architecture, artefact."""

from __future__ import annotations

import numpy as np
import pytest

import synthetic_claims as synthetic
from residyn.claims import columns as of_columns
from residyn.claims import judge
from residyn.claims.registry import claims as all_claims
from residyn.errors import DataError
from residyn.nulls import surrogate
from residyn.quantities.curves import curves
from residyn.quantities.massive import leave_out, massive_ratio, massive_units
from residyn.quantities.replicates import plan_of
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


# Claim 8: random signs know nothing of the gap between the kinds, so that untrained models decide.


def test_what_untrained_models_lack_is_learned():
    found = claim(states_of(synthetic.HOLDS[8], 1), 8, twins(falling))
    assert (found.verdict, found.origin) == ("holds", "learned")
    assert found.also_in == found.lost_in == ()
    for part in found.parts:
        column = part.columns["untrained"]
        assert column.passes is False
        assert 0 < column.difference_low < column.difference < column.difference_high
    assert found.sentence.endswith("Untrained models of this architecture do not: it is learned.")


def test_what_untrained_models_have_is_the_architecture():
    found = claim(states_of(synthetic.HOLDS[8], 1), 8, twins(synthetic.HOLDS[8]))
    assert (found.origin, found.also_in) == ("architecture", ("untrained",))
    for part in found.parts:
        column = part.columns["untrained"]
        assert column.difference_low < 0 < column.difference_high
    assert found.sentence.endswith("Untrained models of this architecture do the same.")


def test_what_falls_in_the_model_alone_differs_on_the_claim_s_side():
    found = claim(states_of(synthetic.HOLDS[9], 1), 9, twins(lambda rng: synthetic.walk(rng, synthetic._early)))
    early = found.parts[0].columns["untrained"]
    assert early.difference_low < early.difference < early.difference_high < 0
    assert (found.verdict, found.origin) == ("holds", "learned")


def test_without_untrained_models_nothing_is_said_of_learning():
    found = claim(states_of(synthetic.HOLDS[8], 1), 8)
    assert (found.verdict, found.origin) == ("holds", "")
    assert "untrained" not in found.parts[0].columns
    assert "Untrained" not in found.sentence


def test_what_does_not_hold_comes_from_nowhere():
    found = claim(states_of(synthetic.BREAKS[8], 1), 8, twins(synthetic.gaussian))
    assert (found.verdict, found.origin, found.lost_in) == ("does not hold", "", ())


def test_untrained_models_that_differ_among_themselves_leave_it_open():
    controls = {
        "untrained-0": states_of(synthetic.BREAKS[8], 10),
        "untrained-1": states_of(synthetic.HOLDS[8], 11),
    }
    found = claim(states_of(synthetic.HOLDS[8], 1), 8, controls)
    column = found.parts[1].columns["untrained"]
    assert column.passes is False
    assert column.difference_low < 0 < column.difference
    assert (found.verdict, found.origin) == ("holds", "")


def test_the_untrained_column_is_the_mean_of_models_and_its_difference_is_of_the_same_samples():
    states, controls = states_of(synthetic.HOLDS[4], 1), twins(synthetic.gaussian)
    part = claim(states, 4, controls).parts[0]
    column = part.columns["untrained"]
    alone = [claim(control, 4).parts[0].value for control in controls.values()]
    assert column.value == pytest.approx(np.mean(alone), rel=1e-12)
    assert column.difference == pytest.approx(part.value - np.mean(alone), rel=1e-12)
    assert column.low < column.value < column.high


# A column passes where the threshold is 0 only from half of the model's own value.


@pytest.mark.parametrize(("cross", "passes"), [(0.6, True), (0.74, True), (0.82, False), (0.9, False)])
def test_a_gap_passes_from_half_of_the_model_s_own(cross, passes):
    states, controls = states_of(alternating(0.95, 0.6), 1), twins(alternating(0.95, cross))
    part = claim(states, 4, controls).parts[0]
    column = part.columns["untrained"]
    assert column.value > 0.02
    assert column.passes is passes
    assert (column.value > part.columns["same samples"].value / 2) is passes


def test_other_thresholds_are_the_claim_s_own():
    states = states_of(lambda rng: synthetic.chain(rng, [0.99] * synthetic.T), 1)
    at, below = (
        claim(states, 6, twins(lambda rng, r=r: synthetic.chain(rng, [r] * synthetic.T))) for r in (0.9, 0.7)
    )
    assert at.parts[0].columns["untrained"].passes is True
    # 0.7 is more than half of 0.99, and yet below the threshold.
    assert below.parts[0].columns["untrained"].passes is False


# What imitates: columns that know nothing of what the claim is about.


def test_a_rise_of_correlation_that_the_skip_path_shows_is_an_artefact():
    found = claim(
        states_of(synthetic.HOLDS[5], 1), 5, twins(lambda rng: synthetic.chain(rng, [0.5] * synthetic.T))
    )
    assert (found.verdict, found.origin, found.also_in) == ("holds", "artefact", ("skip path", "random walk"))
    assert "the skip path alone" in found.sentence


def test_a_magnitude_that_grows_with_random_signs_is_an_artefact():
    found = claim(states_of(synthetic.HOLDS[1], 1), 1, twins(synthetic.gaussian))
    assert (found.verdict, found.origin, found.also_in) == ("holds", "artefact", ("random signs",))


def _two_sorts(rng):
    """Most units grow more correlated, and the others lose so much that information falls: r explains it all."""
    most = synthetic.chain(rng, np.linspace(0.2, 0.6, synthetic.T).tolist(), n=200, units=30)
    others = synthetic.chain(rng, (1 - np.geomspace(1e-5, 0.4, synthetic.T)).tolist(), n=200, units=18)
    return np.concatenate([most, others], axis=2)


def test_information_that_falls_as_the_units_r_say_is_an_artefact():
    found = claim(states_of(_two_sorts, 1), 11)
    assert found.verdict == "holds"
    assert "linear floor" in found.also_in
    assert found.origin == "artefact"
    assert "linear correlation alone" in found.sentence


def test_information_that_falls_beyond_the_units_r_is_none():
    found = claim(states_of(synthetic.HOLDS[11], 1), 11)
    assert (found.verdict, found.origin) == ("holds", "")
    assert found.parts[0].columns["linear floor"].passes is False
    assert "linear floor" not in found.also_in


def test_statistics_that_a_quantity_does_not_touch_have_no_column_of_it():
    found = claim(states_of(synthetic.HOLDS[5], 1), 5)
    assert "linear floor" not in found.parts[0].columns


def test_quantities_are_curves_of_the_same_states():
    states = states_of(synthetic.HOLDS[4], 1)
    found = curves(states, plan_of(states, 20, 0))
    part = claim(states, 4).parts[0]
    skip = all_claims()[3].parts[0].compute({"unit_correlation": found.curves["skip_correlation"]}, found.kind)[0]
    assert part.columns["skip path"].value == pytest.approx(skip, rel=1e-12)
    assert skip < 0.8 * part.value


def test_surrogates_are_means_over_draws_of_different_seeds():
    states = states_of(synthetic.HOLDS[8], 1)
    parts = claim(states, 8).parts
    drawn = [surrogate(states, "flip_increments", seed=1_000_000 * (i + 1)) for i in range(3)]
    trend, gap = zip(*[[part.value for part in claim(one, 8).parts] for one in drawn], strict=True)
    for part, alone in zip(parts, (trend, gap), strict=True):
        assert part.columns["random signs"].value == pytest.approx(np.mean(alone), rel=1e-9)
    assert len(set(gap)) == 3


def test_what_any_basis_shows_says_nothing_of_units_and_is_no_artefact():
    found = claim(states_of(synthetic.HOLDS[3], 1), 3, twins(synthetic.gaussian))
    assert found.parts[0].columns["rotated basis"].value > 0.9
    assert (found.verdict, found.also_in, found.origin) == ("holds", ("random signs", "rotated basis"), "artefact")
    assert "So it is in a random basis: it says nothing of single units." in found.sentence


# What is taken away.


def _carried_by_ten(rng):
    """Ten units grow, and all others shrink."""
    x = synthetic.gaussian(rng)
    x[:, :, :10] *= np.linspace(1, 200, 2 * synthetic.LAYERS)[:, None]
    x[:, :, 10:] *= np.linspace(1, 0.5, 2 * synthetic.LAYERS)[:, None]
    return x


def test_what_a_few_units_carry_is_lost_without_them():
    found = claim(states_of(_carried_by_ten, 1), 1)
    assert (found.verdict, found.origin) == ("holds", "artefact")
    assert found.lost_in == ("without massive units",)
    assert "It is lost with the 10 most massive units left out." in found.sentence


def test_massive_units_alone_make_an_artefact():
    """Of a claim that no surrogate imitates."""

    def gap_of_ten(rng):
        x = synthetic.gaussian(rng) * 0.01
        x[:, :, :10] = 10 * synthetic.HOLDS[8](rng)[:, :, :10]
        return x

    found = claim(states_of(gap_of_ten, 1), 8, twins(synthetic.gaussian))
    assert (found.verdict, found.also_in) == ("holds", ())
    assert (found.origin, found.lost_in) == ("artefact", ("without massive units",))


def test_massive_units_are_those_of_the_results_where_these_are_there():
    states = states_of(_carried_by_ten, 1)
    ratio = massive_ratio(states)
    given = claim(states, 1, results=ratio.to_dataset(name="massive_ratio"))
    assert (
        given.parts[0].columns["without massive units"]
        == claim(states, 1).parts[0].columns["without massive units"]
    )
    alone = claim(leave_out(states, massive_units(ratio, 10)), 1)
    assert given.parts[0].columns["without massive units"].value == alone.parts[0].value
    other = ratio.copy(data=ratio.values[:, ::-1])
    turned = claim(states, 1, results=other.to_dataset(name="massive_ratio"))
    assert turned.parts[0].columns["without massive units"].passes is True


def test_velocity_that_grows_with_the_norm_alone_is_an_artefact():
    def grown(rng):
        length = np.cumprod(np.array([1.0, *(1 + 0.02 * np.array(synthetic._late))]))
        return synthetic.chain(rng, [0.9] * synthetic.T) * length[:, None]

    found = claim(states_of(grown, 1), 9)
    assert (found.verdict, found.origin) == ("holds", "artefact")
    assert found.lost_in == ("norm-free",)


def test_captured_inputs_are_told_and_are_no_artefact():
    controls = {
        "shuffled-tokens": states_of(synthetic.HOLDS[8], 5),
        "random-position": states_of(synthetic.gaussian, 6),
        **twins(falling),
    }
    found = claim(states_of(synthetic.HOLDS[8], 1), 8, controls)
    assert (found.origin, found.also_in) == ("learned", ("shuffled tokens",))
    assert found.lost_in == ()
    assert "So it is with the same tokens in random order." in found.sentence


def test_what_is_lost_at_random_positions_was_about_the_last_token():
    controls = {
        "shuffled-tokens": states_of(synthetic.HOLDS[13], 5),
        "random-position": states_of(synthetic.BREAKS[13], 6),
    }
    found = claim(states_of(synthetic.HOLDS[13], 1), 13, controls)
    assert (found.verdict, found.origin) == ("holds", "artefact")
    assert (found.also_in, found.lost_in) == (("shuffled tokens",), ("random positions",))


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
    assert repr(whole(states, shuffled)) == repr(whole(states, controls))
    # Labels that were given to other rows are another matter.
    mistaken = {
        name: relabelled(control.isel(sample=order), control["sample"].values)
        for name, control in controls.items()
    }
    assert repr(whole(states, mistaken)) != repr(whole(states, controls))


def test_the_model_is_compared_on_the_samples_that_all_controls_have():
    states = states_of(synthetic.HOLDS[8], 1)
    controls = twins(synthetic.HOLDS[8])
    fewer = controls | {
        "untrained-0": controls["untrained-0"].isel(sample=slice(0, 60)),
        "untrained-1": controls["untrained-1"].isel(sample=slice(20, 80)),
    }
    found = whole(states, fewer)
    part = found.claims[1].parts[0]
    alone = claim(states.isel(sample=slice(20, 60)), 8).parts[0]
    assert part.columns["same samples"].value == alone.value != part.value
    assert part.value == claim(states, 8).parts[0].value
    said = {column.name: column.n_samples for column in found.columns}
    assert said["same samples"] == said["untrained"] == said["random signs"] == said["without massive units"] == 40
    assert said["norm-free"] == said["skip path"] == 80


def test_without_controls_the_model_is_compared_on_a_seeded_choice():
    states = states_of(synthetic.HOLDS[8], 1)
    few, same, other = (whole(states, None, null_samples=30, claims_seed=seed) for seed in (0, 0, 1))
    assert {column.name: column.n_samples for column in few.columns}["same samples"] == 30
    assert repr(few) == repr(same)
    value = "same samples"
    assert few.claims[1].parts[0].columns[value] != other.claims[1].parts[0].columns[value]
    assert few.claims[1].parts[0].value == other.claims[1].parts[0].value


def test_columns_say_what_they_are_of():
    controls = {**twins(synthetic.gaussian), "shuffled-tokens": states_of(synthetic.gaussian, 5)}
    found = judge(states_of(synthetic.HOLDS[8], 1), controls=controls, settings=SETTINGS)
    said = {column.name: (column.kind, column.draws) for column in found.columns}
    assert said == {
        "same samples": ("model", 1),
        "random signs": ("null", 3),
        "random walk": ("null", 3),
        "rotated basis": ("basis", 2),
        "skip path": ("quantity", 1),
        "linear floor": ("quantity", 1),
        "norm-free": ("removal", 1),
        "without massive units": ("removal", 1),
        "shuffled tokens": ("input", 1),
        "untrained": ("untrained", 3),
    }
    assert all(column.title and column.preserves and column.destroys for column in found.columns)


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
    given, without = claim(states, 12, results=results).parts[0], claim(states, 12).parts[0]
    assert (given.value, given.low, given.high) == pytest.approx(
        (without.value, without.low, without.high), abs=1e-9
    )


def test_twins_are_found_by_name_and_draws_by_the_catalogue():
    names = ["untrained-1", "shuffled-tokens", "untrained-0", "model", "trained-2"]
    assert of_columns.twins_of(names) == ["untrained-0", "untrained-1"]
    assert [of_columns.n_draws(name) for name in ("random signs", "rotated basis", "untrained", "skip path")] == [
        3,
        2,
        1,
        1,
    ]
