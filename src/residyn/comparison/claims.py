"""The verdicts of several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from residyn.claims import Verdicts
from residyn.words import with_origin

ABSENT = "—"
"""The cell of a run that has no verdict on a claim."""

_INDEX = ("number", "variant", "claim")


def claims_table(verdicts: Mapping[str, Verdicts | None]) -> pd.DataFrame:
    """The verdict of every run on every claim: claims in rows, runs in columns.

    `verdicts` are those of `judge` or `read_verdicts` by the name of the run, None for a run without.
    The index has number, variant and claim (the words of the first run that has it), in the order of number and
    variant; cells are "holds", "does not hold", "undecided", or "—" where a run has no verdict. Where it is known
    what a claim that holds comes from, that stands behind the verdict: "holds (learned)", "holds (artefact)". No
    rows where no run has a verdict.
    """
    words: dict[tuple[int, str], str] = {}
    cells: dict[str, dict[tuple[int, str], str]] = {run: {} for run in verdicts}
    for run, judged in verdicts.items():
        for claim in judged.claims if judged is not None else ():
            name = (claim.number, claim.variant)
            words.setdefault(name, claim.claim)
            cells[run][name] = with_origin(claim.verdict, claim.origin)
    order = sorted(words)
    index = pd.MultiIndex.from_tuples([(*name, words[name]) for name in order], names=_INDEX)
    columns = {run: [found.get(name, ABSENT) for name in order] for run, found in cells.items()}
    return pd.DataFrame(columns, index=index, columns=list(verdicts), dtype=object)
