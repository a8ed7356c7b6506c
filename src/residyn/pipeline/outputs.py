"""The outputs stage: some samples of a run → the lens and skipped blocks, in its model and in controls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from residyn.pipeline.at_samples import AtSamples, taken
from residyn.pipeline.reporter import SILENT, Reporter
from residyn.pipeline.some_samples import Chosen
from residyn.runs.stages import OUTPUTS
from residyn.settings import OutputSettings, ReloadSettings

if TYPE_CHECKING:
    import pandas as pd

    from residyn.model.loading import LoadedModel

NAME = OUTPUTS


def outputs(
    directory: Path,
    settings: OutputSettings | None = None,
    reporter: Reporter = SILENT,
    loaded: LoadedModel | None = None,
    reload: ReloadSettings | None = None,
) -> dict[str, xr.Dataset]:
    """The lens and skipped blocks at some of the run's samples, in its model and in controls, by name.

    Of no samples nothing is made, and what is there is kept. Goes on where it was interrupted, sample by sample;
    what is there for the same settings is not done again. A model that is not `loaded` is the run's own, as
    `reload` says. An untrained model that cannot be made is left out, and told. Raises ModelError where the model
    has no head, and as `rd.outputs` does.
    """
    kind = AtSamples(NAME, "outputs", "texts", _check, _take, _options, _table)
    return taken(kind, directory, settings or OutputSettings(), reporter, (loaded, reload))


def _check(model: LoadedModel) -> None:
    from residyn.model.outputs import whole_model

    whole_model(model)


def _take(*given: Any, **options: Any) -> xr.Dataset:
    from residyn.model.outputs import outputs as of_texts

    return of_texts(*given, **options)


def _options(settings: OutputSettings, chosen: Chosen, states: xr.DataArray) -> dict[str, Any]:
    return {"next_tokens": chosen.next_tokens, "skips": settings.skip_samples}


def _table(networks: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    from residyn.quantities.tables.outputs import output_table

    return output_table(networks)
