"""Claims about teleports (panel L): where states come back.

What comes back is judged by ρ, the share of the displacement that is left along itself, and by the amplification,
the length of what is left; both over the same number of sublayers at every place. The two versions of the paper
disagree, and both are judged. The conference paper has the first places pull back and later ones flow elsewhere;
the preprint has the places between recover, and the first and the last not.
"""

from __future__ import annotations

from residyn.claims.claim import Claim, Criterion, HostSigns
from residyn.claims.conditions import ISOTROPIC, UNTRAINED
from residyn.claims.statistics import largest_of

LEFT, LEAST = 0.9, 0.1
"""Share of a displacement below which it has come back; least difference between places that counts."""


def _back(places: str, said: str) -> tuple[Criterion, Criterion]:
    """That at all of some places, `said` in words, less than `LEFT` of the displacement is left."""
    return (
        Criterion(
            name=f"rho_{places}",
            statistic=f"largest ρ {said}",
            needs=(f"rho_{places}",),
            compute=largest_of(f"rho_{places}"),
            threshold=LEFT,
            above=False,
            null=HostSigns(),
            units="share of the displacement",
        ),
        Criterion(
            name=f"amplification_{places}",
            statistic=f"largest amplification {said}",
            needs=(f"amplification_{places}",),
            compute=largest_of(f"amplification_{places}"),
            threshold=LEFT,
            above=False,
            null=HostSigns(),
            units="share of the displacement",
        ),
    )


def _more_than(places: str, others: str, said: tuple[str, str]) -> Criterion:
    """That more comes back at some places than at others."""
    return Criterion(
        name=f"rho_{places}_{others}",
        statistic=f"largest ρ {said[0]} minus the smallest {said[1]}",
        needs=(f"rho_{places}", f"rho_{others}"),
        compute=largest_of(f"rho_{places}", f"rho_{others}"),
        threshold=-LEAST,
        above=False,
        units="share of the displacement",
    )


CLAIM_14_CCN = Claim(
    number=14,
    variant="CCN",
    claim="Teleports at early layers are pulled back, at late layers they flow elsewhere",
    panel="L",
    criteria=(
        *_back("early", "in the first third of the depth"),
        _more_than("early", "late", ("in the first third", "in the last third")),
    ),
    imitations=(ISOTROPIC, UNTRAINED),
    of="teleports",
)

CLAIM_14_ARXIV = Claim(
    number=14,
    variant="arXiv",
    claim="Teleports at layers in between recover, at the first and the last they do not",
    panel="L",
    criteria=(
        *_back("inner", "at the places in between"),
        _more_than("inner", "ends", ("at the places in between", "at the first and the last")),
    ),
    imitations=(ISOTROPIC, UNTRAINED),
    of="teleports",
)
