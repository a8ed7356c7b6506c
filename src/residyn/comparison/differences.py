"""In what runs differ beside the model, which decides how far their curves can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import xarray as xr

from residyn.comparison.quantities import compared, curve_of, estimators_of, shared_estimator
from residyn.quantities.suite import not_computed

_ATTRIBUTES = {
    "texts": "The texts differ",
    "position": "The token position differs",
    "n_samples": "The number of samples differs",
    "capture_dtype": "The number format differs",
    "residyn_version": "The results are of several versions of residyn",
}
_NOTED = {"partial": "is not complete", "dropped": "lacks samples"}


def differences(runs: Mapping[str, xr.Dataset]) -> list[str]:
    """Sentences on what a reader of a comparison has to know, in a fixed order; none where runs are alike.

    `runs` are results by the name of the run. Told are: different texts, token positions, numbers of samples,
    number formats and versions; other kinds of transitions; other numbers of principal components behind the
    explained variance; states that are the same in two runs; runs that are not complete or lost samples; which
    estimator of mutual information is compared where they have others too; and results that some runs lack.
    """
    return [
        *(said for name, title in _ATTRIBUTES.items() for said in _differing(runs, title, _attribute(name))),
        *_differing(runs, "The transitions are of other kinds", _kinds),
        *_differing(runs, "The explained variance is of different numbers of components", _components),
        *_same_states(runs),
        *(
            f"{run} {what}: {results.attrs[name]}."
            for name, what in _NOTED.items()
            for run, results in runs.items()
            if name in results.attrs
        ),
        *_information(runs),
        *_lacking(runs),
    ]


def _differing(runs: Mapping[str, xr.Dataset], title: str, of: Callable[[xr.Dataset], str]) -> list[str]:
    """One sentence that names each run's value, unless all that are known are the same."""
    values = {run: value for run, results in runs.items() if (value := of(results))}
    if len(set(values.values())) < 2:
        return []
    return [f"{title}: {'; '.join(f'{run}: {value}' for run, value in values.items())}."]


def _attribute(name: str) -> Callable[[xr.Dataset], str]:
    return lambda results: str(results.attrs.get(name, ""))


def _kinds(results: xr.Dataset) -> str:
    found = next((results[name] for name in ("cosine", "velocity") if name in results), None)
    return "" if found is None else " and ".join(sorted(set(found["kind"].values.astype(str))))


def _components(results: xr.Dataset) -> str:
    return str(results.sizes["component"]) if "component" in results.sizes else ""


def _same_states(runs: Mapping[str, xr.Dataset]) -> list[str]:
    named: dict[str, list[str]] = {}
    for run, results in runs.items():
        named.setdefault(str(results.attrs.get("states_hash", "")), []).append(run)
    return [f"The same states: {' and '.join(same)}." for name, same in named.items() if name and len(same) > 1]


def _information(runs: Mapping[str, xr.Dataset]) -> list[str]:
    having = {run: names for run, results in runs.items() if (names := estimators_of(results))}
    if len({frozenset(names) for names in having.values()}) < 2:
        return []
    listed = "; ".join(f"{run}: {', '.join(names)}" for run, names in having.items())
    shared = shared_estimator(runs)
    if shared is None:
        return [f"No estimator of mutual information is shared, and it is left out: {listed}."]
    return [f"Mutual information is compared by {shared}, which all share: {listed}."]


def _lacking(runs: Mapping[str, xr.Dataset]) -> list[str]:
    """A sentence for each run on the results that it lacks and others have."""
    estimator = shared_estimator(runs)
    has = {
        run: {name for name in compared() if curve_of(results, name, estimator) is not None}
        for run, results in runs.items()
    }
    said = []
    for run, present in has.items():
        lacking = [name for name in compared() if name in set().union(*has.values()) - present]
        if lacking:
            reasons = [f"{step}: {reason}".removesuffix(": ") for step, reason in not_computed(runs[run]).items()]
            why = f" ({'; '.join(reasons)})" if reasons else ""
            said.append(f"{run} lacks {', '.join(lacking)}, and is left out there{why}.")
    return said
