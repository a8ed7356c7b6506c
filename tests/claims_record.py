"""Records as in claims.json: fourteen claims, the last in two versions, tried on a dozen columns."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from residyn.claims import ClaimResult, Verdicts
from residyn.claims.record import Verdict

COLUMNS = (
    ("same samples", "the model itself on the controls' samples", "model", 1),
    ("random signs", "steps of the same size and random sign", "null", 3),
    ("random walk", "random walks of the same lengths and angles", "null", 3),
    ("rotated basis", "a random basis", "basis", 2),
    ("skip path", "the skip path alone", "quantity", 1),
    ("norm-free", "steps taken relative to the state's length", "removal", 1),
    ("without massive units", "the 10 most massive units left out", "removal", 1),
    ("shuffled tokens", "the same tokens in random order", "input", 1),
    ("untrained", "untrained models of this architecture", "untrained", 3),
)

CLAIMS = (
    ("Mean activation magnitude grows over sublayers", "B", "holds", "architecture",
     ["rank correlation of mean |h| with depth"]),
    ("Activations grow dense", "B", "does not hold", "", ["rank correlation of population density with depth"]),
    ("Units keep their sign", "B", "does not hold", "",
     ["share of units whose mean has its final sign, averaged over sublayers"]),
    ("Correlation is higher within layers than across them", "C", "holds", "learned",
     ["median r within layers minus across them"]),
    ("Correlation grows over depth", "C", "holds", "artefact", ["rank correlation of median r with depth"]),
    ("Correlation exceeds 0.8 even in early layers", "C", "holds", "artefact",
     ["median r, averaged over the first third of the depth"]),
    ("Most units are strongly correlated throughout the network", "D", "does not hold", "",
     ["share of units with r > 0.8 at nine of ten transitions"]),
    ("Cosine similarity grows with depth and is higher within layers", "E", "holds", "learned",
     ["rank correlation of cosine similarity with depth", "cosine similarity within layers minus across them"]),
    ("Velocity is flat early and grows most steeply in the last third", "F", "undecided", "",
     ["slope of velocity in the first third beyond half its mean slope, in mean velocities",
      "slope of velocity in the last third beyond the steepest one before, in mean velocities"]),
    ("Mutual information drops sharply early, most at cross-layer transitions", "H", "does not hold", "",
     ["share of the initial mutual information lost by a third of the depth",
      "mutual information in the first third, within layers minus across them"]),
    ("Mutual information falls while correlation rises", "H", "does not hold", "",
     ["rank correlation of mutual information with depth", "rank correlation of median r with depth"]),
    ("Early sublayers spread their variance over more dimensions than late ones", "K", "undecided", "",
     ["rank correlation of the variance that 100 global components explain with depth",
      "rank correlation of the participation ratio with depth"]),
    ("Trajectories are consistent and curved, attention and MLP states slightly offset", "I", "holds", "",
     ["cosine between two samples' steps, averaged over depth",
      "length of the straight line from first to last mean state, over the path's",
      "distance of mean MLP states from the line between attention states, over its length"]),
    ("Teleports at layers 0 and 7 are pulled back, at late layers they flow elsewhere", "L", "does not hold", "",
     ["pull excess at early layers", "pull excess at late layers"]),
    ("Teleports at layers 7, 15 and 23 recover, at 0 and 31 they do not", "L", "undecided", "",
     ["pull excess in the middle minus at the ends"]),
)  # fmt: skip


def example_claims(**changes: Any) -> dict[str, Any]:
    """The content of a claims.json; `changes` replace fields of the record itself."""
    rng = np.random.default_rng(4)
    claims = [_claim(i, claim, rng) for i, claim in enumerate(CLAIMS)]
    return {
        "format": "residyn claims",
        "format_version": 1,
        "residyn_version": "0.1.0",
        "states_hash": "a0af70484e6dd2c8a924bfcd1a40d451d7af9ee4ed29bcccb1bb0c688228e516",
        "model": "smollm2-135m",
        "n_samples": 1000,
        "n_groups": 412,
        "documents_known": True,
        "seed": 0,
        "resamples": 200,
        "columns": [
            {
                "name": name,
                "title": title,
                "kind": kind,
                "n_samples": 200,
                "draws": draws,
                "preserves": "the lengths of all steps",
                "destroys": "how they depend on the state",
            }
            for name, title, kind, draws in COLUMNS
        ],
        "claims": claims,
        **changes,
    }


def _claim(i: int, fields: tuple[Any, ...], rng: np.random.Generator) -> dict[str, Any]:
    claim, panel, verdict, origin, statistics = fields
    also = {"architecture": ["untrained"], "artefact": ["random walk", "skip path"]}.get(origin, [])
    parts = [_part(statistic, verdict, also, rng) for statistic in statistics]
    return {
        "number": min(i + 1, 14),
        "variant": {13: "CCN", 14: "arXiv"}.get(i, ""),
        "claim": claim,
        "panel": panel,
        "verdict": verdict,
        "sentence": f"{verdict.capitalize()}: the {parts[0]['statistic']} is {parts[0]['value']:.3g} "
        f"({parts[0]['low']:.3g} to {parts[0]['high']:.3g}).",
        "origin": origin,
        "also_in": also,
        "lost_in": ["without massive units"] if i == 5 else [],
        "parts": parts,
    }


def _part(statistic: str, verdict: str, also: list[str], rng: np.random.Generator) -> dict[str, Any]:
    value = {"holds": 0.84, "does not hold": -0.31, "undecided": 0.47}[verdict] + rng.uniform(-0.05, 0.05)
    return {
        "name": statistic.split(maxsplit=1)[0],
        "statistic": statistic,
        "units": "1",
        "value": value,
        "low": value - 0.04,
        "high": value + 0.06,
        "threshold": 0.5,
        "above": True,
        "verdict": verdict,
        "null": None
        if "slope" in statistic
        else {"name": "order of depth", "mean": 0.01, "p": 0.001, "repeats": 999, "preserves": "", "destroys": ""},
        "columns": {name: _trial(name, name in also, value, rng) for name, *_ in COLUMNS if name != "norm-free"},
    }


def _trial(name_of: str, passes: bool, value: float, rng: np.random.Generator) -> dict[str, Any]:
    here = value if passes or name_of == "same samples" else rng.uniform(-0.2, 0.3)
    found = {"value": here, "passes": passes or (name_of == "same samples" and value > 0.5)}
    ends = (here - 0.02, here + 0.02, value - here, value - here - 0.05, value - here + 0.05)
    names = ("low", "high", "difference", "difference_low", "difference_high")
    return found | {name: end if name_of == "untrained" else None for name, end in zip(names, ends, strict=True)}


def verdicts_of(*claims: tuple[int, str, str, str]) -> Verdicts:
    """Claims of nothing but a number, a variant, words and a verdict."""
    return Verdicts(
        model="tiny",
        states_hash="",
        residyn_version="0",
        n_samples=30,
        n_groups=20,
        documents_known=False,
        seed=0,
        resamples=200,
        columns=(),
        claims=tuple(
            ClaimResult(number, variant, words, "B", cast("Verdict", verdict), "So it is.", "", (), (), ())
            for number, variant, words, verdict in claims
        ),
    )
