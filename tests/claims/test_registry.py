"""A claim is a record in the catalogue and nothing else: what is declared there is judged, told and counted."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

import synthetic_claims as synthetic
from handmade_claims import claimed, stated
from residyn.claims import catalogue, judge, n_of_paper, registry
from residyn.claims.claim import RANKS, HostSigns
from residyn.claims.depth_nulls import FLIPPED_STEPS, REORDERED_STEPS
from residyn.claims.reference import reference
from residyn.claims.registry import claims, numbers
from residyn.errors import UsageError
from residyn.nulls import NULLS
from residyn.settings import ClaimsSettings

SETTINGS = ClaimsSettings(resamples=40, null_draws=20)


def test_the_paper_makes_fourteen_claims_the_last_in_two_versions():
    papers = [claim for claim in claims() if claim.paper]
    assert list(dict.fromkeys(claim.number for claim in papers)) == list(range(1, 15))
    assert n_of_paper() == 14
    assert [claim.variant for claim in papers] == [*[""] * 13, "CCN", "arXiv"]
    assert [claim.number for claim in papers if claim.rests_on_first] == [6, 10, 11, 12]
    assert all(number > 14 for number in numbers() if number not in range(1, 15))


# A file of its own in the catalogue, as somebody who adds a claim would write it.


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Adds a file to the catalogue, which is gone after the test."""
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])
    names = []

    def added(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        names.append(f"{catalogue.__name__}.{name}")
        claims.cache_clear()

    yield added
    claims.cache_clear()
    for name in names:
        sys.modules.pop(name, None)


LIKENESS = """
from residyn.claims.claim import Claim, trend
from residyn.claims.conditions import TOKENS, UNTRAINED

LIKENESS = Claim(
    number=99,
    claim="Texts grow alike with depth",
    panel="",
    criteria=trend("anisotropy", "the mean cosine"),
    imitations=(TOKENS, UNTRAINED),
    paper=False,
)
"""


def alike(size, *, turning=False, layers=8, seed=0):
    """States of texts that have a part in common, of these sizes by sublayer: in one direction, or turning."""
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((60, 2 * layers, 40))
    common = rng.standard_normal((2 * layers if turning else 1, 40))
    return synthetic.labelled(own + np.broadcast_to(size, 2 * layers)[:, None] * common)


RISES = np.linspace(0.2, 3, 16)


@pytest.mark.parametrize(("size", "verdict"), [(RISES, "holds"), (RISES[::-1], "does not hold")])
def test_a_fifteenth_claim_is_judged_told_and_counted(add, size, verdict):
    add("likeness", LIKENESS)
    controls = {f"untrained-{i}": alike(RISES[::-1], seed=i + 1) for i in range(3)}
    (found,) = judge(alike(size), numbers=[99], controls=controls, settings=SETTINGS).claims
    assert (found.number, found.claim, found.paper, found.verdict) == (
        99,
        "Texts grow alike with depth",
        False,
        verdict,
    )
    assert [one.name for one in found.criteria] == ["anisotropy_trend", "anisotropy_change"]
    assert [one.verdict for one in found.criteria] == [verdict] * 2
    assert found.origin == ("learned" if verdict == "holds" else "")
    said = "the rank correlation of the mean cosine with depth, the weaker of both kinds, is"
    assert found.sentence.startswith(f"{verdict.capitalize()}: {said}")
    # It is listed, and is none of the paper's.
    assert numbers()[-1] == 99
    assert n_of_paper() == 14
    row = "| 99 | Texts grow alike with depth | rank correlation of the mean cosine with depth, the weaker of both"
    assert row in reference()
    assert "The paper makes 14 claims" in reference()


def test_a_fifteenth_claim_of_the_paper_s_would_be_counted_among_these(add):
    add("likeness", LIKENESS.replace("paper=False", "paper=True"))
    assert n_of_paper() == 15
    assert "The paper makes 15 claims" in reference()


def test_a_claim_beside_the_paper_s_leaves_these_as_they_are(add):
    before = judge(alike(RISES), numbers=[1, 4], settings=SETTINGS)
    add("likeness", LIKENESS)
    after = judge(alike(RISES), numbers=[1, 4, 99], settings=SETTINGS)
    assert repr(after.claims[:2]) == repr(before.claims)


# Nulls of one's own.

NULL_OF_STATES = """
import numpy as np

from residyn.claims.claim import Claim, Criterion
from residyn.claims.statistics import mean_of
from residyn.nulls import Null


def _reordered(states, kinds, rng):
    assert kinds.tolist() == ["within", "cross"] * 7 + ["within"]
    order = rng.permuted(np.tile(np.arange(states.shape[1]), (len(states), 1)), axis=1)
    return np.take_along_axis(states, order[:, :, None], axis=1)


OWN_ORDER = Null(
    name="own_order",
    title="each text's sublayers in an order of their own",
    preserves="each text's states",
    destroys="at which sublayer it has them",
    make=_reordered,
)
DIRECTIONS = Claim(
    number=16,
    claim="Every sublayer has a direction of its own",
    panel="",
    criteria=(
        Criterion(
            name="common_direction",
            statistic="mean cosine between texts, over depth",
            needs=("anisotropy",),
            compute=mean_of("anisotropy"),
            threshold=0.2,
            null=OWN_ORDER,
        ),
    ),
    paper=False,
)
"""


@pytest.mark.parametrize(
    ("states", "verdict", "said"),
    [
        (
            alike(2.0, turning=True),
            "holds",
            "above 0.2, p\u00a0=\u00a00.048 against each text's sublayers",
        ),
        (alike(2.0), "undecided", "above 0.2, but not clearly beyond its null, each text's sublayers in an"),
        (alike(0.0), "does not hold", "not above 0.2."),
    ],
    ids=["a direction at each sublayer", "one direction", "no direction"],
)
def test_a_claim_is_tested_on_a_null_of_states_of_its_own(add, states, verdict, said):
    add("directions", NULL_OF_STATES)
    kept = {}
    (found,) = judge(states, numbers=[16], settings=SETTINGS, keep=kept.update).claims
    (one,) = found.criteria
    assert found.verdict == one.verdict == verdict
    assert said in found.sentence
    assert one.null is not None
    assert (one.null.name, one.null.repeats) == ("each text's sublayers in an order of their own", 20)
    assert (one.null.preserves, one.null.destroys) == ("each text's states", "at which sublayer it has them")
    assert [key for key in kept if key.startswith("null")] == [
        "nulls of curves",
        *(f"null of states/own_order/{draw}" for draw in range(20)),
    ]
    drawn = [kept[f"null of states/own_order/{draw}"]["common_direction"][0] for draw in range(20)]
    assert one.null.mean == pytest.approx(np.mean(drawn), rel=1e-12)
    assert one.null.p == pytest.approx((1 + np.sum(np.array(drawn) >= one.value)) / 21)
    assert (one.null.p <= 0.05) is (verdict == "holds")
    assert "| each text's sublayers in an order of their own |" in reference()


NULL_OF_CURVES = """
import numpy as np

from residyn.claims.claim import Claim, Criterion
from residyn.claims.depth_nulls import DepthNull
from residyn.claims.statistics import first_of


def _shuffled(rows, depth, n_units, rng):
    assert n_units == 40
    assert {name: row.shape for name, row in rows.items()} == {"anisotropy": (len(depth.site),)}
    return {name: rng.permuted(np.tile(row, (500, 1)), axis=1) for name, row in rows.items()}


ANY_ORDER = DepthNull("the curve's places in random order", "its values", "where they are", _shuffled)
FIRST = Claim(
    number=17,
    claim="Texts are most alike at the start",
    panel="",
    criteria=(
        Criterion(
            name="anisotropy_start",
            statistic="mean cosine between texts at the first sublayer",
            needs=("anisotropy",),
            compute=first_of("anisotropy", 1),
            threshold=0.3,
            null=ANY_ORDER,
        ),
    ),
    paper=False,
)
"""
FIRST = np.array([3.0, *[0.3] * 39])


@pytest.mark.parametrize(
    ("size", "verdict", "said"),
    [
        (FIRST, "holds", "against the curve's places in random order."),
        (np.full(40, 3.0), "undecided", "not clearly beyond its null, the curve's places in random order (p"),
        (FIRST[::-1], "does not hold", "not above 0.3."),
    ],
    ids=["at the start", "everywhere", "at the end"],
)
def test_a_claim_is_tested_on_a_null_of_curves_of_its_own(add, size, verdict, said):
    add("first", NULL_OF_CURVES)
    (found,) = judge(alike(size, layers=20), numbers=[17], settings=SETTINGS).claims
    (one,) = found.criteria
    assert found.verdict == one.verdict == verdict
    assert said in found.sentence
    assert one.null is not None
    assert (one.null.name, one.null.repeats) == ("the curve's places in random order", 500)
    if verdict == "holds":
        # The first of forty places is as high as itself alone.
        assert one.null.p == pytest.approx(1 / 40, abs=0.025)
        assert one.null.p <= 0.05
    assert "| the curve's places in random order |" in reference()


# What is refused.


def test_a_number_that_is_no_claims_is_refused():
    with pytest.raises(UsageError, match=r"A claim's number is one of 1, 2, .*14.*; got 99"):
        judge(alike(1.0), numbers=[99])
    with pytest.raises(UsageError, match="got none"):
        judge(alike(1.0), numbers=[])


def test_two_claims_of_one_number_are_refused(add):
    add("likeness", LIKENESS)
    add("twice", LIKENESS)
    with pytest.raises(ValueError, match=r"a number or variant of its own; declared twice: 99$"):
        claims()
    add("twice", LIKENESS.replace("number=99,", 'number=99, variant="other",'))
    sys.modules.pop(f"{catalogue.__name__}.twice")
    assert numbers()[-1] == 99


@pytest.fixture
def declared(monkeypatch):
    """Takes the claims that it is given for all there are."""

    def declare(*found):
        monkeypatch.setattr(registry, "records_of", lambda *_: found)
        claims.cache_clear()
        return claims

    yield declare
    claims.cache_clear()


def test_claims_are_in_the_order_of_their_numbers_and_variants_as_declared(declared):
    third, late, early = claimed(number=3), claimed(number=2, variant="b"), claimed(number=2, variant="a")
    assert declared(third, late, early)() == (late, early, third)
    assert numbers() == (2, 3)
    assert n_of_paper() == 2


def test_two_versions_of_one_claim_count_once_and_others_not_at_all(declared):
    declared(
        claimed(number=1, variant="a"),
        claimed(number=1, variant="b", paper=False),
        claimed(number=2, paper=False),
        claimed(number=3),
    )
    assert (numbers(), n_of_paper()) == ((1, 2, 3), 2)


def test_every_number_that_is_declared_twice_is_told(declared):
    ones = [claimed(number=number, variant=variant) for number, variant in ((4, "b"), (4, "a"), (2, ""))]
    with pytest.raises(ValueError, match=r"declared twice: 2, 4 b$"):
        declared(*ones, ones[0], ones[2])()


ONE = stated("x", ("x", "y"), null=FLIPPED_STEPS, second=RANKS)


@pytest.mark.parametrize(
    "changed",
    [
        {"statistic": "another"},
        {"needs": ("x",)},
        {"threshold": 0.6},
        {"above": False},
        {"null": None},
        {"null": REORDERED_STEPS},
        {"null": HostSigns()},
        {"null": NULLS["permute_units"]},
        {"second": None},
        {"second": replace(RANKS, curves={"x": "y"})},
        {"premise": True},
        {"bounds": (0.0, 1.0)},
        {"units": "nats"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_two_criteria_of_one_name_that_differ_are_refused(declared, changed):
    found = declared(claimed(ONE, number=1), claimed(replace(ONE, **changed), number=2))
    with pytest.raises(ValueError, match="two that differ are called x"):
        found()


def test_two_criteria_of_one_claim_that_differ_and_have_one_name_are_refused(declared):
    with pytest.raises(ValueError, match="two that differ are called x"):
        declared(claimed(ONE, replace(ONE, threshold=0.6)))()


def test_claims_share_criteria_whose_functions_are_made_anew(declared):
    other = stated("x", ("x", "y"), null=FLIPPED_STEPS, second=RANKS)
    assert other.compute is not ONE.compute
    assert len(declared(claimed(ONE, number=1), claimed(other, number=2))()) == 2
