"""The page's first paragraph, made of the verdicts, and the numbers beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from residyn.axis_names import axis_names
from residyn.claims import VERDICTS, ClaimResult, Verdicts, n_of_paper
from residyn.quantities.summaries import curve, whole_by_kind
from residyn.report.captions.phrases import NAMES
from residyn.report.provenance import section
from residyn.schema import SUBLAYER, UNIT
from residyn.words import listed, number, percent

_ORIGINS = {
    "learned": (
        ("is learned", "an untrained network of the same architecture does not show it"),
        ("are learned", "an untrained network of the same architecture does not show them"),
    ),
    "scale": (
        ("is a matter of scale", "the trained weights with their entries permuted show it too"),
        ("are matters of scale", "the trained weights with their entries permuted show them too"),
    ),
    "architecture": (
        ("comes with the architecture", "an untrained network shows it too"),
        ("come with the architecture", "an untrained network shows them too"),
    ),
    "artefact": (
        (
            "is an artefact",
            "surrogates that know nothing of it show it too, or it is lost with a detail that is taken away",
        ),
        (
            "are artefacts",
            "surrogates that know nothing of them show them too, or they are lost with a detail that is taken "
            "away",
        ),
    ),
    "": (
        ("remains open", "no control tells where it comes from"),
        ("remain open", "no control tells where they come from"),
    ),
}
"""Of each origin, for one claim and for several: what is said of them, and why."""


def abstract(verdicts: Verdicts | None) -> tuple[str, ...]:
    """What was found, in plain words: how many claims hold, where those come from, and what training adds.

    Claims that the paper does not make are counted apart from the paper's.
    """
    if verdicts is None or not verdicts.claims:
        return ()
    ours = [claim for claim in verdicts.claims if not claim.paper]
    papers = [claim for claim in verdicts.claims if claim.paper]
    return (
        *([_counts(papers)] if papers else []),
        *([_beyond(ours, beside=bool(papers))] if ours else []),
        *_chance(verdicts),
        *_origins(verdicts.claims),
        *_named(verdicts.claims),
    )


def _counts(claims: Sequence[ClaimResult]) -> str:
    n_claims = len({claim.number for claim in claims})
    every = n_claims >= n_of_paper()
    subject = f"Of the paper's {max(n_claims, n_of_paper())} claims"
    if not every:
        subject += f", {n_claims} {'was' if n_claims == 1 else 'were'} judged"
    if len(claims) > n_claims:
        twice = listed([str(i) for i in sorted({c.number for c in claims if c.variant})])
        subject += f" (claim {twice} in two versions, which makes {len(claims)})"
    return f"{subject}{',' if every else ':'} {_numbers_of(claims)}."


def _beyond(claims: Sequence[ClaimResult], *, beside: bool) -> str:
    """The sentence on claims that the paper does not make, beside those that it does where there are any."""
    n = len(claims)
    subject = f"{n} claim{'' if n == 1 else 's'} that the paper does not make {'was' if n == 1 else 'were'} judged"
    return f"{'Beside these, ' if beside else ''}{subject} ({_labels(claims)}): {_numbers_of(claims)}."


def _numbers_of(claims: Sequence[ClaimResult]) -> str:
    holding, failing, open_ = (sum(claim.verdict == verdict for claim in claims) for verdict in VERDICTS)
    said = (
        f"{holding} {'holds' if holding == 1 else 'hold'} on this model",
        f"{failing} {'does' if failing == 1 else 'do'} not",
        f"and {open_} {'is' if open_ == 1 else 'are'} undecided",
    )
    return ", ".join(said)


def _chance(verdicts: Verdicts) -> Iterator[str]:
    if verdicts.by_chance:
        yield f"Were every null true, {number(verdicts.by_chance)} of these verdicts would hold by chance."


def _origins(claims: Sequence[ClaimResult]) -> Iterator[str]:
    holding = [claim for claim in claims if claim.verdict == "holds"]
    found = [(origin, [claim for claim in holding if claim.origin == origin]) for origin in _ORIGINS]
    said = [_origin(origin, of) for origin, of in found if of]
    if said:
        head = "Of the claims that hold" if len(holding) > 1 else "The one that holds"
        yield f"{head}, {'; '.join(said)}." if len(holding) > 1 else f"{head} {said[0].split(' ', 1)[1]}."


def _origin(origin: str, claims: Sequence[ClaimResult]) -> str:
    said, because = _ORIGINS[origin][len(claims) > 1]
    return f"{len(claims)} {said} ({_labels(claims)}): {because}"


def _named(claims: Sequence[ClaimResult]) -> Iterator[str]:
    learned = [claim for claim in claims if claim.verdict == "holds" and claim.origin == "learned"]
    if learned:
        yield f"What training adds: {'; '.join(_lower(claim.claim) for claim in learned)}."


def _labels(claims: Sequence[ClaimResult]) -> str:
    return f"{'claim' if len(claims) == 1 else 'claims'} {listed([claim.label for claim in claims])}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def key_numbers(run: Mapping[str, Any], results: xr.Dataset) -> tuple[tuple[str, str], ...]:
    """Sizes of the model and of the data, and the few numbers that one asks for first."""
    return tuple(_sizes(run, results)) + tuple(_numbers(results))


def _sizes(run: Mapping[str, Any], results: xr.Dataset) -> Iterator[tuple[str, str]]:
    layers = len(np.unique(results["layer"].values))
    names = axis_names(results.attrs)
    yield f"{names.depth.capitalize()}s × {names.unit}s", f"{layers:,} × {results.sizes[UNIT]:,}"
    yield "States a text" if names.of_a_model else "States a sample", f"{results.sizes[SUBLAYER]:,}"
    parameters = section(run, "model").get("n_parameters")
    if isinstance(parameters, int):
        yield (
            "Parameters",
            f"{number(parameters / 1e6)} million" if parameters < 1e9 else f"{number(parameters / 1e9)} billion",
        )
    tokens = section(run, "texts", "tokens", "statistics", "n_tokens").get("sum")
    if isinstance(tokens, int):
        yield "Tokens read", f"{tokens:,}"


def _numbers(results: xr.Dataset) -> Iterator[tuple[str, str]]:
    """Those that are defined."""
    r, cosine = (whole_by_kind(results[name]) for name in ("unit_correlation", "cosine"))
    for name, found in (("Median r", r), ("Mean cosine", cosine)):
        if beside := _beside(found):
            yield name, beside
    step = curve(results["velocity"]).values
    if not np.isnan([step[0], step[-1]]).any():
        yield "Step, first to last", f"{number(step[0])} → {number(step[-1])}"
    if "pc_scores" in results and "explained" in results["pc_scores"].coords:
        share = float(results["pc_scores"]["explained"].values[0])
        if not math.isnan(share):
            yield "Variance on PC1", percent(share)


def _beside(values: Mapping[str, float]) -> str:
    known = {kind: number(value) for kind, value in values.items() if not math.isnan(value)}
    if values.keys() == {"block"}:
        return "".join(known.values())
    return ", ".join(f"{value} {NAMES[kind].split()[0]}" for kind, value in known.items())
