"""Settings as a file that people write: TOML, with the names that the command line and run.json have."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from residyn.errors import UsageError
from residyn.settings.base import Setting, fields_of
from residyn.settings.records import STAGES, run_settings

BESIDE = ("model", "preset")
"""Keys of a file that are no settings of a stage: whose states are read, and what chooses what is not named."""


def _fields() -> dict[str, Setting]:
    return {field.name: field for kind in STAGES.values() for field in fields_of(kind)}


def read_config(path: str | Path) -> dict[str, Any]:
    """What a file chooses: settings by their names, and of `BESIDE` what it names; each value is checked.

    A name may be spelt as on the command line, "null-draws". Raises UsageError, naming the file and the key, for a
    file that cannot be read or is no TOML, a name that there is not, a value of another kind or out of its range,
    and for a setting that gives trust: that is only ever typed.
    """
    place = Path(path).expanduser()
    try:
        record = tomllib.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"--config names a TOML file of settings; {place} cannot be read as one: {reason}. "
            "`residyn presets --show default` prints one to begin with."
        ) from error
    fields, found = _fields(), {}
    for key, value in record.items():
        name = key.replace("-", "_")
        if name not in fields and name not in BESIDE:
            close = get_close_matches(name, [*fields, *BESIDE], n=1)
            raise UsageError(
                f"{place} chooses {key!r}, and there is no such setting. "
                + (f"Did you mean {close[0]!r}?" if close else "`residyn presets --show default` lists all.")
            )
        if name in fields and fields[name].trust:
            raise UsageError(
                f"{place} chooses {key!r}, and a file may be anybody's: what lets more be read or run is typed on "
                "the command line. Take it out of the file."
            )
        if name in found:
            raise UsageError(f"{place} chooses {name!r} twice, spelt in two ways. Choose it once.")
        if name in BESIDE and not isinstance(value, str):
            raise UsageError(f"{name} in {place} is text; got {value!r}.")
        found[name] = value
    run_settings({name: found[name] for name in found if name in fields}, lambda name: f"{name} in {place}")
    return found


def config_text(values: Mapping[str, Any], head: str) -> str:
    """A file that chooses these values, under a line that says what it is; in the order of the stages, with words.

    One without a value stands there as a comment, because TOML has no word for none. What gives trust is left out.
    """
    blocks = [f"# {head}"]
    blocks += [f"{name} = {_value(values[name])}" for name in BESIDE if values.get(name) is not None]
    for name, field in _fields().items():
        if name in values and not field.trust:
            value = values[name]
            chosen = f"# {name} =" if value is None else f"{name} = {_value(value)}"
            blocks.append(f"# {field.description}\n{chosen}")
    return "\n\n".join(blocks) + "\n"


def all_values(choices: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting by its name: as it is chosen, or its default."""
    return {name: choices.get(name, field.default) for name, field in _fields().items()}


def _value(value: Any) -> str:
    # JSON's texts, numbers, truth values and lists of them are TOML's too, but for the character DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
