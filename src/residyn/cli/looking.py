"""Verbs that look at settings and at runs, and mend these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from residyn.cli.common import Directory
from residyn.cli.display import Display
from residyn.cli.options import verb
from residyn.errors import StoreError
from residyn.pipeline.presets import PresetName
from residyn.settings import CrewSettings, ReloadSettings, all_values

if TYPE_CHECKING:
    from residyn.pipeline.verification import Verification


@verb
def presets(
    *,
    show: Annotated[
        PresetName | None,
        typer.Option("--show", help="Print all settings of this preset as TOML, a file for --config."),
    ] = None,
    display: Display,
) -> None:
    """Show what each --preset chooses, or all settings of one as a file that --config reads."""
    from residyn.cli.show_settings import show_config, show_presets
    from residyn.pipeline.presets import PRESETS

    if show is None:
        show_presets(PRESETS, display)
    else:
        show_config(all_values(PRESETS[show].choices), f"Settings of the preset {show}", display)


@verb
def info(
    directory: Directory,
    *,
    settings: Annotated[
        bool, typer.Option("--settings", help="Print the settings of DIR as TOML, a file for --config.")
    ] = False,
    display: Display,
) -> None:
    """Say what DIR holds: states, stages, controls, verdicts, warnings; or with what settings it was made."""
    from residyn.cli.show import show_info
    from residyn.cli.show_settings import show_config
    from residyn.pipeline.models import all_settings
    from residyn.runs.held import held

    if settings:
        show_config(all_settings(directory), f"Settings of {directory}", display)
    else:
        show_info(held(directory), display)


@verb
def verify(
    directory: Directory,
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Capture damaged shards again, and make again what else is damaged.")
    ] = False,
    reload: ReloadSettings,
    crew: CrewSettings,
    display: Display,
) -> None:
    """Read every file of DIR and compare it with what was written; exit code 5 where one is not that.

    States and controls are compared with their ledgers, and what the stages wrote with the hashes in stages/.
    Files that nobody wrote are named, and are no damage.
    """
    from residyn.cli.show_checks import show_verification
    from residyn.pipeline.capture import is_control, repair_advice
    from residyn.pipeline.cluster import crew_of
    from residyn.pipeline.verification import repair as make_again
    from residyn.pipeline.verification import verified

    found = verified(directory, display)
    if repair and not found.ok and not is_control(directory):
        with crew_of(crew, display) as workers:
            make_again(directory, found, reload, display, workers)
        found = verified(directory, display)
    show_verification(directory, found, display)
    if not found.ok:
        raise StoreError(f"{_damage_of(found)} of {directory} are damaged or missing. {repair_advice(directory)}")


def _damage_of(found: Verification) -> str:
    """How much of a run is damaged, as the subject of a sentence."""
    shards, others = len(found.shards), len(found.damaged_controls) + len(found.outputs.differences)
    parts = [f"{shards} shards"] if shards else []
    parts += [f"{others} other files or controls"] if others else []
    return " and ".join(parts)
