"""Texts → states in a run directory: the plan's batches through the model, one shard at a time."""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from residyn import store
from residyn.crew import ALONE, Crew, Rates, Refused, Work, at_work, shared_out, this_worker
from residyn.errors import DataError, Interrupted, ResidynError, UsageError
from residyn.model.capture_plan import CapturePlan, capture_options, prepare, taken
from residyn.model.computing import computed
from residyn.model.interrupts import asked_to_stop
from residyn.model.kind import kind_of
from residyn.model.layout import Layout
from residyn.model.loading import GivenModel, loaded
from residyn.model.order import Order, Staged, in_ranges, named, plan_of_order, shards_a_task, tokens_of
from residyn.model.recipes import recipe_of
from residyn.model.texts import Samples, Texts
from residyn.progress import Progress, told
from residyn.schema import label_states
from residyn.settings import CAPTURE_OPTIONS, CaptureSettings, ModelSettings, fields_of, with_options


@with_options(field for field in fields_of(CaptureSettings) if field.name in CAPTURE_OPTIONS)
def capture(
    model: GivenModel,
    texts: Texts | Samples | Iterable[str],
    out: str | Path | None = None,
    *,
    layout: Layout | None = None,
    progress: Progress | bool | None = None,
    executor: Executor | None = None,
    mixed: bool = False,
    **options: Any,
) -> xr.DataArray:
    """The residual stream before attention and before the MLP of every layer, at each sample's last token.

    model: from `load_model`, or what that takes: a hub id, a folder, a built-in name. texts: from `read_texts`, or
    strings, which are all taken as they are, or ready ids as `tokenize_texts` takes them. out: the run directory;
    a directory of the same run is resumed, and the result is bit-identical to an uninterrupted one. Without `out`
    the states stay in memory. layout: a map of sites of your own. progress: a function that is called with (tokens
    done, tokens in all), or False for no bar; else a bar is shown in a terminal or a notebook, and nothing
    elsewhere or where TQDM_DISABLE is set. executor: of PEP 3148, as `client.get_executor(pure=False)` of
    dask.distributed: its workers make the model for themselves, compute and stage shards, and this process commits
    them; the states are the same bits, and `out` is needed. mixed: go on though another kind of machine computed
    what is stored.

    Returns states (sample, sublayer, unit), float32, in activation units; lazy where they are stored. Samples
    are in the order of the store, longest first, each labelled by its place among the texts:
    `states.sel(sample=3)` is the fourth text, and `states.sortby("sample")` puts all in the order of the texts.
    Parallel blocks have one state a layer, of site "block". Source: the paper's panel A.

    Raises UsageError, ModelError or DataError before any long work; StoreError for a directory of other
    settings or of another kind of machine; DataError where a state is not finite; ModelError for workers and a
    model that only this process has; ResourceError where a shard ends its workers; Interrupted after the shard in
    hand, on Ctrl-C.

    >>> states = rd.capture(model, ["The Eiffel Tower is in the city of", "Two and two is"])
    >>> states.sizes["sublayer"], states.sizes["unit"]
    (60, 576)
    """
    if executor is not None and out is None:
        raise UsageError("executor= computes what is stored in out=, and there is no out=. Name a run directory.")
    if out is not None:
        store.check_target(out)
    capture_options(options)  # a model takes long to load, and what is wrong with them is known before
    known = loaded(model)
    texts = taken(texts, known)
    plan, samples = prepare(known, texts, layout=layout, run=out, **options)
    for warning in samples.warnings:
        warnings.warn(warning, stacklevel=2)
    with told("capture", "tokens", progress) as tell:
        if out is None:
            return capture_in_memory(plan, tell)
        plan.create(out)
        _record(out, plan, texts, samples, options)
        crew = Crew((lambda: executor) if executor is not None else None, mixed=mixed)
        for warning in capture_to(plan, out, tell, crew):
            warnings.warn(warning, stacklevel=2)
    return store.open_states(out)


