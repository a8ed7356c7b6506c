import json
from dataclasses import replace

import pytest

from claims_record import example_claims, old_record
from residyn.report.abstract import abstract, key_numbers
from residyn.runs.verdicts import read_verdicts

from .conftest import RUN


@pytest.fixture
def verdicts(tmp_path):
    path = tmp_path / "claims.json"
    path.write_text(json.dumps(example_claims()))
    return of_paper(read_verdicts(path))


def of_paper(verdicts):
    return replace(verdicts, claims=tuple(claim for claim in verdicts.claims if claim.paper))


def test_the_example_in_words(verdicts):
    counts, chance, origins, learned = abstract(verdicts)
    assert counts == (
        "Of the paper's 14 claims (claim 14 in two versions, which makes 15), 7 hold on this model, 4 do not, "
        "and 4 are undecided."
    )
    assert chance == "Were every null true, 0.75 of these verdicts would hold by chance."
    assert origins == (
        "Of the claims that hold, 2 are learned (claims 4 and 8): an untrained network of the same architecture "
        "does not show them; 1 is a matter of scale (claim 3): the trained weights with their entries permuted "
        "show it too; 1 comes with the architecture (claim 1): an untrained network shows it too; 2 are artefacts "
        "(claims 5 and 6): surrogates that know nothing of them show them too, or they are lost with a detail "
        "that is taken away; 1 remains open (claim 13): no control tells where it comes from."
    )
    assert learned == (
        "What training adds: correlation is higher within layers than across them; cosine similarity grows with "
        "depth and is higher within layers."
    )


def _only(verdicts, *numbers):
    return replace(verdicts, claims=tuple(claim for claim in verdicts.claims if claim.number in numbers))


def _without_nulls(verdicts):
    bare = (
        replace(claim, criteria=tuple(replace(one, null=None) for one in claim.criteria))
        for claim in verdicts.claims
    )
    return replace(verdicts, claims=tuple(bare))


def test_one_of_each(verdicts):
    assert abstract(_only(verdicts, 1, 2, 9)) == (
        "Of the paper's 14 claims, 3 were judged: 1 holds on this model, 1 does not, and 1 is undecided.",
        "Were every null true, 0.15 of these verdicts would hold by chance.",
        "The one that holds comes with the architecture (claim 1): an untrained network shows it too.",
    )


def test_matters_of_scale(verdicts):
    assert abstract(_only(verdicts, 3))[-1] == (
        "The one that holds is a matter of scale (claim 3): the trained weights with their entries permuted show "
        "it too."
    )
    two = replace(verdicts, claims=(verdicts.claims[2], replace(verdicts.claims[2], number=9)))
    assert abstract(two)[-1] == (
        "Of the claims that hold, 2 are matters of scale (claims 3 and 9): the trained weights with their entries "
        "permuted show them too."
    )


def test_claims_that_the_paper_does_not_make_are_told_and_not_counted_among_its_own(verdicts):
    ours = [replace(verdicts.claims[3], number=15 + i, paper=False) for i in range(2)]
    counts, beside, chance, origins, *_ = abstract(replace(verdicts, claims=(*verdicts.claims, *ours)))
    assert counts == abstract(verdicts)[0]
    assert beside == (
        "Beside these, 2 claims that the paper does not make were judged (claims 15 and 16): 2 hold on this "
        "model, 0 do not, and 0 are undecided."
    )
    assert chance == "Were every null true, 0.85 of these verdicts would hold by chance."
    assert origins.startswith("Of the claims that hold, 4 are learned (claims 4, 8, 15 and 16)")
    assert abstract(replace(verdicts, claims=tuple(ours[:1])))[0] == (
        "1 claim that the paper does not make was judged (claim 15): 1 holds on this model, 0 do not, and 0 are "
        "undecided."
    )


def test_without_nulls_nothing_is_said_of_chance(verdicts):
    assert not any("chance" in sentence for sentence in abstract(_without_nulls(verdicts)))


def test_verdicts_of_format_1_in_words(tmp_path):
    (tmp_path / "claims.json").write_text(json.dumps(old_record()))
    said = abstract(read_verdicts(tmp_path / "claims.json"))
    assert said[0].startswith("Of the paper's 14 claims (claim 14 in two versions, which makes 15), ")
    assert not any("does not make" in sentence for sentence in said)


def test_several_of_a_kind(verdicts):
    open_ = replace(verdicts.claims[12], number=3)
    both = replace(verdicts, claims=(verdicts.claims[12], open_))
    assert abstract(both)[2] == (
        "Of the claims that hold, 2 remain open (claims 13 and 3): no control tells where they come from."
    )


def test_nothing_holds(verdicts):
    assert abstract(_only(verdicts, 9)) == (
        "Of the paper's 14 claims, 1 was judged: 0 hold on this model, 0 do not, and 1 is undecided.",
        "Were every null true, 0.05 of these verdicts would hold by chance.",
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
