"""The stages of a run that make states, results and figures, each alone and resumable, in one run directory."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from residyn import store
from residyn.cli.display import Display
from residyn.cli.origin import of_other_states
from residyn.cli.owned import open_own, save_own
from residyn.cli.request import (
    AnalysisRequest,
    ClaimsRequest,
    ControlsRequest,
    FigureRequest,
    ModelRequest,
    Request,
    TeleportRequest,
    recorded,
)
from residyn.errors import StoreError, UsageError

if TYPE_CHECKING:
    import xarray as xr

    from residyn.model.loading import LoadedModel
    from residyn.model.sites import Layout
    from residyn.quantities.settings import Settings

RESULTS, TABLES = "results.zarr", "tables"
R = TypeVar("R", Request, AnalysisRequest, ControlsRequest, TeleportRequest, ClaimsRequest)


def continued(directory: Path, model: str | None, request: Request, typed: set[str]) -> tuple[str | None, Request]:
    """The model and request of the run in `directory`, with what was typed on the command line on top.

    Where there is no run yet, what was typed and the defaults. Raises StoreError where run.json does not hold
    options, UsageError where what was typed does not go with them.
    """
    record = store.read_run(directory).get("request")
    if record is None:
        return model, request
    earlier = recorded(Request, record, directory / "run.json", "request")
    name = record.get("model")
    if name is not None and not isinstance(name, str):
        raise StoreError(
            f"{directory / 'run.json'} is damaged: request.model should be text; got {ascii(name)[:80]}. "
            "Restore the file from a copy."
        )
    return model or name, _on_top(earlier, request, typed)


def capture(directory: Path, model: str, request: Request, display: Display) -> LoadedModel:
    """Load, read, tokenize, prove the sites, and capture what is not captured yet; the model, for later stages."""
    store.check_target(directory)
    from residyn.model.capture import capture_to, prepare
    from residyn.model.texts import read_texts

    layout = read_layout(request.sites)
    with timed() as reading, display.progress("texts", "bytes") as progress:
        texts = read_texts(
            # run.json writes the user's home folder as "~", and a run may be continued from there.
            os.path.expanduser(request.texts),  # noqa: PTH111 - not every source is a path
            n=request.n,
            min_chars=request.min_chars,
            max_chars=request.max_chars,
            field=request.field,
            order=request.order,
            headings=request.headings,
            seed=request.seed,
            offline=request.offline,
            progress=progress,
        )
    with timed() as loading:
        loaded = load(model, request, display)
    with timed() as preparing, display.stage("Tokenizing, and proving the sites on the model's weights"):
        job, samples = prepare(
            loaded,
            texts,
            position=request.parsed_position(),
            max_tokens=request.max_tokens,
            bos=request.bos,
            seed=request.seed,
            batch_tokens=request.batch_tokens,
            layout=layout,
            on_nonfinite=request.on_nonfinite,
        )
    warnings = [*loaded.warnings, *texts.warnings, *samples.warnings]
    display.warn(warnings)
    display.note(job.summary())
    job.create(directory)
    store.update_run(
        directory,
        request={"model": model, **request.record()},
        model=loaded.describe(),
        texts={**texts.describe(), "tokens": samples.describe()},
    )
    record_warnings(directory, warnings)
    if store.info(directory)["complete"]:
        return loaded
    with timed() as capturing, display.progress("capture", "tokens") as progress:
        later = capture_to(job, directory, progress)
    display.warn(later)
    stages = {"texts_s": reading(), "model_s": loading(), "prepare_s": preparing(), "capture_s": capturing()}
    record_warnings(directory, later)
    store.update_run(directory, timings=stages)
    return loaded


def record_warnings(directory: Path, warnings: Sequence[str]) -> None:
    """Add to the warnings in run.json: those of the capture that made the states stay true of them."""
    found = store.read_run(directory).get("warnings")
    earlier = [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
    # Recorded ones have no home folder in them, and are compared with others that have none.
    new = store.without_home(store.plain(warnings))
    store.update_run(directory, warnings=list(dict.fromkeys([*earlier, *new])))


def load(model: str, request: ModelRequest, display: Display) -> LoadedModel:
    """The model of a request, with its progress shown."""
    from residyn.model.loading import load_model

    with display.stage(f"Opening {model}") as say:
        loaded = load_model(
            model,
            revision=request.revision,
            dtype=request.dtype,
            device=request.device,
            offline=request.offline,
            allow_pickle=request.allow_pickle,
            trust_remote_code=request.trust_remote_code,
            progress=say,
        )
    display.note(
        f"{loaded.name}: {loaded.n_layers} layers of {loaded.n_units} units; {loaded.dtype} "
        f"({loaded.dtype_reason}), on {loaded.device} ({loaded.device_reason})"
    )
    return loaded


def read_layout(path: Path | None) -> Layout | None:
    """A user's map of sites, a JSON object with the fields of `residyn.model.sites.Layout`. Raises UsageError."""
    if path is None:
        return None
    from residyn.model.sites import Layout

    names = [field.name for field in fields(Layout)]
    wanted = f"a JSON object with the keys {', '.join(names)}"
    try:
        record = json.loads(path.expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--sites names {wanted}; {path} cannot be read as one: {error}.") from error
    if not isinstance(record, dict) or not {"blocks", "attn", "mlp"} <= record.keys() <= set(names):
        raise UsageError(
            f"--sites names {wanted}, of which blocks, attn and mlp are needed; {path} holds "
            f"{', '.join(map(str, record)) if isinstance(record, dict) else type(record).__name__}."
        )
    if record.get("post_norm") is not None:
        record["post_norm"] = tuple(record["post_norm"])
    return Layout(**record)


def continued_record(directory: Path, stage: str, asked: R, typed: set[str]) -> R:
    """How a stage of `directory` was run last, with what was typed on the command line on top.

    Raises as `continued` does.
    """
    record = store.read_run(directory).get(stage)
    if record is None:
        return asked
    named = {field.name for field in fields(asked)} - set(record if isinstance(record, dict) else ())
    return _on_top(recorded(type(asked), record, directory / "run.json", stage), asked, typed | named)


def _on_top(earlier: R, asked: R, typed: set[str]) -> R:
    """Earlier options with those of `asked` that were typed."""
    made = replace(
        earlier, **{field.name: getattr(asked, field.name) for field in fields(asked) if field.name in typed}
    )
    made.check()
    return made


def analyze(
    directory: Path, analysis: AnalysisRequest, display: Display, *, allow_partial: bool = False
) -> xr.Dataset:
    """The results of a run's states: those that are stored, where they are of the same states, or computed.

    Each part is stored when it is computed; an interrupted analysis goes on with the parts that it lacks.
    """
    from residyn.quantities.suite import analyze as compute
    from residyn.quantities.tables import write_tables

    states = store.open_states(directory, allow_partial=allow_partial)
    if "partial" in states.attrs:
        display.warn([f"These results are of {states.attrs['partial']}."])
    path, settings = directory / RESULTS, analysis.settings()
    earlier = open_own(path)
    if earlier is not None and not _same_origin(earlier, states, settings):
        earlier = None
    if earlier is not None and earlier.attrs.get("complete"):
        if not (directory / TABLES / "summary.csv").exists():
            write_tables(earlier, directory / TABLES)
        return earlier
    with timed() as seconds:
        results = compute(
            states, settings, stages=display.progress, earlier=earlier, keep=lambda part: save_own(part, path)
        )
        # Complete is said last: where it stands, the tables are there too.
        write_tables(results, directory / TABLES)
        results = results.assign_attrs(complete=1)
        save_own(results, path)
    store.update_run(directory, analysis=analysis.record(), timings={"analyze_s": seconds()})
    return results


def _same_origin(results: xr.Dataset, states: xr.DataArray, settings: Settings) -> bool:
    from residyn import __version__

    same = {
        "states_hash": states.attrs["states_hash"],
        "residyn_version": __version__,
        "settings": settings.to_json(),
    }
    return all(results.attrs.get(name) == value for name, value in same.items())


def figure(directory: Path, request: FigureRequest, display: Display) -> list[Path]:
    """Draw Figure 1 and its panels from the stored results, with panel L where there are teleports."""
    from residyn.cli.controls import open_noise_floor
    from residyn.cli.teleports import open_flow
    from residyn.figures.figure1 import draw_all
    from residyn.figures.panel import Teleports
    from residyn.run.results import open_results

    results, found = open_results(directory / RESULTS), open_flow(directory)
    notice = of_other_states(directory, results)
    display.warn([notice] if notice else [])
    teleports = Teleports(found["flow"], found["summary"], found["return_fraction"]) if found else None
    with timed() as seconds, display.stage("Drawing Figure 1"):
        pictures = draw_all(
            results,
            None,
            directory / "figures",
            **request.options(),
            teleports=teleports,
            noise=open_noise_floor(directory),
        )
    store.update_run(directory, figure=request.record(), timings={"figure_s": seconds()})
    return pictures


def show_results(directory: Path, results: xr.Dataset, display: Display) -> None:
    """The names, shapes and units of a run's results."""
    described = [
        {"name": str(name), "shape": dict(array.sizes), "units": array.attrs.get("units", "")}
        for name, array in results.data_vars.items()
    ]
    if display.as_json:
        display.emit({"results": str(directory / RESULTS), "quantities": described})
        return
    rows = [
        (item["name"], " × ".join(f"{size} {dim}" for dim, size in item["shape"].items()), item["units"])
        for item in described
    ]
    display.table(str(directory / RESULTS), ["quantity", "shape", "units"], rows)


def complete(directory: Path, model: str, request: Request, display: Display, damaged: Sequence[int] = ()) -> None:
    """Capture what an existing run lacks, from its own tokens: its texts need not be there any more.

    Shards that are `damaged` are removed first, once it is known that they can be captured again.
    """
    from residyn.model.capture import capture_to, job_of

    loaded = load(model, request, display)
    with display.stage("Proving the sites on the model's weights"):
        job = job_of(directory, loaded, read_layout(request.sites), request.on_nonfinite)
    display.note(job.summary())
    store.forget(directory, list(damaged))
    with timed() as seconds, display.progress("capture", "tokens") as progress:
        warnings = capture_to(job, directory, progress)
    display.warn(warnings)
    record_warnings(directory, warnings)
    store.update_run(directory, timings={"capture_s": seconds()})


@contextmanager
def timed() -> Iterator[Any]:
    """Yields a function that gives the seconds since the context was opened, or until it was left."""
    started = time.perf_counter()
    ended: list[float] = []
    yield lambda: round((ended[0] if ended else time.perf_counter()) - started, 2)
    ended.append(time.perf_counter())
