"""Presets and settings, as they are printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from residyn.cli.display import Display
from residyn.pipeline.presets import Preset, PresetName
from residyn.settings import config_text, flag, typed


def show_presets(presets: Mapping[PresetName, Preset], display: Display) -> None:
    """What each preset chooses."""
    if display.as_json:
        display.emit({name: {"purpose": one.purpose, "choices": one.choices} for name, one in presets.items()})
        return
    for name, preset in presets.items():
        chosen = " ".join(_as_typed(option, value) for option, value in preset.choices.items())
        display.result(f"{name}: {preset.purpose}")
        display.result(f"    {chosen or 'the default of every option'}")


def show_config(values: Mapping[str, Any], head: str, display: Display) -> None:
    """Settings as a file that --config reads."""
    if display.as_json:
        display.emit(dict(values))
    else:
        display.result(config_text(values, head).rstrip())


def _as_typed(option: str, value: Any) -> str:
    """An option with its value, as it is typed."""
    if isinstance(value, bool):
        return flag(option, on=value)
    return f"{flag(option)} {typed(value)}" if value is not None else f"(no {flag(option)})"
