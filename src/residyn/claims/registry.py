"""Every claim there is: each module of the catalogue is imported, and what it declares is found there."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from residyn.catalogues import records_of
from residyn.claims.claim import Claim, Criterion


@cache
def claims() -> tuple[Claim, ...]:
    """The claims in the order of their numbers; versions of one in the order in which they are declared.

    Raises ValueError where two have one number and variant, and where two criteria that differ have one name.
    """
    found = sorted(records_of("residyn.claims.catalogue", Claim), key=lambda claim: claim.number)
    names = [(claim.number, claim.variant) for claim in found]
    if len(set(names)) < len(names):
        twice = sorted(
            {f"{number} {variant}".strip() for number, variant in names if names.count((number, variant)) > 1}
        )
        raise ValueError(f"Each claim has a number or variant of its own; declared twice: {', '.join(twice)}")
    criteria: dict[str, Criterion] = {}
    for one in (criterion for claim in found for criterion in claim.criteria):
        # Statistics are functions made anew by every claim that shares them: they are told by all else.
        first = criteria.setdefault(one.name, one)
        if replace(one, compute=first.compute) != first:
            raise ValueError(f"Each criterion has a name of its own; two that differ are called {one.name}")
    return tuple(found)


def numbers() -> tuple[int, ...]:
    """The numbers of all claims, each once."""
    return tuple(dict.fromkeys(claim.number for claim in claims()))


def n_of_paper() -> int:
    """How many claims the paper makes; two versions of one count once."""
    return len({claim.number for claim in claims() if claim.paper})
