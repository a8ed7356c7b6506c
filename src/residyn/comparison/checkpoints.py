"""Checkpoints of one model over its training: every statistic against the step, and when claims begin to hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd
import xarray as xr

from residyn.claims import ClaimResult, Verdicts
from residyn.comparison.quantities import compared, means_over_depth, named, shared_estimator
from residyn.errors import DataError
from residyn.quantities.measure import INTERVAL
from residyn.schema import SUBLAYER, UNIT
from residyn.words import ARTEFACT, listed

OF_CURVE, OF_CLAIM = "curve", "claim"
COLUMNS = (
    "step", "run", "of", "label", "name", "statistic", "units", "kind", "value", "low", "high", "interval",
    "threshold", "above", "verdict", "premise",
)  # fmt: skip
_UNKNOWN = "not judged"
_LAST = {"does not hold": "it does not hold", "undecided": "it is undecided", _UNKNOWN: "it is not judged"}
_BEGINNINGS = ("number", "variant", "claim", "from_step", "after_step", "said")


def checkpoint_table(
    runs: Mapping[str, xr.Dataset], verdicts: Mapping[str, Verdicts | None], steps: Mapping[str, int]
) -> pd.DataFrame:
    """Every statistic of checkpoints of one model, a row for each and each training step, in the order of steps.

    `runs` are results and `verdicts` those of `judge`, by the name of the run; `steps` says at which step each
    run's model is, and which runs are checkpoints. Columns: step; run; of, "curve" or "claim"; label, of the
    claims that a statistic decides ("8", "10, 11"); name and statistic, in words; units; kind of the transitions
    that a curve is averaged over ("" for all sublayers); value; low and high, the ends of its 95 % interval over
    documents, NaN where it has none; interval, what they are; and of a claim's statistic threshold, above (whether
    it is to lie above it), verdict, and premise (whether without it nothing can be said of the claim); else NaN,
    NaN, "" and False.

    Curves are those of `curves`: their means over the transitions of each kind, or, where there is one value a
    sublayer, over all sublayers. Raises DataError where checkpoints differ in their numbers of sublayers or units,
    which those of one model do not.
    """
    checkpoints = {run: runs[run] for run in sorted(steps, key=lambda run: steps[run])}
    _check_of_one_model(checkpoints)
    estimator = shared_estimator(checkpoints)
    rows = [
        {"step": steps[run], "run": run, **row}
        for run in checkpoints
        for row in (*_of_curves(run, checkpoints, estimator), *_of_claims(verdicts[run]))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def beginnings(verdicts: Mapping[str, Verdicts | None], steps: Mapping[str, int]) -> pd.DataFrame:
    """From which training step on each claim holds: a row for each claim that was judged at any checkpoint.

    Columns: number, variant, claim; from_step, the first step from which the claim holds at all later ones too,
    NaN where it does not hold at the last; after_step, the last step before it at which the claim was found not to
    hold, NaN where there is none; and said, the same in a sentence, with what is undecided in between. Between
    after_step and from_step nothing is known, or what was found decides nothing. A verdict is each checkpoint's
    own: with so many of them, one that differs from its neighbours may be chance.
    """
    order = sorted(steps, key=lambda run: steps[run])
    judged = [found.claims if (found := verdicts[run]) is not None else () for run in order]
    by_run = [{(one.number, one.variant): one for one in claims} for claims in judged]
    at = [steps[run] for run in order]
    rows = []
    for key in sorted(set().union(*by_run)):
        of_runs = [claims.get(key) for claims in by_run]
        words = next(one.claim for one in of_runs if one is not None)
        start, after = _since(of_runs)
        from_step = math.nan if start is None else at[start]
        after_step = math.nan if after is None else at[after]
        rows.append((*key, words, from_step, after_step, _said(of_runs, at, start, after)))
    return pd.DataFrame(rows, columns=list(_BEGINNINGS))


def _check_of_one_model(runs: Mapping[str, xr.Dataset]) -> None:
    shapes = {run: (one.sizes.get(SUBLAYER, 0), one.sizes.get(UNIT, 0)) for run, one in runs.items()}
    first, *others = shapes
    for other in others:
        if shapes[other] != shapes[first]:
            told = (f"{run} has {shapes[run][0]} sublayers of {shapes[run][1]} units" for run in (first, other))
            raise DataError(
                f"Checkpoints of one model have the same sublayers and units, and {' while '.join(told)}. "
                "Leave out --steps to put different models beside each other."
            )


def _of_curves(run: str, runs: Mapping[str, xr.Dataset], estimator: str | None) -> Iterator[dict[str, object]]:
    for name in compared():
        of = "sublayers" if name in runs[run] and SUBLAYER in runs[run][name].dims else "transitions"
        for kind, ends in means_over_depth(runs[run], name, estimator).items():
            yield {
                "of": OF_CURVE,
                "label": "",
                "name": named(name, estimator),
                "statistic": f"mean over {of}",
                "units": str(runs[run][name].attrs.get("units", "1")),
                "kind": kind,
                **_with_interval(*ends),
                "threshold": math.nan,
                "above": math.nan,
                "verdict": "",
                "premise": False,
            }


def _of_claims(judged: Verdicts | None) -> Iterator[dict[str, object]]:
    """A row for each statistic; one that decides several claims stands once, with all of their labels."""
    found: dict[str, dict[str, object]] = {}
    for claim in judged.claims if judged is not None else ():
        for one in claim.criteria:
            if one.name in found:
                found[one.name]["label"] = f"{found[one.name]['label']}, {claim.label}"
                continue
            found[one.name] = {
                "of": OF_CLAIM,
                "label": claim.label,
                "name": one.name,
                "statistic": one.statistic,
                "units": one.units,
                "kind": "",
                **_with_interval(one.value, one.low, one.high),
                "threshold": one.threshold,
                "above": one.above,
                "verdict": one.verdict,
                "premise": one.premise,
            }
    yield from found.values()


def _with_interval(value: float, low: float, high: float) -> dict[str, object]:
    return {"value": value, "low": low, "high": high, "interval": "" if math.isnan(low) else INTERVAL}


def _verdict(claim: ClaimResult | None) -> str:
    """The verdict; "not judged" where there is none, or nothing was measured that could decide."""
    if claim is None or (claim.verdict == "undecided" and all(math.isnan(one.value) for one in claim.criteria)):
        return _UNKNOWN
    return claim.verdict


def _since(claims: Sequence[ClaimResult | None]) -> tuple[int | None, int | None]:
    """From which place on the claim holds to the end, and the last place before it at which it does not hold."""
    verdicts = [_verdict(one) for one in claims]
    start = len(verdicts)
    while start and verdicts[start - 1] == "holds":
        start -= 1
    failing = [place for place in range(start) if verdicts[place] == "does not hold"]
    return start if start < len(verdicts) else None, failing[-1] if failing else None


def _said(claims: Sequence[ClaimResult | None], at: Sequence[int], start: int | None, after: int | None) -> str:
    """When a claim begins to hold, in one sentence."""
    verdicts = [_verdict(one) for one in claims]
    before = len(claims) if start is None else start

    def those(verdict: str, begin: int, end: int) -> list[int]:
        return [at[place] for place in range(begin, end) if verdicts[place] == verdict]

    held = those("holds", 0, before)
    if set(verdicts) == {_UNKNOWN}:
        return "Not judged at any of these steps."
    if start is None:
        said = f"Not within these steps: {_LAST[verdicts[-1]]} at the last, {at[-1]:,}"
        said += f"; it holds at {_steps(held)} and not from there on" if held else ""
        return f"{said}."
    if start == 0:
        said = f"From the first of these steps on, {at[0]:,}"
    elif start == len(at) - 1:
        said = f"At the last of these steps alone, {at[-1]:,}"
    else:
        said = f"From step {at[start]:,} on"
    if start:
        said += "" if after is None else f"; it does not hold at step {at[after]:,}"
        open_from = 0 if after is None else after + 1
        for verdict in ("undecided", _UNKNOWN):
            unknown = those(verdict, open_from, start)
            said += f"; {verdict} at {_steps(unknown)}" if unknown else ""
        said += f"; it holds at {_steps(held)} too, and not throughout from there" if held else ""
    artefacts = [at[i] for i in range(start, len(at)) if (one := claims[i]) is not None and one.origin == ARTEFACT]
    said += f"; as an {ARTEFACT} at {_steps(artefacts)}" if artefacts else ""
    return f"{said}."


def _steps(steps: Sequence[int]) -> str:
    written = listed([f"{step:,}" for step in steps])
    return f"step{'s' if len(steps) > 1 else ''} {written}"
