"""What the explorer shows, as plain records: labels, words, curves as numbers, and quantised arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from residyn.explorer.quantised import Quantised

Axis = Literal["sublayer", "transition", "path"]
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class PagePlace:
    """A place along depth: its label, its layer, and the site of a state or the kind of a transition."""

    label: str
    layer: int
    group: str


@dataclass(frozen=True)
class PageNames:
    """What a place along depth is called, what a unit is, and whether they are those of a model."""

    depth: str
    unit: str
    of_a_model: bool


@dataclass(frozen=True)
class PageSamples:
    """The samples on the page, in the order of every array: labels, texts, and by what paths are coloured.

    `token` numbers the last tokens by how many samples end in them, from 0, and `tokens` says what each is; so do
    `document` and `documents`. `position` is empty where all texts are read at their end. `oddness` is how far
    each path lies from the mean path (1 is the typical distance), `n_all` how many samples the run has.
    """

    label: tuple[int, ...]
    text: tuple[str, ...]
    length: tuple[int, ...]
    token: tuple[int, ...]
    tokens: tuple[str, ...]
    document: tuple[int, ...]
    documents: tuple[str, ...]
    position: tuple[int, ...]
    oddness: Numbers
    n_all: int
    note: str


@dataclass(frozen=True)
class Scores:
    """Scores of the samples on principal components: quantised (component, sublayer, sample)."""

    values: Quantised
    explained: Numbers
    units: str
    note: str


@dataclass(frozen=True)
class Beside:
    """Another curve over the same places: a null, the curve without massive units, or the noise of arithmetic."""

    title: str
    role: Literal["null", "without", "noise"]
    value: Numbers


@dataclass(frozen=True)
class PageCurve:
    """A quantity along depth, or one number of the whole path.

    `low` and `high` are the ends of a `band`: of the 95 % interval over documents, or the quartiles; both are
    empty without one. `paper` is the published curve over relative depth, empty where there is none. `samples`
    holds the value of each sample, quantised (place, sample), where the quantity has one.
    """

    name: str
    title: str
    label: str
    definition: str
    source: str
    statistic: str
    panel: str
    axis: Axis
    value: Numbers
    low: Numbers
    high: Numbers
    band: str
    beside: tuple[Beside, ...]
    paper: Numbers
    samples: Quantised | None


@dataclass(frozen=True)
class Map:
    """A quantity of units along depth: quantised (place, unit)."""

    name: str
    title: str
    units: str
    definition: str
    axis: Axis
    values: Quantised


@dataclass(frozen=True)
class Units:
    """Everything that is known of single units.

    `rank` is each unit's place when units are sorted by their mean in the last sublayer, `facts` are numbers with
    one value a unit, `left_out` the titles of maps for which the page has no room.
    """

    n: int
    rank: tuple[int, ...]
    maps: tuple[Map, ...]
    facts: tuple[tuple[str, Numbers], ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class PageField:
    """Teleports to a grid in the plane of the first two components, followed over the sublayers after.

    `positions` (host, place, component, step × target) are scores of the moved states, NaN beyond the last
    sublayer; where the moved states are not at hand, there are two steps, the write and the horizon. `control`
    (host, component, sublayer) is the untouched path, `rho` and `amplification` (host, place, step × target) what
    is left of a displacement. `place` numbers the sublayers that were written to, `steps` the sublayer of each
    step of each place, −1 beyond the last.
    """

    hosts: tuple[str, ...]
    place: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]
    horizon: tuple[int, ...]
    n_targets: int
    positions: Quantised
    control: Quantised
    rho: Quantised
    amplification: Quantised
    note: str


@dataclass(frozen=True)
class PageNetwork:
    """The eigenvalues of one network's local maps: quantised (real and imaginary part, sublayer, eigenvalue).

    Those of `n_samples` of its `n_all` texts stand in one row. `disc` is the radius of the disc that the
    eigenvalues of a random matrix of the same Frobenius norm fill, at each sublayer, the mean over all texts.
    """

    title: str
    n_samples: int
    n_all: int
    eigenvalues: Quantised
    disc: Numbers


@dataclass(frozen=True)
class PageMaps:
    """The local linear maps of a run's networks, the model's first."""

    networks: tuple[PageNetwork, ...]


@dataclass(frozen=True)
class PageCriterion:
    """A statistic of a claim in words, and the name of the curve that it is of ("" where the page has none)."""

    statistic: str
    value: str
    threshold: str
    null: str
    curve: str


@dataclass(frozen=True)
class Verdict:
    """A claim's verdict, and the panel of the page that it rests on."""

    label: str
    claim: str
    verdict: str
    said: str
    mark: str
    sentence: str
    letter: str
    shown_in: Literal["curves", "teleports", "maps", ""]
    criteria: tuple[PageCriterion, ...]


@dataclass(frozen=True)
class Fallback:
    """The picture shown where a browser cannot draw paths: its data: address, its size, what it shows in words."""

    address: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True)
class Explorer:
    """Everything the page shows."""

    title: str
    subtitle: str
    version: str
    notes: tuple[str, ...]
    names: PageNames
    sublayers: tuple[PagePlace, ...]
    transitions: tuple[PagePlace, ...]
    samples: PageSamples
    scores: Scores | None
    curves: tuple[PageCurve, ...]
    units: Units
    field: PageField | None
    maps: PageMaps | None
    verdicts: tuple[Verdict, ...]
    fallback: Fallback | None
