"""The Jacobians stage: some samples of a run → local linear maps, in its model and in controls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from residyn.pipeline.at_samples import AtSamples, taken
from residyn.pipeline.reporter import SILENT, Reporter
from residyn.pipeline.some_samples import Chosen
from residyn.runs.stages import JACOBIANS
from residyn.settings import JacobianSettings, ReloadSettings
from residyn.sitemap import SiteMap
from residyn.teleports.places import horizon_within

if TYPE_CHECKING:
    import pandas as pd

    from residyn.model.loading import LoadedModel

NAME = JACOBIANS


def jacobians(
    directory: Path,
    settings: JacobianSettings | None = None,
    reporter: Reporter = SILENT,
    loaded: LoadedModel | None = None,
    reload: ReloadSettings | None = None,
) -> dict[str, xr.Dataset]:
    """The local maps of some of the run's samples, in its model and in controls; the results, by name.

    Of no samples nothing is made, and what is there is kept. Goes on where it was interrupted, sample by sample;
    what is there for the same settings is not done again. A model that is not `loaded` is the run's own, as
    `reload` says. An untrained model that cannot be made is left out, and told. Raises ModelError where the
    Jacobians cannot be trusted, and as `rd.jacobians` does.
    """
    kind = AtSamples(NAME, "Jacobians", "sublayers", _check, _take, _options, _table)
    return taken(kind, directory, settings or JacobianSettings(), reporter, (loaded, reload))


def _check(model: LoadedModel) -> None:
    from residyn.model.jacobians import check_whole

    check_whole(model)


def _take(*given: Any, **options: Any) -> xr.Dataset:
    from residyn.model.jacobians import jacobians as of_texts

    return of_texts(*given, **options)


def _options(settings: JacobianSettings, chosen: Chosen, states: xr.DataArray) -> dict[str, Any]:
    n_sublayers = len(SiteMap.from_json(states.attrs["sites"]).sites)
    return {"exact_width": settings.exact_width, "span": horizon_within(n_sublayers, settings.span)}


def _table(networks: Mapping[str, xr.Dataset]) -> pd.DataFrame:
    from residyn.quantities.tables.jacobians import jacobian_table

    return jacobian_table(networks)