def _record(
    out: str | Path, plan: CapturePlan, texts: Texts | Samples, samples: Samples, options: Mapping[str, Any]
) -> None:
    """Write down in run.json what was asked for, and what of, so that later stages and repairs know it.

    A model that nothing but this process has, or whose weights are not those of its name, is not named; nor are
    texts, of which only what was read is known here.
    """
    request, recipe = dict(options), plan.model.recipe
    if recipe is not None and recipe.weights == "trained":
        fields = [field.name for field in fields_of(ModelSettings) if hasattr(recipe, field.name)]
        request |= {"model": recipe.model, **{name: getattr(recipe, name) for name in fields}}
    read = texts.describe() if isinstance(texts, Texts) else {}
    store.update_run(
        out, request=request, model=plan.model.describe(), texts={**read, "tokens": samples.describe()}
    )


def capture_in_memory(plan: CapturePlan, progress: Progress | None = None) -> xr.DataArray:
    """`capture` without a run directory."""
    states = np.concatenate([made.block for made in computed(plan, range(plan.batches.n_shards), progress)])
    finite = np.asarray(np.isfinite(states).all(axis=(1, 2)))
    if plan.on_nonfinite == "refuse" or not finite.any():
        _refuse_nonfinite(states, plan)
    attrs: dict[str, Any] = {}
    if not finite.all():
        attrs["dropped"] = f"{np.count_nonzero(~finite)} of {len(states)} samples: their states are not finite"
        states = states[finite]
    sample, coordinates = store.coordinates(plan.records.take(np.flatnonzero(finite)))
    distinct, tied = store.last_token_ties(coordinates["last_token"])
    attrs |= {
        "model": plan.model.title,
        "capture_dtype": plan.capture_dtype,
        "distinct_last_tokens": distinct,
        "tie_fraction": tied,
        "sites": plan.sites.to_json(),
        **plan.labels,
    }
    return label_states(states, plan.sites.sublayers, sample=sample, sample_coords=coordinates, attrs=attrs)


def _refuse_nonfinite(states: np.ndarray, plan: CapturePlan) -> None:
    bad = np.argwhere(~np.isfinite(states))
    if len(bad):
        row, sublayer, _ = bad[0]
        raise DataError(
            f"Sample {plan.records.sample[row]} has non-finite states, first at sublayer "
            f"{plan.sites.sublayers[sublayer].label}. float16 overflows: use float32 or bfloat16; or go on "
            'without such samples by on_nonfinite="drop".'
        )


def capture_to(
    plan: CapturePlan, out: str | Path, progress: Progress | None = None, crew: Crew = ALONE
) -> list[str]:
    """Fill the plan's run directory from where it was left; returns what its provenance should warn of.

    What workers staged there is put in place first; the rest is computed here, or by the workers of a `crew`.
    Raises DataError where a state is not finite, ResourceError where memory or disk is full or a shard ends its
    workers, StoreError where another process has the run, the model does not give the states that are stored or
    another kind of machine computed them, ModelError where the model cannot travel to workers, Interrupted after
    the shards in hand where the user asked to stop.
    """
    plan.check_stored(out)
    with store.open_writer(out, mixed=crew.mixed) as writer, asked_to_stop() as stop:
        if writer.pending and crew.engine is None:
            _alone(plan, writer, stop, progress)
        elif writer.pending:
            _by_workers(plan, writer, crew, stop, progress)
        if writer.pending:
            every = writer.manifest.n_shards
            raise Interrupted(
                f"Stopped as asked: {every - len(writer.pending)} of {every} shards of {out} are stored. The same "
                "command goes on from there."
            )
    notes = [*writer.told, *dropped(out)]
    store.record_warnings(out, notes)
    return notes


