"""What stages share that go back to a run's model with some of its samples, and to networks beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from residyn import control_names
from residyn.errors import DataError, ModelError
from residyn.pipeline.reporter import Reporter
from residyn.runs import layout
from residyn.runs.results import remove_results, replace_results
from residyn.schema import NO_DOCUMENT
from residyn.settings import CaptureSettings

if TYPE_CHECKING:
    import pandas as pd

    from residyn.model.layout import Layout
    from residyn.model.loading import LoadedModel
    from residyn.model.texts import Samples
    from residyn.store import SampleTable


@dataclass(frozen=True)
class Chosen:
    """Some samples of a run, their labels, and the token that came next in the text, where the run knows it."""

    samples: Samples
    labels: list[int]
    next_tokens: list[int | None]

    def first(self, n: int) -> Chosen:
        """The first n of them."""
        samples = replace(self.samples, samples=self.samples.samples[:n])
        return Chosen(samples, self.labels[:n], self.next_tokens[:n])


def chosen_samples(
    directory: Path, loaded: LoadedModel, asked: CaptureSettings, sites: Layout | None, *, n: int, seed: int
) -> Chosen:
    """Samples of the run by a seeded draw, one a document where there are enough of these."""
    from residyn.model.capture_plan import plan_of
    from residyn.model.texts import Samples
    from residyn.model.texts.samples import SampleRows

    plan = plan_of(directory, loaded, sites, asked.on_nonfinite)
    table = plan.records.take(np.argsort(plan.records.sample))
    chosen = drawn(table, n, seed)
    rows = SampleRows(table)
    samples = Samples(tuple(rows[row] for row in chosen), {}, {}, ())
    return Chosen(samples, [int(table.sample[row]) for row in chosen], [next_token(table, row) for row in chosen])


def drawn(table: SampleTable, n: int, seed: int) -> list[int]:
    """The rows of n samples in the order of their draw: first one of each document, then the others."""
    order = np.random.default_rng(seed).permutation(len(table))
    documents = np.array([source.document for source in table.sources])[table.text[order]]
    alone = np.flatnonzero(documents == NO_DOCUMENT)
    known = np.flatnonzero(documents != NO_DOCUMENT)
    firsts = known[np.unique(documents[known], return_index=True)[1]]
    front = np.sort([*alone, *firsts]).astype(int)
    rest = np.setdiff1d(np.arange(len(order)), front)
    return [int(order[place]) for place in [*front, *rest][:n]]


def next_token(table: SampleTable, row: int) -> int | None:
    """The id that follows a row's tokens in its text; None where the table holds the text no further."""
    text = table.text[row]
    place = table.offsets[text] + table.n_tokens[row]
    return int(table.ids[place]) if place < table.offsets[text + 1] else None


def other_networks(
    model: LoadedModel, n_untrained: int, seed: int, *, permuted_too: bool
) -> Iterator[tuple[str, Callable[[], LoadedModel]]]:
    """Untrained models and one with permuted weights, by name; each is made when it is called."""
    from residyn.model.loading import permuted, untrained

    for number in range(n_untrained):
        yield control_names.untrained(number), lambda number=number: untrained(model, number)
    if permuted_too:
        yield control_names.PERMUTED, lambda: permuted(model, seed)


def in_each(
    networks: Iterator[tuple[str, Callable[[], LoadedModel]]],
    of: Callable[[LoadedModel, str], xr.Dataset],
    what: str,
    reporter: Reporter,
) -> dict[str, xr.Dataset]:
    """What is found in each network, by name; one that cannot be made or trusted is left out, and told."""
    found = {}
    for name, made in networks:
        try:
            found[name] = of(made(), name)
        except (DataError, ModelError) as error:
            reporter.warn([f"Without the {what} of {name}: {error}"])
    return found


def keep_results(directory: Path, stage: str, networks: dict[str, xr.Dataset], table: pd.DataFrame) -> list[Path]:
    """Store a stage's results of networks in place of all earlier ones, and their table; the paths of all it left.

    Where the model's are, all are: they are removed first and written last.
    """
    from residyn.quantities.tables import write_frame

    last = layout.network_result(directory, stage, control_names.MODEL)
    remove_results(last)
    for path in last.parent.glob("*.zarr"):
        remove_results(path)
    parts = [layout.network_parts(directory, stage, name) for name in networks]
    written = [write_frame(table, directory / layout.TABLES, stage), *parts]
    others = [one for one in networks if one != control_names.MODEL]
    for one in (*others, control_names.MODEL):
        path = layout.network_result(directory, stage, one)
        replace_results(networks[one], path)
        written.append(path)
    return written
