"""Claims about local linear maps, which a sequel to the paper makes (arXiv 2605.14258).

They are of the Jacobians of whole layers, at some texts of a run. Early layers are the first third of them, late
ones the last; a random matrix has independent normal entries, and the Frobenius norm of the map in whose place it
stands.
"""

from __future__ import annotations

import math

from residyn.claims.claim import Claim, Criterion, TextSigns
from residyn.claims.conditions import GINIBRE, PERMUTED, UNTRAINED
from residyn.claims.statistics import first_of

LEAST = 0.05
"""Least difference between shares, and between departures from normality, that counts."""
SYMMETRIC = 0.25
"""Skew share below which a map is nearly symmetric: half of a random matrix's."""
NARROW = 0.1
"""Share of the directions below which a product of maps is a bottleneck."""
HALF = -math.log(2)
"""ln of a half, below which its rank is not what norms alone make."""
LEAST_GROWTH = -0.01
"""Least shrinking that counts, in nats per sublayer."""
_TRIED = (GINIBRE, PERMUTED, UNTRAINED)


def _criterion(
    name: str, statistic: str, threshold: float, *, above: bool, units: str = "1", least: float = float("-inf")
) -> Criterion:
    """That the mean over texts of one number is beyond a threshold."""
    return Criterion(
        name=name,
        statistic=statistic,
        needs=(name,),
        compute=first_of(name, 1),
        threshold=threshold,
        above=above,
        null=TextSigns(),
        units=units,
        bounds=(least, float("inf")),
    )


_SKEW_FALLS = _criterion(
    "skew_early_beyond_late", "skew share of early layers' maps above that of late ones'", LEAST, above=True
)

CLAIM_28 = Claim(
    number=28,
    claim="Early layers' maps rotate, more than late ones'",
    panel="map_skew_share",
    criteria=(
        _criterion(
            "early_skew_beyond_random",
            "skew share of early layers' maps above a random matrix's",
            LEAST,
            above=True,
        ),
        _SKEW_FALLS,
    ),
    imitations=_TRIED,
    of="maps",
    paper=False,
)

CLAIM_29 = Claim(
    number=29,
    claim="Early layers' maps are far from normal, further than late ones'",
    panel="map_henrici",
    criteria=(
        _criterion(
            "early_henrici_beyond_random",
            "departure from normality of early layers' maps above a random matrix's",
            LEAST,
            above=True,
        ),
        _criterion(
            "henrici_early_beyond_late",
            "departure from normality of early layers' maps above that of late ones'",
            LEAST,
            above=True,
        ),
    ),
    imitations=_TRIED,
    of="maps",
    paper=False,
)

CLAIM_30 = Claim(
    number=30,
    claim="Late layers' maps are nearly symmetric, more than early ones'",
    panel="map_skew_share",
    criteria=(
        _criterion("late_skew", "skew share of late layers' maps", SYMMETRIC, above=False, least=0.0),
        _SKEW_FALLS,
    ),
    imitations=_TRIED,
    of="maps",
    paper=False,
)

CLAIM_31 = Claim(
    number=31,
    claim="The product of all maps is a low-rank bottleneck",
    panel="map_effective_rank",
    criteria=(
        _criterion(
            "product_rank_share",
            "effective rank of the product of all maps over the number of units",
            NARROW,
            above=False,
            units="share of the units",
            least=0.0,
        ),
        _criterion(
            "product_rank_over_random",
            "ln of that rank over the rank of a product of random matrices of the same norms",
            HALF,
            above=False,
            units="nats",
        ),
    ),
    imitations=_TRIED,
    of="maps",
    paper=False,
)

CLAIM_32 = Claim(
    number=32,
    claim="Maps contract: a small change shrinks beside the state",
    panel="map_exponents",
    criteria=(
        _criterion(
            "excess_exponent",
            "growth of the probe that grows the most minus that of the state's norm, mean over depth",
            LEAST_GROWTH,
            above=False,
            units="nats per sublayer",
        ),
        _criterion(
            "excess_exponent_beyond_random",
            "growth of that probe minus growth through random matrices of the same norms, mean over depth",
            LEAST_GROWTH,
            above=False,
            units="nats per sublayer",
        ),
    ),
    imitations=_TRIED,
    of="maps",
    paper=False,
)
