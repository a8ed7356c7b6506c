"""Sentences, word by word, on results whose numbers can be seen through."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from residyn.figures.panel import Inputs, Panel, Teleports
from residyn.figures.registry import declared, further, lettered
from residyn.quantities.autoencoder import autoencoded
from residyn.quantities.registry import quantities
from residyn.report.captions import (
    beyond,
    generic,
    motion,
    phrases,
    seen,
    space,
    teleports,
    units,
)
from residyn.schema import Sublayer, label_states, transition_coords

from .conftest import site_map

SUBLAYERS = [Sublayer(layer, site) for layer in range(3) for site in ("attn", "mlp")]
STATES = label_states(np.zeros((2, 6, 4)), SUBLAYERS)
PLACES = transition_coords(STATES)
ALONG = {name: STATES[name].variable for name in ("sublayer", "layer", "site")}


def of_transitions(rows, over: str) -> xr.DataArray:
    """One list of values per transition, along `over`."""
    return xr.DataArray(np.array(rows, dtype=float).T, dims=(over, "transition"), coords=PLACES)


def of_sublayers(values) -> xr.DataArray:
    return xr.DataArray(np.array(values, dtype=float), dims="sublayer", coords=ALONG)


def test_change():
    assert phrases.change([1.0, 5.0, 2.0]) == "rises from 1 to 2"
    assert phrases.change([2.0, 1.0]) == "falls from 2 to 1"
    assert phrases.change([0.95, 0.99]) == "rises from 0.95 to 0.99"
    assert phrases.change([0.9501, 0.9502]) == "begins and ends at 0.95"
    assert phrases.change([-1.0, -2.0]) == "falls from −1 to −2"
    assert phrases.change([0.0, 5.0, 0.0]) == "begins and ends at 0"
    assert phrases.change([np.nan, 1.0]) == "goes from not defined to 1"
    assert phrases.change([np.inf, np.inf]) == "begins and ends at ∞"
    assert phrases.change([np.inf, 1.0]) == "falls from ∞ to 1"
    assert phrases.change([np.nan, 1.0, np.nan]) == phrases.change([1.0]) == phrases.change([]) == ""


def test_extremes_leave_out_what_is_not_defined():
    assert phrases.extreme(np.array([2, np.nan, 1, 3]), list("abcd")) == "lowest at c (1) and highest at d (3)"
    assert phrases.extreme(np.full(2, np.nan), ["a", "b"]) == ""


def test_higher_within_pairs_layers():
    curve = of_transitions([[3], [2], [2], [2], [5]], "sample").isel(sample=0)
    assert phrases.higher_within(curve, "It") == (
        "It is higher within a layer than on the way to the next in 1 of 2 layers."
    )
    assert phrases.higher_within(curve * np.nan, "It") == ""


def test_a():
    results = xr.Dataset({"mean_activation": (("sublayer", "unit"), np.zeros((16, 12)))})
    assert units.schematic(results) == ()
    known = results.assign_attrs(sites=site_map().to_json())
    assert units.schematic(known) == (
        "The residual stream of 8 layers is read entering attention and entering the MLP: 16 states of 12 units a "
        "sample.",
    )


def test_b():
    results = xr.Dataset(
        {
            "magnitude": of_sublayers([1, 2, 3, 9, 5, 4]),
            "sign_kept": of_sublayers([0.5, 0.6, 0.7, 0.75, 0.9, 1]),
        }
    )
    results["density"] = xr.DataArray(
        [[0.6, 0, 0, 0, 0, 0.3], [0.4, 0, 0, 0, 0, 0.1]], dims=("sample", "sublayer")
    )
    without = xr.DataArray(
        [[1, 1, 1, 1, 1, 1.0], [4, 3, 3, 3, 3, 2]], dims=("left_out", "sublayer"), coords={"left_out": [0, 10]}
    )
    results["magnitude_without_massive"] = without
    assert units.activation(results) == (
        "From 0.attn to 2.mlp the mean magnitude of an activation rises from 1 to 4; it is lowest at 0.attn "
        "(1) "
        "and highest at 1.mlp (9).",
        "Without the 10 most massive units it falls from 4 to 2.",
        "Of the units, 50\u00a0% have the sign of their last mean at 0.attn and 75\u00a0% at 1.mlp; chance gives "
        "about half.",
        "The population density, which does not change when everything grows, falls from 0.5 to 0.2.",
    )
    assert units.activation(results[["sign_kept"]]) == units.activation(results)[2:3]


def test_c():
    r = of_transitions([[0.9, 0.7], [0.1, 0.3], [0.8, 0.8], [0.9, 0.9], [0.6, np.nan]], "unit")
    assert units.correlation(xr.Dataset({"unit_correlation": r})) == (
        "The median r over units and transitions is 0.8 within layers and 0.6 across layers.",
        "In the first third of the depth it averages 0.8 within layers and 0.2 across layers.",
        "In the last third it averages 0.6 within layers and 0.9 across layers.",
        "The median r is higher within a layer than on the way to the next in 1 of 2 layers.",
        "10\u00a0% of the correlations are not defined and drawn grey.",
    )


def density_of(shares, negative) -> xr.Dataset:
    density = xr.DataArray(
        [np.array(shares).T],
        dims=("transition_kind", "bin", "unit"),
        coords={
            "transition_kind": ["all"],
            "bin_left": ("bin", [0.0, 0.8, 0.9]),
            "share_negative": (("transition_kind", "unit"), [negative]),
        },
        name="correlation_density",
    )
    return xr.Dataset({"correlation_density": density})


def test_d():
    results = density_of([[0.0, 0.5, 0.5], [0.5, 0.25, 0.05], [np.nan] * 3], [0.0, 0.2, np.nan])
    assert len(units.density(results)) == 1
    results = results.assign(strong_throughout=xr.DataArray(0.5))
    assert units.density(results) == (
        "A unit's r is above 0.8 at 65\u00a0% of its transitions on average, and below 0 at 10\u00a0%.",
        "50\u00a0% of the units have r above 0.8 at nine of ten transitions.",
    )
    assert units.density(density_of([[np.nan] * 3], [np.nan])) == ("No unit has a correlation.",)


def test_e():
    cosine = of_transitions([[0.5, 0.7], [0.2, 0.2], [0.9, 0.9], [0.8, 0.8], [1, 1]], "sample")
    assert motion.cosine(xr.Dataset({"cosine": cosine})) == (
        "The mean cosine is 0.833 within layers and 0.5 across layers.",
        "Over the depth it rises from 0.6 to 1 within layers and rises from 0.2 to 0.8 across layers.",
        "It is higher within a layer than on the way to the next in 2 of 2 layers.",
    )


def test_f():
    velocity = of_transitions([[1, 3], [8, 8], [2, 2], [4, 4], [2, 2]], "sample")
    without = xr.DataArray(
        [[2, 8, 2, 4, 2], [2, 1, 2, 4, 2.0]],
        dims=("left_out", "transition"),
        coords={"left_out": [0, 3], "transition": PLACES["transition"]},
    )
    results = xr.Dataset(
        {"velocity": velocity, "relative_velocity": velocity / 10, "velocity_without_massive": without}
    )
    assert motion.velocity(results) == (
        "Over the depth the mean step begins and ends at 2 within layers and falls from 8 to 4 across layers.",
        "Of all transitions the mean step is lowest at 0.attn→0.mlp (2) and highest at 0.mlp→1.attn (8).",
        "Relative to the state's length a step is 20\u00a0% within layers and 60\u00a0% across layers.",
        "Without the 3 most massive units the step at 0.mlp→1.attn is 1 instead of 8.",
    )
    assert len(motion.velocity(results[["velocity"]])) == 2


def information() -> xr.Dataset:
    first = of_transitions([[1, 3], [1, 1], [2, 2], [0.5, 0.5], [4, 4]], "unit")
    nats = xr.concat([first, 2 * first], "estimator").assign_coords(estimator=["gcmi", "new"])
    nats = nats.assign_coords(
        gaussian_floor=(("transition", "unit"), first.values.T - 0.25),
        tie_share=(("transition", "unit"), [[0.9, 0.7], [0, 0], [0, 0], [0, 0], [0, 0]]),
    )
    return xr.Dataset({"mutual_information": nats, "mutual_information_shuffle": 0 * nats + 0.01})


def test_g():
    assert motion.information_map(information()) == (
        "By the Gaussian copula estimator the median over units and transitions is 2.5 nats within layers and "
        "0.75 nats "
        "across layers.",
        "At 0.attn→0.mlp 80\u00a0% of the median unit's samples are tied: an estimate there rests on few values.",
    )
    fewer = information()
    fewer["tie_share"] = 0.5 * fewer["tie_share"]
    assert len(motion.information_map(fewer)) == 1


def test_h():
    assert motion.information(information()) == (
        "By the Gaussian copula estimator the mean over units rises from 2 to 4 nats within layers and falls "
        "from 1 to 0.5 "
        "nats across layers.",
        "By the new estimator the mean over units rises from 4 to 8 nats within layers and falls from 2 to 1 "
        "nats across "
        "layers.",
        "With the samples of the later state shuffled it averages 0.01 (Gaussian copula) and 0.01 (new) nats.",
        "The information's median distance from what the linear correlation alone implies, −½ ln(1 − r²), is 0.25 "
        "nats (Gaussian copula).",
    )


def test_infinite_values_are_counted_and_in_no_mean():
    results = information()
    nats = results["mutual_information"]
    nats[0, 0, 0] = nats[1, 0, 0] = nats[1, 0, 2] = np.inf
    said = motion.information(results)
    assert said[:4] == (
        "By the Gaussian copula estimator the mean over units rises from 3 to 4 nats within layers and falls "
        "from 1 to 0.5 nats across layers.",
        "Of the 10 values of the Gaussian copula estimator 1 is infinite and is left out.",
        "By the new estimator the mean over units rises from 6 to 8 nats within layers and falls from 2 to 1 nats "
        "across layers.",
        "Of the 10 values of the new estimator 2 are infinite and are left out.",
    )
    assert motion.information_map(results)[1] == said[1]
    everywhere = results.assign(mutual_information=nats.where(nats["kind"] == "cross", np.inf))
    assert not any("∞" in sentence for sentence in motion.information(everywhere))


PUBLISHED = (
    "Dashed is the paper's curve of Llama 3.1 8B: its 63 transitions are stretched over this model's relative"
)


def test_the_papers_curves_are_told_where_they_are_drawn(results):
    asked, plain = Inputs(results, reference=True), Inputs(results)
    found = {panel.letter: seen(panel, asked)[len(seen(panel, plain)) :] for panel in lettered(asked)}
    assert found.pop("E") == (f"{PUBLISHED} depth.",)
    assert found.pop("F") == (f"{PUBLISHED} depth, and its scale is the one on the right.",)
    assert found.pop("H") == (f"{PUBLISHED} depth, and its estimator is KDE.",)
    assert set(found.values()) == {()}


def test_i():
    scores = xr.DataArray(np.zeros((5, 6, 3)), dims=("sample", "sublayer", "pc"))
    known = scores.assign_coords(explained=("pc", [0.5, 0.25, 0.125]))
    assert space.plane(xr.Dataset({"pc_scores": known}))[0] == (
        "Paths of 5 samples along the first 2 components of one PCA of all states, which carry 50\u00a0% (PC1) "
        "and 25\u00a0% "
        "(PC2) of their variance."
    )
    assert space.in_space(xr.Dataset({"pc_scores": scores})) == (
        "Paths of 5 samples along the first 3 components of one PCA of all states.",
    )


def test_j():
    shares = np.linspace(0.01, 0.2, 20)[None, :] * np.arange(1, 7)[::-1, None] / 2
    curves = xr.DataArray(shares, dims=("sublayer", "component"), coords={**ALONG, "component": np.arange(1, 21)})
    assert space.cumulative(xr.Dataset({"explained_variance": curves})) == (
        "The first 10 components hold a share of a sublayer's variance that is lowest at 2.mlp (5\u00a0%) and "
        "highest at "
        "0.attn (30\u00a0%).",
        "The first 20 components hold a share of a sublayer's variance that is lowest at 2.mlp (10\u00a0%) and "
        "highest at "
        "0.attn (60\u00a0%).",
    )
    few = xr.Dataset({"explained_variance": curves.isel(component=slice(0, 4))})
    assert [sentence[:22] for sentence in space.cumulative(few)] == ["The first 4 components"]


def test_k():
    shares = xr.DataArray(
        [[0.2, 0, 0, 0, 0, 0.6], [0.8, 0, 0, 0, 0, 0.4], [1.0, 1, 1, 1, 1, 1]],
        dims=("space", "sublayer"),
        coords={**ALONG, "space": ["global", "equalised", "another"]},
    )
    results = xr.Dataset({"explained_variance_by_sublayer": shares})
    first = (
        "Over the depth the explained share rises from 20\u00a0% to 60\u00a0% in one space fitted to all states "
        "and falls "
        "from 80\u00a0% to 40\u00a0% in a space in which every sublayer has the same variance."
    )
    assert space.by_sublayer(results) == (first,)
    results = results.assign(
        participation_ratio=of_sublayers([4, 5, 6, 7, 8, 40]), components_for_90=of_sublayers([8] * 6)
    )
    assert space.by_sublayer(results) == (
        first,
        "On its own axes a sublayer's cloud has a participation ratio that rises from 4 to 40; the number of "
        "axes for "
        "90 % of its variance begins and ends at 8.",
    )


def summary_of(**means) -> xr.Dataset:
    """Means over hosts at three places for one grid and one disc; intervals of ± 0.1."""
    names = list(means)
    values = np.array([means[name] for name in names], dtype=float)
    coords = {
        "quantity_of_flow": names,
        "injected": ["0.attn", "1.attn", "2.attn"],
        "target_kind": ("group", ["grid", "disc"]),
        "radius": ("group", [np.nan, 1.0]),
        "horizon_steps": ("injected", [12, 12, 1]),
    }
    dims = ("quantity_of_flow", "injected", "group")
    data = {"mean": values, "low": values - 0.1, "high": values + 0.1}
    return xr.Dataset({f"teleports_{name}": (dims, array) for name, array in data.items()}, coords=coords)


def test_l():
    pull = [[0.3, 0], [-0.4, 0], [0.05, 0]]
    excess = (
        "Beyond what being carried along does (pull excess, a difference of cosines), they turn towards the "
        "control: 0.3 "
        "(0.2 to 0.4) at 0.attn; they turn away from the control: −0.4 (−0.5 to −0.3) at 1.attn; one cannot tell: "
        "0.05 (−0.05 to 0.15) at 2.attn."
    )
    summary = summary_of(pull_excess=pull)
    flow = xr.Dataset(
        coords={
            "injected": summary["injected"],
            "target_kind": ("target", ["grid", "grid", "disc"]),
            "horizon_steps": ("injected", [12, 12, 1]),
            "host": [0],
        }
    )
    assert teleports.row(Teleports(flow, summary, None)) == (
        "The last token's state is moved to 2 points of the plane of PC1 and PC2 at 0.attn, 1.attn and 2.attn, "
        "in 1 text; "
        "arrows, of the first of them, span 12 sublayers, or as many as remain (1 at the least).",
        excess,
    )
    assert teleports.pull(Teleports(flow, summary, None)) == (excess,)
    models = [summary, summary * 0, summary]
    both = xr.concat(models, "model").assign_coords(model=["trained", "untrained 0", "trained − untrained"])
    assert teleports.pull(Teleports(flow, both, None))[0] == excess
    assert teleports.pull(Teleports(flow, both, None))[1].startswith(
        "Trained minus untrained, the pull excess is 0.3 (0.2 to 0.4)"
    )
    assert teleports.row(Teleports(flow, None, None))[1:] == ()
    once = flow.assign_coords(horizon_steps=("injected", [1, 1, 1]))
    assert teleports.row(Teleports(once, None, None))[0].endswith("span 1 sublayer.")


def test_intervals_of_teleports_are_those_of_the_summary():
    summary = summary_of(pull_excess=[[0.3, 0], [-0.4, 0], [0.05, 0]])
    values = summary["teleports_mean"]
    wide = summary.assign(teleports_low=values - 0.75, teleports_high=values + 0.5)
    flow = xr.Dataset(coords={"injected": summary["injected"]})
    assert teleports.pull(Teleports(flow, wide, None)) == (
        "Beyond what being carried along does (pull excess, a difference of cosines), one cannot tell: 0.3 "
        "(−0.45 to 0.8) at 0.attn, −0.4 (−1.15 to 0.1) at 1.attn and 0.05 (−0.7 to 0.55) at 2.attn.",
    )
    # One host has no interval.
    alone = summary.assign(teleports_low=values * np.nan, teleports_high=values * np.nan)
    assert teleports.pull(Teleports(flow, alone, None)) == (
        "Beyond what being carried along does (pull excess, a difference of cosines), one cannot tell: 0.3 at "
        "0.attn, −0.4 at 1.attn and 0.05 at 2.attn.",
    )


def test_of_a_place_that_nothing_follows_nothing_is_said_but_that():
    steps = {"horizon_steps": ("injected", [12, 3, 0])}
    summary = summary_of(pull_excess=[[0.3, 0], [0.4, 0], [np.nan, 0]], rho=[[9, 0.5], [9, 0.6], [9, 1]])
    summary = summary.assign_coords(steps)
    flow = xr.Dataset(
        coords={"injected": summary["injected"], "target_kind": ("target", ["grid"]), **steps, "host": [0]}
    )
    assert teleports.row(Teleports(flow, summary, None))[:2] == (
        "The last token's state is moved to 1 point of the plane of PC1 and PC2 at 0.attn and 1.attn, in 1 text; "
        "arrows, of the first of them, span 12 sublayers, or as many as remain (3 at the least).",
        "No state is read after 2.attn: what comes of one that is moved there is not seen.",
    )
    shares = xr.DataArray(
        [[[0.25]], [[0.5]], [[0.0]]],
        dims=("injected", "target_kind", "radius"),
        coords={"injected": summary["injected"], "target_kind": ["disc"], "radius": [1.0]},
    )
    returns = xr.Dataset({"return_fraction": shares}).assign_coords(steps)
    said = [teleports.row(Teleports(flow, summary, None))[2], *teleports.pull(Teleports(flow, summary, None))]
    said += [
        *teleports.retention(Teleports(flow, summary, None)),
        *teleports.returning(Teleports(flow, summary, returns)),
    ]
    assert len(said) == 4
    assert all("1.attn" in sentence and "2.attn" not in sentence for sentence in said)
    nowhere = flow.isel(injected=[2])
    assert teleports.row(Teleports(nowhere, None, None)) == (
        "No state is read after 2.attn: what comes of one that is moved there is not seen.",
    )


def test_what_is_left_of_a_displacement():
    summary = summary_of(rho=[[9, 0.5], [9, 0.6], [9, 0.7]])
    assert teleports.retention(Teleports(xr.Dataset(), summary, None)) == (
        "Of a displacement of 1 σ in the plane there remains, along its own direction (ρ), 0.5 (0.4 to 0.6) at "
        "0.attn, 0.6 "
        "(0.5 to 0.7) at 1.attn and 0.7 (0.6 to 0.8) at 2.attn.",
    )
    assert teleports.retention(Teleports(xr.Dataset(), None, None)) == ()


def test_who_returns():
    shares = xr.DataArray(
        [[[0.25, 0.9]], [[0.5, 0.9]]],
        dims=("injected", "target_kind", "radius"),
        coords={
            "injected": ["0.attn", "1.attn"],
            "target_kind": ["swap"],
            "radius": [0.5, 4.0],
            "horizon_steps": ("injected", [2, 1]),
        },
    )
    assert teleports.returning(Teleports(xr.Dataset(), None, xr.Dataset({"return_fraction": shares}))) == (
        "Moved by 0.5 σ towards another sample, states end closer than they began in 25\u00a0% at 0.attn and "
        "50\u00a0% at "
        "1.attn.",
    )


def test_where_states_were_moved_to_is_said_of_each_kind():
    shares = xr.DataArray(
        [[[0.25], [0.5], [0.75]]],
        dims=("injected", "target_kind", "radius"),
        coords={
            "injected": ["0.attn"],
            "target_kind": ["disc", "isotropic", "swap"],
            "radius": [1.0],
            "horizon_steps": ("injected", [2]),
        },
    )
    assert teleports.returning(Teleports(xr.Dataset(), None, xr.Dataset({"return_fraction": shares}))) == (
        "Moved by 1 σ in the plane, states end closer than they began in 25\u00a0% at 0.attn.",
        "Moved by 1 σ in any direction, states end closer than they began in 50\u00a0% at 0.attn.",
        "Moved by 1 σ towards another sample, states end closer than they began in 75\u00a0% at 0.attn.",
    )


def test_beyond_the_skip_path_and_without_norms():
    r = of_transitions([[0.9, 0.7], [0.1, 0.3], [0.8, 0.8], [0.9, 0.9], [0.6, np.nan]], "unit")
    assert beyond.beyond_skip(xr.Dataset({"unit_correlation": r, "skip_correlation": r / 2})) == (
        "The median r is 0.8 within layers and 0.6 across layers; with steps that do not depend on the "
        "state it is "
        "0.4 within layers and 0.3 across layers.",
    )
    step = of_transitions([[1, 3], [8, 8], [2, 2], [4, 4], [2, 2]], "sample")
    assert beyond.directions(xr.Dataset({"radial_step": -step, "tangential_step": 2 * step})) == (
        "The part of a step along the state is −2 within layers and −6 across layers on average.",
        "The part of a step across the state is 4 within layers and 12 across layers on average.",
    )
    angles = xr.DataArray([[80.0, 100, np.nan], [90, 90, 120]], dims=("sample", "sublayer"))
    assert beyond.turning(xr.Dataset({"turning_angle": angles})) == (
        "Successive steps make 96° on average; a random walk's make 90°, white noise's 120°.",
    )


def test_in_another_basis_and_over_orbits():
    before = xr.DataArray([[10.0, 5, 40], [10, 5, 60]], dims=("sample", "sublayer"))
    after = xr.DataArray([[3.0, 3, 3.1], [3.0, 3, 3.1]], dims=("sample", "sublayer"))
    assert beyond.kurtosis(xr.Dataset({"kurtosis": before, "kurtosis_rotated": after})) == (
        "Over the depth the mean kurtosis over units rises from 10 to 50.",
        "In a random basis the mean kurtosis over units rises from 3 to 3.1.",
        "Gaussian units have 3.",
    )
    rotations = xr.DataArray([10.0, 12, np.nan], dims="unit")
    nulls = xr.DataArray([[0.0, 0.5, 0.1], [9, 10, 11]], dims=("null", "unit"), coords={"null": ["one", "two"]})
    assert beyond.orbits(xr.Dataset({"rotations": rotations, "rotations_null_mean": nulls})) == (
        "The 3 units turn 11 times on average, against 0.2 with one and 10 with two.",
    )


def turning(p_of_smooth):
    nulls = ["points shuffled", "steps permuted", "phases drawn"]
    return xr.Dataset(
        {
            "rotations": ("unit", [-10.0, -12, np.nan]),
            "rotations_null_mean": (("null", "unit"), [[0.0, 0.5, 0.1], [-13, -14, np.nan], [-11, -11, np.nan]]),
            "rotations_mean_p": ("null", [0.005, 0.02, p_of_smooth]),
            "rotations_p_family": (("null", "unit"), [[0.01, 0.01, np.nan], [0.01, 0.2, np.nan], [1, 1, np.nan]]),
        },
        coords={"null": nulls},
    )


def test_how_often_units_turn_is_said_with_its_direction():
    assert beyond.orbits(turning(0.4)) == (
        "The 3 units turn −11 times on average: more often than with points shuffled (0.2, p\xa0=\xa00.005), less "
        "often than with steps permuted (−13.5, p\xa0=\xa00.02), not clearly more or less often than with phases "
        "drawn (−11, p\xa0=\xa00.4).",
        "Units that turn more often and that turn less often than the null's, at p ≤ 0.05 over all units "
        "together: 2 and 0 with points shuffled, 0 and 1 with steps permuted and 0 and 0 with phases drawn.",
        "Of these nulls only phases drawn keeps how smooth a path is; beside it the mean over units is as "
        "expected, so that a difference from the others need be no more than one of smoothness.",
    )
    assert beyond.orbits(turning(0.01))[2] == (
        "Of these nulls only phases drawn keeps how smooth a path is; its mean differs too, by more than "
        "smoothness explains."
    )
    undefined = beyond.orbits(turning(np.nan))
    assert len(undefined) == 2
    assert "phases" not in undefined[0]
    earlier = turning(0.4).drop_vars("rotations_p_family").isel(null=[0, 1])
    assert len(beyond.orbits(earlier)) == 1


@pytest.mark.filterwarnings("error")
def test_one_transition_that_is_not_defined_leaves_the_averages_of_the_others():
    r = of_transitions([[0.9, 0.7], [0.1, 0.3], [np.nan] * 2, [0.9, 0.9], [0.6, 0.6]], "unit")
    said = units.correlation(xr.Dataset({"unit_correlation": r}))
    assert "it averages 0.8 within layers and 0.2 across layers." in said[1]
    cosine = of_transitions([[0.5, 0.7], [0.2, 0.2], [np.nan] * 2, [0.8, 0.8], [1, 1]], "sample")
    assert motion.cosine(xr.Dataset({"cosine": cosine}))[0] == (
        "The mean cosine is 0.8 within layers and 0.5 across layers."
    )


@pytest.mark.filterwarnings("error")
def test_of_what_is_nowhere_defined_nothing_is_said():
    of_samples, of_units = (of_transitions([[np.nan] * 2] * 5, over) for over in ("sample", "unit"))
    nowhere = of_sublayers([np.nan] * 6)
    along = nowhere.expand_dims(sample=2)
    nats = xr.concat([of_units], "estimator").assign_coords(
        estimator=["gcmi"], gaussian_floor=(("transition", "unit"), np.full((5, 2), np.nan))
    )
    results = xr.Dataset(
        {
            "skip_correlation": of_units,
            "unit_correlation": of_units,
            "cosine": of_samples,
            "velocity": of_samples,
            "relative_velocity": of_samples,
            "radial_step": of_samples,
            "tangential_step": of_samples,
            "turning_angle": along,
            "kurtosis": along,
            "kurtosis_rotated": along,
            "rotations": ("unit", [np.nan] * 2),
            "rotations_null_mean": (("null", "unit"), [[np.nan] * 2]),
            "null": ["one"],
            "magnitude": nowhere,
            "density": along,
            "participation_ratio": nowhere,
            "explained_variance_by_sublayer": nowhere.expand_dims(space=["global"]),
            "mutual_information": nats,
            "mutual_information_shuffle": nats.drop_vars("gaussian_floor"),
        }
    )
    for caption in (
        *(beyond.beyond_skip, beyond.directions, beyond.turning, beyond.kurtosis, beyond.orbits),
        *(motion.cosine, motion.velocity, motion.information_map, motion.information, motion.beyond_linear),
        *(units.activation, space.by_sublayer),
    ):
        assert caption(results) == ()
    assert units.correlation(results) == ("100\u00a0% of the correlations are not defined and drawn grey.",)


@pytest.mark.filterwarnings("error")
def test_where_information_and_its_floor_are_infinite_there_is_no_distance():
    results = information()
    results["mutual_information"][0, 0, 0] = results["gaussian_floor"][0, 0] = np.inf
    assert "is 0.25 nats" in motion.beyond_linear(results)[0]


def test_of_one_place_no_change_is_said():
    one = of_transitions([[1, 3], [8, 8], [2, 2], [4, 4], [2, 2]], "sample").isel(transition=[0, 1, 2])
    assert motion.cosine(xr.Dataset({"cosine": one}))[1] == "Over the depth it begins and ends at 2 within layers."
    assert len(motion.velocity(xr.Dataset({"velocity": one.isel(transition=[0, 1])}))) == 1


def test_one_unit_and_one_component_are_said_in_the_singular():
    rotations = xr.Dataset({"rotations": ("unit", [2.0]), "rotations_null_mean": (("null", "unit"), [[1.0]])})
    assert beyond.orbits(rotations.assign_coords(null=["one"])) == (
        "The 1 unit turns 2 times on average, against 1 with one.",
    )
    curves = xr.DataArray(np.ones((6, 1)), dims=("sublayer", "component"), coords={**ALONG, "component": [1]})
    assert space.cumulative(xr.Dataset({"explained_variance": curves}))[0].startswith(
        "The first component holds a"
    )
    without = xr.DataArray([[1.0] * 6, [2.0] * 6], dims=("left_out", "sublayer"), coords={"left_out": [0, 1]})
    results = xr.Dataset({"magnitude": of_sublayers([1] * 6), "magnitude_without_massive": without})
    assert units.activation(results)[1] == "Without the most massive unit it begins and ends at 2."


def test_every_panel_has_words(results, moved, maps, predicted):
    # As of texts of which several tokens are samples.
    before = np.arange(results.sizes["sample"])
    results = results.assign_coords(text_id=("sample", before // 4), n_tokens=("sample", before % 4 + 1))
    # What is made only where it is asked for.
    values = np.random.default_rng(0).standard_normal((20, results.sizes["sublayer"], 6)).cumsum(axis=1)
    results = results.assign(autoencoded(label_states(values.astype(np.float32), site_map().sublayers)))
    teleports = Teleports(moved["flow"], moved["summary"], moved["return_fraction"])
    inputs = Inputs(results, site_map(), teleports, jacobians=maps, outputs=predicted)
    drawn = (*lettered(inputs), *further(inputs))
    own = {panel.stem for panel in declared()}
    generic_ones = {f"control_{name}" for name, one in quantities().items() if one.drawing == "curve"}
    assert own <= {panel.stem for panel in drawn} <= own | generic_ones
    for panel in drawn:
        said = seen(panel, inputs)
        assert said, panel.stem
        assert all(sentence.endswith(".") and "nan" not in sentence.lower() for sentence in said), (
            panel.stem,
            said,
        )
        assert all(results[result].attrs["definition"] for result in panel.defined_by), panel.stem


def test_a_panel_without_a_caption_is_told_by_its_result(results):
    panel = Panel(stem="control_norm", title="Lengths", needs=("norm",), draw=lambda inputs, ax: ax)
    assert seen(panel, Inputs(results)) == generic.caption(results["norm"])


def test_the_generic_sentence_goes_from_end_to_end():
    curve = of_sublayers([1, 2, 3, 9, 5, 4]).assign_attrs(quantity="mean_angle", units="degrees")
    assert generic.caption(curve) == ("Mean angle (degrees): from 1 to 4.",)
    within = curve.assign_coords(low=("sublayer", curve.values - 0.5), high=("sublayer", curve.values + 0.25))
    assert generic.caption(within.assign_attrs(title="turn", units="1")) == (
        "Turn: from 1 (0.5 to 1.25) to 4 (3.5 to 4.25).",
    )
    steps = of_transitions([[1, 3], [8, 8], [2, 2], [4, 4], [2, np.inf]], "sample").rename("step")
    assert generic.caption(steps.assign_attrs(units="activation")) == (
        "Step (activation): from 2 to 2 within layers and from 8 to 4 across layers.",
    )
    late = xr.concat(
        [of_sublayers(v) for v in ([np.nan, 5, 1, 1, 1, 5], [0, 4, 0, 0, 0, 1], [0, 6, 2, 2, 2, 9])], "bound"
    )
    late = late.assign_coords(bound=["value", "low", "high"]).assign_attrs(title="turn")
    assert generic.caption(late) == ("Turn: from 5 (4 to 6) to 5 (1 to 9).",)
    turns = xr.DataArray([1.0, 2, np.nan, 6], dims="unit", name="turns")
    assert generic.caption(turns) == ("The median of turns over units is 2.",)
    assert generic.caption(turns * np.nan) == generic.caption(curve * np.nan) == ()
