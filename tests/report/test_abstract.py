import json
from dataclasses import replace

import pytest

from claims_record import example_claims
from residyn.report.abstract import abstract, key_numbers
from residyn.runs.verdicts import read_verdicts

from .conftest import RUN


@pytest.fixture
def verdicts(tmp_path):
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(example_claims()))
    return read_verdicts(path)


def test_the_example_in_words(verdicts):
    counts, origins, learned, failing = abstract(verdicts)
    assert counts == (
        "Of the paper's 14 claims (claim 14 in two versions, which makes 15), 6 hold on this model, 6 do not, "
        "and 3 are "
        "undecided."
    )
    assert origins == (
        "Of those that hold, 2 are learned (claims 4 and 8): an untrained network of the same architecture does "
        "not "
        "show them; 1 comes with the architecture (claim 1): an untrained network shows it too; 2 are artefacts "
        "(claims 5 and 6): surrogates that know nothing of them show them too, or they are lost with a detail "
        "that is taken away; 1 remains open "
        "(claim 13): no control tells where it comes from."
    )
    assert learned == (
        "What training adds: correlation is higher within layers than across them; cosine similarity grows with "
        "depth "
        "and is higher within layers."
    )
    assert failing.startswith("Not so here: activations grow dense; units keep their sign; most units")


def _only(verdicts, *numbers):
    return replace(verdicts, claims=tuple(claim for claim in verdicts.claims if claim.number in numbers))


def test_one_of_each(verdicts):
    assert abstract(_only(verdicts, 1, 2, 9)) == (
        "Of the paper's 14 claims, 3 were judged: 1 holds on this model, 1 does not, and 1 is undecided.",
        "The one that holds comes with the architecture (claim 1): an untrained network shows it too.",
        "Not so here: activations grow dense.",
    )


def test_several_of_a_kind(verdicts):
    open_ = replace(verdicts.claims[12], number=3)
    both = replace(verdicts, claims=(verdicts.claims[12], open_))
    assert abstract(both)[1] == (
        "Of those that hold, 2 remain open (claims 13 and 3): no control tells where they come from."
    )


def test_nothing_holds(verdicts):
    assert abstract(_only(verdicts, 9)) == (
        "Of the paper's 14 claims, 1 was judged: 0 hold on this model, 0 do not, and 1 is undecided.",
    )


def test_without_verdicts_nothing_is_said(verdicts):
    assert abstract(None) == ()
    assert abstract(_only(verdicts)) == ()


def test_key_numbers(results):
    found = dict(key_numbers(RUN, results))
    assert found["Layers × units"] == "8 × 12"
    assert found["States a text"] == "16"
    assert found["Parameters"] == "135 million"
    assert found["Tokens read"] == "77,160"
    within = results["cosine"].isel(transition=results["kind"].values == "within").mean().item()
    assert found["Mean cosine"].startswith(f"{within:.3g} within, ")
    assert "Parameters" not in dict(key_numbers({}, results))


@pytest.mark.filterwarnings("error")
def test_a_key_number_that_is_not_defined_is_left_out(results):
    names = ["unit_correlation", "cosine", "velocity", "pc_scores"]
    nowhere = results[names].map(lambda result: result.where(False))
    nowhere = nowhere.assign_coords(explained=("pc", [float("nan")] * nowhere.sizes["pc"]))
    assert [name for name, _ in key_numbers({}, nowhere)] == ["Layers × units", "States a text"]
