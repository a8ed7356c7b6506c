"""What the page shows of the path in output space is what the run holds of it."""

from __future__ import annotations

import numpy as np
import pytest

import residyn as rd
from residyn.explorer.outputs import output_curves
from residyn.quantities.at_samples import curve


@pytest.fixture(scope="module")
def opened(run):
    return rd.open_run(run)


@pytest.fixture(scope="module")
def shown(explored):
    return {one.name: one for one in explored.curves if one.name.startswith("outputs.")}


def test_the_lens_has_its_interval_and_stands_beside_its_null_and_other_networks(shown, opened):
    lens, found = shown["outputs.lens_kl"], opened.outputs["model"]
    np.testing.assert_allclose(np.transpose([lens.value, lens.low, lens.high]), curve(found, "lens_kl"), rtol=1e-6)
    beside = {one.title: one.value for one in lens.beside}
    assert list(beside) == ["2 untrained networks", "permuted weights", "words of the head exchanged"]
    np.testing.assert_allclose(
        beside["words of the head exchanged"], found["lens_exchanged_kl"].mean("sample"), rtol=1e-5
    )
    untrained = np.mean([opened.outputs[f"untrained-{seed}"]["lens_kl"].mean("sample") for seed in (0, 1)], axis=0)
    np.testing.assert_allclose(beside["2 untrained networks"], untrained, rtol=1e-5)
    assert lens.statistic == "mean over 4 texts"
    own = {one.title: one.value for one in shown["outputs.lens_entropy"].beside}["the model's own output"]
    np.testing.assert_allclose(own, float(found["final_entropy"].mean()), rtol=1e-5)


@pytest.mark.parametrize("name", ["skip_kl", "swap_kl"])
def test_what_a_block_is_worth_stands_at_each_of_its_sublayers(shown, opened, name):
    worth = opened.outputs["model"][name].mean("sample").values
    np.testing.assert_allclose(shown[f"outputs.{name}"].value, np.repeat(worth, 2), rtol=1e-5)
    assert shown[f"outputs.{name}"].statistic == "mean over 2 texts"


def test_every_number_that_is_known_is_a_curve_and_the_settling_depth_is_of_the_whole_path(shown, opened):
    found = opened.outputs["model"]
    wanted = {name for name in found if found[name].dtype.kind == "f" and bool(found[name].notnull().any())}
    wanted -= {"lens_exchanged_kl", *(name for name in wanted if name.startswith("final_"))}
    assert set(shown) == {f"outputs.{name}" for name in wanted}
    assert {one.axis for name, one in shown.items() if "depth" not in name} == {"sublayer"}
    settled = shown["outputs.settling_depth"]
    assert settled.axis == "path"
    np.testing.assert_allclose(settled.value, [float(found["settling_depth"].mean())], rtol=1e-6)


def test_without_outputs_there_are_none(opened):
    assert output_curves(opened.results, {}) == ()
