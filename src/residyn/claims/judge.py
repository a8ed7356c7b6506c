"""All claims on a model's states: what is computed for them, task by task, and the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version

import xarray as xr

from residyn.claims import registry, teleports
from residyn.claims.assemble import assemble
from residyn.claims.claim import Claim
from residyn.claims.criteria import Evidence
from residyn.claims.ledger import Ledger
from residyn.claims.local_maps import local_maps as of_maps
from residyn.claims.outputs import outputs as of_outputs
from residyn.claims.record import Verdicts
from residyn.claims.work import Judging
from residyn.errors import UsageError
from residyn.executors import in_order
from residyn.numerics import pca
from residyn.progress import Progress, told
from residyn.schema import DOCUMENT, SAMPLE, check_states
from residyn.settings import ClaimsSettings

_COPIES = 7
"""Of the samples that are compared, as many as one task holds at its peak: a surrogate, and what is made of it."""


def judge(
    states: xr.DataArray,
    results: xr.Dataset | None = None,
    *,
    teleport_summary: xr.Dataset | None = None,
    local_maps: Mapping[str, xr.Dataset] | None = None,
    outputs: Mapping[str, xr.Dataset] | None = None,
    controls: Mapping[str, xr.DataArray] | None = None,
    numbers: Collection[int] | None = None,
    settings: ClaimsSettings | None = None,
    ledger: Ledger | None = None,
    keep: Callable[[Ledger], object] | None = None,
    progress: Progress | bool | None = None,
) -> Verdicts:
    """Judge the claims of the paper on a model's states; `numbers` are those of the claims, by default all.

    `results` of `analyze(states)` save the fit of the global space and say which units are massive;
    `teleport_summary` of `summary(flow)` or `beside(…)` is what claims about teleports are judged by; `local_maps`
    are results of `jacobians` by network, as `Run.jacobians` gives them ("model", "untrained-0", …,
    "permuted-weights"), and what claims about local maps are judged by; `outputs` are results of `outputs` by
    network, and what claims about skipped blocks are judged by; `controls` are states captured like the model's
    own, on some of its samples: "untrained-0", "untrained-1", …, "permuted-weights", "shuffled-tokens",
    "random-position". What they would decide is left open without them.

    Each claim has one or more criteria: a statistic with an interval over samples (by documents, where the states
    say which sample is of which), a threshold and a null; docs/claims.md lists them. A claim holds where all its
    statistics are beyond their thresholds with their whole intervals, and beyond their nulls with p ≤ 0.05; it
    does not hold where the interval of one lies on the other side; else it is undecided. On data drawn from its
    null a claim holds with a probability of about 0.05 or less. A verdict speaks of this network over texts like
    these.

    As many tasks are computed at a time as there are cores and memory for, at least two, or those that an executor
    takes (`rd.running_on`): its workers must see the files of lazy states, and states in memory travel whole with
    every task. What is found does not depend on it.
    `keep` is called with the ledger after every task, and a ledger that is given is gone on from; the caller
    answers for its being of the same states, controls and settings. `progress` is told of the tasks, as
    `rd.capture`'s is of tokens. Memory: the controls' samples, and for each task at work a surrogate of them and
    what `evidence` says. Raises DataError where the states break the data contract, are empty or not finite, or
    controls do not belong to them; UsageError for settings out of range.

    >>> rd.judge(states, numbers=[1]).claims[0].verdict
    'undecided'
    """
    settings = settings or ClaimsSettings()
    settings.check()
    chosen = _chosen(numbers)
    check_states(states)
    of_states = [claim for claim in chosen if claim.of == "states"]
    work = Judging(states, results, dict(controls or {}), settings, of_states)
    ledger = {} if ledger is None else ledger
    with told("claims", "tasks", progress) as tell:
        _fill(ledger, work, keep, tell)
    moved = {}
    if teleport_summary is not None:
        moved = teleports.trajectories(teleport_summary, settings.resamples, settings.claims_seed)
    found_at = {
        "maps": of_maps(local_maps or {}, settings.resamples, settings.claims_seed),
        "outputs": of_outputs(outputs or {}, settings.resamples, settings.claims_seed),
    }
    at_texts = {what: one for what, one in found_at.items() if one is not None}
    found = Evidence(ledger, moved, work.plan, work.paired, settings.claims_seed, settings.null_draws, at_texts)
    conditions, claims = assemble(found, chosen)
    return Verdicts(
        model=str(states.attrs.get("model", "")),
        states_hash=str(states.attrs.get("states_hash", "")),
        residyn_version=version("residyn"),
        n_samples=states.sizes[SAMPLE],
        n_groups=work.plan.n_groups,
        documents_known=DOCUMENT in states.coords,
        seed=settings.claims_seed,
        resamples=settings.resamples,
        conditions=conditions,
        claims=claims,
    )


def _chosen(numbers: Collection[int] | None) -> list[Claim]:
    known = registry.numbers()
    if numbers is not None and (not numbers or not set(numbers) <= set(known)):
        listed = ", ".join(map(str, numbers)) or "none"
        raise UsageError(f"A claim's number is one of {', '.join(map(str, known))}; got {listed}.")
    return [claim for claim in registry.claims() if numbers is None or claim.number in numbers]


def _fill(ledger: Ledger, work: Judging, keep: Callable[[Ledger], object] | None, progress: Progress) -> None:
    """Compute what the ledger lacks, a few tasks at a time, and add it in the order of the tasks."""
    keys = [key for key, _ in work.tasks()]
    missing = [key for key in keys if key not in ledger]
    there = len(keys) - len(missing)
    progress(there, len(keys))
    # One limit around all: those of tasks that come and go would lift each other's.
    with pca.one_thread():
        tasks = in_order(work.computed, ((key,) for key in missing), memory=_COPIES * work.some.nbytes)
        for done, found in enumerate(tasks, there + 1):
            ledger.update(found)
            if keep is not None:
                keep(ledger)
            progress(done, len(keys))
