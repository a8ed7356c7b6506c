"""The stages of a run in their order, and how long what is left of them may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from residyn import store
from residyn.pipeline.reporter import Reporter
from residyn.runs.contents import asked_controls
from residyn.settings import ControlsSettings, JacobianSettings, OutputSettings, RunSettings, TeleportSettings

COURSE = {
    "capture": ("capture_s", 0.170),
    "analysis": ("analyze_s", 0.120),
    "controls": ("controls_s", 0.204),
    "teleports": ("teleport_s", 0.095),
    "jacobians": ("jacobians_s", 0.159),
    "outputs": ("outputs_s", 0.043),
    "claims": ("claims_s", 0.155),
    "figures": ("figure_s", 0.039),
    "explorer": ("explorer_s", 0.010),
    "report": ("report_s", 0.005),
}
"""Of each stage the name of its seconds in run.json, and its share of them in a run of the demo on two quiet
cores.
"""

_SKIPPED = 1.5
"""What skipping all blocks takes of a text, beside reading it with the lens."""


def seconds_left(timings: Mapping[str, object], settings: RunSettings, stage: str) -> float | None:
    """How long a run may take from the beginning of a stage on; None where nothing is to go by.

    What the stages before it took, in this process and in earlier ones, by the shares that stages have of a run of
    the demo, less what the later ones have taken already. Controls, hosts and maps not asked for take none.
    """
    shares = {name: share * _asked(name, settings) for name, (_, share) in COURSE.items()}
    names = list(COURSE)
    before, after = names[: names.index(stage)], names[names.index(stage) :]
    took, share = sum(_seconds(timings, one) for one in before), sum(shares[one] for one in before)
    if not took or not share:
        return None
    rate = took / share
    return sum(max(0.0, rate * shares[one] - _seconds(timings, one)) for one in after)


def numbered(reporter: Reporter, directory: Path, settings: RunSettings) -> Callable[[str], None]:
    """What tells that a stage begins: which of how many it is, how long it has been, and how long it may take."""
    started = time.monotonic()

    def begin(name: str) -> None:
        place, minutes = list(COURSE).index(name) + 1, (time.monotonic() - started) / 60
        known = store.read_run(directory).get("timings")
        left = seconds_left(known if isinstance(known, dict) else {}, settings, name)
        said = [f"{minutes:.0f} min so far"] if minutes >= 1 else []
        said += [f"about {left / 60:.0f} min left"] if left is not None and left >= 90 else []
        told = f" ({', '.join(said)})" if said else ""
        reporter.note(f"Stage {place} of {len(COURSE)}: {name}{told}")

    return begin


def _asked(name: str, settings: RunSettings) -> float:
    """How much of a stage is asked for, as a share of what is by default."""
    if name == "controls":
        return len(asked_controls(settings.controls)) / len(asked_controls(ControlsSettings()))
    if name == "teleports":
        return (1 + settings.teleports.hosts) / (1 + TeleportSettings().hosts)
    if name == "jacobians":
        return _texts_mapped(settings.jacobians) / _texts_mapped(JacobianSettings())
    if name == "outputs":
        return _texts_read(settings.outputs) / _texts_read(OutputSettings())
    return 1.0


def _texts_mapped(settings: JacobianSettings) -> int:
    """At how many texts local maps are taken, in the run's model and in its controls."""
    return settings.at.samples + settings.at.in_each * settings.at.controls


def _texts_read(settings: OutputSettings) -> float:
    """At how many texts the lens is taken, in all networks; one where blocks are skipped counts for more."""
    at, skips = settings.at, settings.skip_samples
    weighed = [n + _SKIPPED * min(skips, n) for n in (at.samples, at.in_each)]
    return weighed[0] + weighed[1] * at.controls


def _seconds(timings: Mapping[str, object], stage: str) -> float:
    found = timings.get(COURSE[stage][0])
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else 0.0
