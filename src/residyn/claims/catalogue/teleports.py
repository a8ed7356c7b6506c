"""Claims about teleports (panel L): where states are pulled back beyond what passive transport does.

The two versions of the paper disagree, and both are judged. The conference paper has the first places pull back
and later ones flow elsewhere; the preprint has the places between recover, and the first and the last not.
"""

from __future__ import annotations

from residyn.claims.claim import HOSTS, ISOTROPIC, UNTRAINED, Claim, Part
from residyn.claims.statistics import weakest_of


def _pull(name: str, statistic: str, curve: str, beyond: str = "") -> Part:
    needs = (curve, beyond) if beyond else (curve,)
    compute = weakest_of(curve, beyond)
    return Part(name, statistic, needs, compute, 0.0, HOSTS, units="cosine", bounds=(-4.0, 4.0))


CLAIM_14_CCN = Claim(
    number=14,
    variant="CCN",
    claim="Teleports at early layers are pulled back, at late layers they flow elsewhere",
    panel="L",
    parts=(
        _pull("pull_early", "weakest pull beyond the passive one in the first third of the depth", "early"),
        _pull("pull_early_late", "same pull beyond the strongest in the last third", "early", "late"),
    ),
    imitations=(UNTRAINED, ISOTROPIC),
    of="teleports",
)

CLAIM_14_ARXIV = Claim(
    number=14,
    variant="arXiv",
    claim="Teleports at layers in between recover, at the first and the last they do not",
    panel="L",
    parts=(
        _pull("pull_inner", "weakest pull beyond the passive one at the places in between", "inner"),
        _pull("pull_inner_ends", "same pull beyond the stronger at the first and the last", "inner", "ends"),
    ),
    imitations=(UNTRAINED, ISOTROPIC),
    of="teleports",
)