def _alone(plan: CapturePlan, writer: store.Writer, stop: Callable[[], bool], progress: Progress | None) -> None:
    """Compute what is pending here; where the user asks to stop, what is in hand."""
    pending, kind = writer.pending, kind_of(plan.model)
    writer.admit(kind)
    with ThreadPoolExecutor(1) as committer:
        # One shard is compressed, flushed and hashed while the model computes the next: on a fast device the
        # disk would otherwise take as long as the passes. At most two shards are in memory.
        committed: Future[list[int]] | None = None
        for left, made in zip(reversed(range(len(pending))), computed(plan, pending, progress), strict=True):
            if made.halved:
                # Before the shard is stored: whatever ends this process, what made the states stays told.
                writer.admit(kind, halved=True)
            if committed:
                committed.result()
            committed = committer.submit(
                writer.commit,
                made.shard,
                made.block,
                drop_nonfinite=plan.on_nonfinite == "drop",
                halved=made.halved,
                kind=kind,
            )
            if stop() and left:
                break
        if committed:
            committed.result()


def _by_workers(
    plan: CapturePlan, writer: store.Writer, crew: Crew, stop: Callable[[], bool], progress: Progress | None
) -> None:
    """Let the workers of a crew compute what is pending, and put what they stage in place as it comes."""
    assert crew.engine is not None
    recipe, run = recipe_of(plan.model, crew.gpus), writer.run.resolve()
    order = Order(str(run), store.leave_nonce(run), writer.manifest, recipe, plan.layout, plan.on_nonfinite)
    ranges = in_ranges(writer.pending, shards_a_task(plan))
    tasks = deque(Work(named(shards, writer.run), (order, shards)) for shards in ranges)
    tokens, rates = tokens_of(plan), Rates()
    done = sum(tokens) - sum(tokens[shard] for shard in writer.pending)
    for work, result in shared_out(crew.engine(), stage_shards, tasks, stop):
        if result is None:
            # This worker has not the run's disk: it is told the rows, and gives back bytes.
            tasks.appendleft(Work(work.name, (replace(order, records=plan.records), work.arguments[1])))
            continue
        for receipt, content, worker in result:
            shard = receipt.shard
            writer.admit(receipt.kind, halved=receipt.halved, what=f"Shard {shard}, which {worker} computed,")
            if content is not None:
                store.stage(run, receipt, content)
            writer.put(receipt)
            if not rates.seen:
                # What workers compute has to be what the model does here, which may have been changed since.
                plan.check_stored(writer.run)
            rates.add(worker, tokens[shard], receipt.seconds)
            done += tokens[shard]
            if progress is not None:
                progress(done, sum(tokens))
    crew.say(rates.told("tokens"))


def stage_shards(order: Order, shards: Sequence[int]) -> list[Staged] | Refused | None:
    """Compute some shards and stage them: what a worker does. None where it has neither the disk nor the rows."""
    run = Path(order.run)
    near = store.sees(run, order.nonce)
    if not near and order.records is None:
        return None
    try:
        with at_work():
            return list(staged(plan_of_order(order), order.manifest, shards, run if near else None))
    except ResidynError as error:
        return Refused(error)


def staged(
    plan: CapturePlan,
    manifest: store.Manifest,
    shards: Sequence[int],
    run: Path | None,
    progress: Progress | None = None,
) -> Iterator[Staged]:
    """Some shards, each computed and staged in the folder `run`, or with its bytes where there is none."""
    began = time.perf_counter()
    kind, drop = kind_of(plan.model), plan.on_nonfinite == "drop"
    for made in computed(plan, shards, progress):
        labels = plan.records.sample[manifest.rows(made.shard)].tolist()
        content, gone = store.encode(manifest, made.shard, made.block, labels, drop_nonfinite=drop)
        seconds = round(time.perf_counter() - began, 3)
        receipt = store.receipt_for(
            manifest, made.shard, content, gone, halved=made.halved, kind=kind, seconds=seconds
        )
        if run is not None:
            store.stage(run, receipt, content)
        yield Staged(receipt, content if run is None else None, this_worker())
        began = time.perf_counter()


def dropped(out: str | Path) -> list[str]:
    """What to warn of where samples of a run were dropped, as its ledger says; empty where none were."""
    gone = store.dropped_samples(out)
    if not gone:
        return []
    shown = f"{', '.join(map(str, gone[:10]))}{' …' if len(gone) > 10 else ''}"
    return [f"{len(gone)} samples were dropped: their states are not finite. Samples {shown}."]
