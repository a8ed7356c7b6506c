"""A claim is a record in the catalogue and nothing else: what is declared there is judged, told and counted."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import synthetic_claims as synthetic
from residyn.claims import catalogue, judge, n_of_paper
from residyn.claims.reference import reference
from residyn.claims.registry import claims, numbers
from residyn.errors import UsageError
from residyn.settings import ClaimsSettings


def test_the_paper_makes_fourteen_claims_the_last_in_two_versions() -> None:
    assert numbers() == tuple(range(1, 15))
    assert n_of_paper() == 14
    assert [claim.variant for claim in claims()] == [*[""] * 13, "CCN", "arXiv"]
    assert [claim.number for claim in claims() if claim.rests_on_first] == [6, 10, 11, 12]


@pytest.fixture
def fifteenth(tmp_path, monkeypatch):
    """A file of its own in the catalogue, as somebody who adds a claim would write it."""
    (tmp_path / "likeness.py").write_text(
        """
from residyn.claims.claim import ORDER, UNTRAINED, Claim, Part
from residyn.claims.statistics import trend_of

LIKENESS = Claim(
    number=15,
    claim="Texts grow alike with depth",
    panel="",
    parts=(Part("anisotropy_trend", "rank correlation of the mean cosine with depth", ("anisotropy",),
                trend_of("anisotropy"), 0.5, ORDER),),
    imitations=(UNTRAINED,),
    paper=False,
)
""",
        encoding="utf-8",
    )
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])
    claims.cache_clear()
    yield
    claims.cache_clear()
    sys.modules.pop("residyn.claims.catalogue.likeness", None)


def alike(slope: float):
    """States whose common part grows or shrinks with depth beside what is each text's own."""
    rng = np.random.default_rng(0)
    own = rng.standard_normal((60, synthetic.T + 1, 40))
    size = np.linspace(1, 1 + slope, synthetic.T + 1) if slope > 0 else np.linspace(1 - slope, 1, synthetic.T + 1)
    return synthetic.labelled(own + size[:, None] * np.ones(40))


@pytest.mark.usefixtures("fifteenth")
@pytest.mark.parametrize(("slope", "verdict"), [(2.0, "holds"), (-2.0, "does not hold")])
def test_a_fifteenth_claim_is_judged_told_and_counted(slope: float, verdict: str) -> None:
    found = judge(alike(slope), numbers=[15], settings=ClaimsSettings(resamples=40, null_draws=1)).claims
    assert [(claim.number, claim.verdict) for claim in found] == [(15, verdict)]
    assert "the rank correlation of the mean cosine with depth is" in found[0].sentence
    assert numbers() == tuple(range(1, 16))
    assert n_of_paper() == 14
    assert "| 15 | Texts grow alike with depth | rank correlation of the mean cosine with depth |" in reference()


def test_a_number_that_is_no_claims_is_refused() -> None:
    with pytest.raises(UsageError, match=r"A claim's number is one of 1, 2, .*14; got 15"):
        judge(alike(1.0), numbers=[15])
    with pytest.raises(UsageError, match="got none"):
        judge(alike(1.0), numbers=[])


@pytest.mark.usefixtures("fifteenth")
def test_two_claims_of_one_number_are_refused(tmp_path) -> None:
    text = (tmp_path / "likeness.py").read_text(encoding="utf-8")
    (tmp_path / "twice.py").write_text(text, encoding="utf-8")
    claims.cache_clear()
    with pytest.raises(ValueError, match="declared twice: 15"):
        claims()
    (tmp_path / "twice.py").unlink()
    sys.modules.pop("residyn.claims.catalogue.twice", None)
