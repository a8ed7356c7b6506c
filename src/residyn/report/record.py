"""What a report says, as plain records: words, numbers already written out, and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from residyn.axis_names import AxisNames
from residyn.claims import ClaimResult, Verdicts
from residyn.report.claims import ClaimRow, claim_rows


@dataclass(frozen=True)
class Picture:
    """An image inside the page: its data: address, its size in pixels of the page, and what it shows in words."""

    address: str
    width: int
    height: int
    alt: str


@dataclass(frozen=True)
class PanelSection:
    """A panel: its letter or none, a title, its picture; what is seen, the claims on it, how it is defined."""

    name: str
    letter: str
    title: str
    picture: Picture
    seen: tuple[str, ...]
    claims: tuple[ClaimResult, ...]
    definition: str
    wide: bool


@dataclass(frozen=True)
class Facts:
    """A titled list of names and values."""

    title: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """Rows of text under their headings; the first cell of a row names it."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Report:
    """Everything the page shows, in order; `figure` is the whole of Figure 1, small, and `explorer` the name of
    that page beside this one, or empty.
    """

    title: str
    subtitle: str
    names: AxisNames
    figure: Picture | None
    abstract: tuple[str, ...]
    key_numbers: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    verdicts: Verdicts | None
    panels: tuple[PanelSection, ...]
    dynamics: tuple[PanelSection, ...]
    further: tuple[PanelSection, ...]
    massive: Table | None
    limits: tuple[str, ...]
    warnings: tuple[str, ...]
    provenance: tuple[Facts, ...]
    command: str
    citation: str
    explorer: str
    licences: tuple[str, ...]
    version: str
    tables: tuple[str, ...]
    drawings: tuple[str, ...]

    @property
    def claims(self) -> tuple[ClaimRow, ...]:
        """The rows of the verdicts."""
        return claim_rows(self.verdicts)
