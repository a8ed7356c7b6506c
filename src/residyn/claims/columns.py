"""The other data on which every claim is tried, and how each is made of the model's states or its controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from residyn.claims.claim import (
    ISOTROPIC,
    LINEAR,
    MASSIVE,
    NORM_FREE,
    POSITIONS,
    ROTATED,
    SIGNS,
    SKIP,
    TOKENS,
    UNTRAINED,
    WALK,
)
from residyn.claims.record import Column
from residyn.nulls import NULLS
from residyn.quantities.curves import Curves

SAME = "same samples"
LEFT_OUT = 10
"""Massive units that are taken away."""


class Surrogates(NamedTuple):
    """Draws of a null of states that stand in for the states."""

    null: str
    draws: int


SURROGATES: Mapping[str, Surrogates] = {
    SIGNS: Surrogates("flip_increments", 3),
    WALK: Surrogates("random_walk", 3),
    ROTATED: Surrogates("rotate_basis", 2),
}
"""By the name of the column."""

QUANTITIES: Mapping[str, Mapping[str, str]] = {
    SKIP: {"unit_correlation": "skip_correlation", "strong_throughout": "skip_strong_throughout"},
    LINEAR: {"mutual_information": "gaussian_information"},
    NORM_FREE: {"velocity": "relative_velocity"},
}
"""Name of the column → the curves that stand in the place of others."""

CAPTURED: Mapping[str, str] = {TOKENS: "shuffled-tokens", POSITIONS: "random-position"}
"""Name of the column → the control capture."""
TWINS = "untrained-"
REMOVALS = (MASSIVE, POSITIONS)
"""Columns with replicates, because what is said to be lost in them must clearly differ."""
MADE = (*SURROGATES, *QUANTITIES, MASSIVE, *CAPTURED)
"""Columns of the model's own states and of its captured controls, in the order of the table."""


class _Said(NamedTuple):
    title: str
    kind: str
    preserves: str
    destroys: str


SAID: Mapping[str, _Said] = {
    SAME: _Said("the model itself on the controls' samples", "model", "everything", "nothing"),
    **{
        name: _Said(
            NULLS[made.null].title,
            "basis" if name == ROTATED else "null",
            NULLS[made.null].preserves,
            NULLS[made.null].destroys,
        )
        for name, made in SURROGATES.items()
    },
    SKIP: _Said(
        "the skip path alone",
        "quantity",
        "the spread of each unit and of its steps",
        "every dependence of the steps on the state",
    ),
    LINEAR: _Said(
        "linear correlation alone",
        "quantity",
        "each unit's r",
        "every dependence beyond it",
    ),
    NORM_FREE: _Said("steps taken relative to the state's length", "removal", "angles", "the growth of norms"),
    MASSIVE: _Said(
        f"the {LEFT_OUT} most massive units left out", "removal", "all other units", "what a few units carry"
    ),
    TOKENS: _Said("the same tokens in random order", "input", "which tokens a text has", "their order"),
    POSITIONS: _Said(
        "texts cut at a random token", "removal", "the texts up to there", "that most end in one token"
    ),
    UNTRAINED: _Said(
        "untrained models of this architecture", "untrained", "the architecture and the texts", "all learning"
    ),
    ISOTROPIC: _Said(
        "moves in any direction, beside moves as far in the plane",
        "direction",
        "how far states are moved",
        "the plane that they are moved in",
    ),
}


def column(name: str, n_samples: int, draws: int) -> Column:
    return Column(name=name, n_samples=n_samples, draws=draws, **SAID[name]._asdict())


def as_quantity(evidence: Curves, name: str) -> Curves:
    """The evidence with a column's curves in the places of others."""
    here = {curve: evidence.curves[other] for curve, other in QUANTITIES[name].items() if other in evidence.curves}
    return Curves(here, evidence.kind, evidence.n_samples, evidence.n_groups)


def twins_of(names: Iterable[str]) -> list[str]:
    """The untrained models among the names of controls or of tasks."""
    return sorted(name for name in names if name.startswith(TWINS))


def column_of(null: str) -> str:
    """The column whose draws are surrogates of a null of states; empty where there is none."""
    return next((name for name, made in SURROGATES.items() if made.null == null), "")


def n_draws(name: str) -> int:
    """How many draws a column has."""
    return SURROGATES[name].draws if name in SURROGATES else 1
