"""The conditions that every claim is tried under, and how each is made of the model's states or its controls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from residyn import control_names
from residyn.nulls import NULLS
from residyn.nulls.null import Null
from residyn.quantities.curves import Curves

LEFT_OUT = 10
"""Massive units that are taken away."""
LEAST_NETWORKS = 3
"""Fewest untrained networks from whose spread one more can be predicted."""


class Role(StrEnum):
    """What a condition has to do with the model.

    MODEL     the model itself, on the controls' samples
    NULL      surrogates of its states
    BASIS     its states in another basis
    QUANTITY  its states, and another quantity in the place of the claim's
    REMOVAL   something taken away
    INPUT     other tokens
    DIRECTION teleports another way
    UNTRAINED networks of the same architecture with random weights
    SCALE     the trained weights with their entries permuted
    """

    MODEL = "model"
    NULL = "null"
    BASIS = "basis"
    QUANTITY = "quantity"
    REMOVAL = "removal"
    INPUT = "input"
    DIRECTION = "direction"
    UNTRAINED = "untrained"
    SCALE = "scale"


@dataclass(frozen=True)
class Surrogates:
    """Draws of a null of states stand in for the states."""

    null: Null
    draws: int


@dataclass(frozen=True)
class OtherCurves:
    """Curves of the same states take the places of others."""

    curves: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True)
class WithoutMassive:
    """The most massive units are left out."""

    units: int


@dataclass(frozen=True)
class Captured:
    """The control captures whose names begin so, each one draw."""

    prefix: str


@dataclass(frozen=True)
class Teleported:
    """Teleports of another kind, beside those of a kind that go as far."""

    kind: str
    beside: str


Made = Surrogates | OtherCurves | WithoutMassive | Captured | Teleported | None


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Other data on which a claim is tried: what it is, what it keeps of the model's and what not."""

    name: str
    title: str
    role: Role
    preserves: str
    destroys: str
    made: Made = None


def _surrogates(name: str, null: str, draws: int, role: Role = Role.NULL) -> Condition:
    of = NULLS[null]
    return Condition(
        name=name,
        title=of.title,
        role=role,
        preserves=of.preserves,
        destroys=of.destroys,
        made=Surrogates(of, draws),
    )


SAME = Condition(
    name="same samples",
    title="the model itself on the controls' samples",
    role=Role.MODEL,
    preserves="everything",
    destroys="nothing",
)
SIGNS = _surrogates("random signs", "flip_increments", 3)
WALK = _surrogates("random walk", "random_walk", 3)
ROTATED = _surrogates("rotated basis", "rotate_basis", 2, Role.BASIS)
SKIP = Condition(
    name="skip path",
    title="the skip path alone",
    role=Role.QUANTITY,
    preserves="the spread of each unit and of its steps",
    destroys="every dependence of the steps on the state",
    made=OtherCurves(
        {
            "unit_correlation": "skip_correlation",
            "correlation_throughout": "skip_correlation_throughout",
        }
    ),
)
LINEAR = Condition(
    name="linear floor",
    title="linear correlation alone",
    role=Role.QUANTITY,
    preserves="each unit's r",
    destroys="every dependence beyond it",
    made=OtherCurves({"ksg_information": "gaussian_information"}),
)
NORM_FREE = Condition(
    name="norm-free",
    title="steps taken relative to the state's length",
    role=Role.REMOVAL,
    preserves="angles",
    destroys="the growth of norms",
    made=OtherCurves({"velocity": "relative_velocity"}),
)
MASSIVE = Condition(
    name="without massive units",
    title=f"the {LEFT_OUT} most massive units left out",
    role=Role.REMOVAL,
    preserves="all other units",
    destroys="what a few units carry",
    made=WithoutMassive(LEFT_OUT),
)
TOKENS = Condition(
    name="shuffled tokens",
    title="the same tokens in random order",
    role=Role.INPUT,
    preserves="which tokens a text has",
    destroys="their order",
    made=Captured(control_names.TOKENS),
)
POSITIONS = Condition(
    name="random positions",
    title="texts cut at a random token",
    role=Role.REMOVAL,
    preserves="the texts up to there",
    destroys="that most end in one token",
    made=Captured(control_names.POSITIONS),
)
PERMUTED = Condition(
    name="permuted weights",
    title="the trained weights with permuted entries",
    role=Role.SCALE,
    preserves="the architecture, the texts, and the values of all weights",
    destroys="where each of them stands",
    made=Captured(control_names.PERMUTED),
)
UNTRAINED = Condition(
    name="untrained",
    title="untrained models of this architecture",
    role=Role.UNTRAINED,
    preserves="the architecture and the texts",
    destroys="all learning",
    made=Captured(control_names.UNTRAINED_PREFIX),
)
GINIBRE = Condition(
    name="random matrices",
    title="random matrices of the same norms in the place of local maps",
    role=Role.NULL,
    preserves="the Frobenius norm of every map",
    destroys="all else of them",
)
ISOTROPIC = Condition(
    name="isotropic moves",
    title="moves in any direction, beside moves as far in the plane",
    role=Role.DIRECTION,
    preserves="how far states are moved",
    destroys="the plane that they are moved in",
    made=Teleported("isotropic", "disc"),
)

CONDITIONS = (
    SAME,
    SIGNS,
    WALK,
    ROTATED,
    SKIP,
    LINEAR,
    NORM_FREE,
    MASSIVE,
    TOKENS,
    POSITIONS,
    ISOTROPIC,
    GINIBRE,
    PERMUTED,
    UNTRAINED,
)
"""All of them, in the order in which they are shown."""


def n_draws(condition: Condition) -> int:
    """How many draws of a condition are made of the model's own states."""
    return condition.made.draws if isinstance(condition.made, Surrogates) else 1


def captured_by(condition: Condition, controls: Mapping[str, object]) -> list[str]:
    """The names of the control captures that a condition is made of."""
    if not isinstance(condition.made, Captured):
        return []
    return sorted(name for name in controls if name.startswith(condition.made.prefix))


def with_other_curves(evidence: Curves, others: Mapping[str, str]) -> Curves:
    """The evidence with some curves in the places of others; those alone."""
    here = {curve: evidence.curves[other] for curve, other in others.items() if other in evidence.curves}
    return evidence.with_curves(here)
