"""What a verb is asked for: records whose fields are the options of every verb that takes them."""

from __future__ import annotations

import functools
import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from residyn.cli.presets import PRESETS, Preset
from residyn.errors import UsageError

if TYPE_CHECKING:
    from residyn.analysis.settings import Settings

_TEXTS, _MODEL, _ANALYSIS, _TELEPORTS, _FIGURE = "Texts", "Model", "Analysis", "Teleports", "Figure"
_DTYPES = ("auto", "float32", "bfloat16", "float16")


def _option(flag: str, panel: str, text: str) -> Any:
    return typer.Option(flag, rich_help_panel=panel, help=text)


class Asked:
    """A record of options."""

    def check(self) -> None:
        """Refuse what can be refused before anything is loaded. Raises UsageError."""

    def record(self) -> dict[str, Any]:
        """The options as plain values, for the run's provenance."""
        return json.loads(json.dumps(asdict(self), default=str))  # type: ignore[call-overload]


@dataclass(frozen=True)
class ModelRequest(Asked):
    """A model, and how it is loaded and read."""

    revision: Annotated[str | None, _option("--revision", _MODEL, "Branch, tag or commit of a hub model.")] = None
    dtype: Annotated[str, _option("--dtype", _MODEL, "auto, float32, bfloat16 or float16.")] = "auto"
    device: Annotated[str, _option("--device", _MODEL, "auto, cpu, cuda, cuda:1 or mps.")] = "auto"
    sites: Annotated[
        Path | None, _option("--sites", _MODEL, "A JSON map of where this model's blocks read and write.")
    ] = None
    allow_pickle: Annotated[bool, _option("--allow-pickle", _MODEL, "Read .bin weights too, tensors only.")] = (
        False
    )
    trust_remote_code: Annotated[
        bool,
        _option("--trust-remote-code", _MODEL, "Run code of the model's repository; needs --revision COMMIT."),
    ] = False
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network.")] = False

    def check(self) -> None:
        if self.dtype not in _DTYPES:
            raise UsageError(f"--dtype is one of {', '.join(_DTYPES)}; got {self.dtype!r}.")


@dataclass(frozen=True)
class Request(ModelRequest):
    """A model, texts, and how the one reads the other. Defaults are the paper's choices."""

    texts: Annotated[
        str,
        _option(
            "--texts",
            _TEXTS,
            "wikitext-2 (built in), wikitext, hf:ORG/NAME[:CONFIG[:SPLIT]], a .txt, .jsonl or .parquet file, -.",
        ),
    ] = "wikitext-2"
    n: Annotated[int, _option("--n", _TEXTS, "How many texts.")] = 1000
    min_chars: Annotated[int, _option("--min-chars", _TEXTS, "Texts have more characters than this.")] = 100
    max_chars: Annotated[int, _option("--max-chars", _TEXTS, "Texts have fewer characters than this.")] = 500
    max_tokens: Annotated[int | None, _option("--max-tokens", _TEXTS, "Texts are cut after so many tokens.")] = (
        None
    )
    field: Annotated[str, _option("--field", _TEXTS, "The field of a .jsonl, .parquet or hub row.")] = "text"
    order: Annotated[
        Literal["random", "first"], _option("--order", _TEXTS, "Which of the texts that pass the filter.")
    ] = "random"
    headings: Annotated[
        Literal["keep", "drop"], _option("--headings", _TEXTS, "What to do with WikiText's heading rows.")
    ] = "keep"
    position: Annotated[
        str,
        _option(
            "--position",
            _TEXTS,
            "end (the last token), random (each text cut at a seeded token), or a token's number.",
        ),
    ] = "end"
    bos: Annotated[
        Literal["auto", "always", "never"],
        _option("--bos", _TEXTS, "A BOS token in front: auto is the tokenizer's own rule."),
    ] = "auto"
    seed: Annotated[int, _option("--seed", _TEXTS, "Decides every random choice.")] = 0
    batch_tokens: Annotated[
        int | None,
        _option("--batch-tokens", _MODEL, "Most tokens of one batch: by default 2048 on a CPU, else 16384."),
    ] = None
    on_nonfinite: Annotated[
        Literal["refuse", "drop"],
        _option("--on-nonfinite", _MODEL, "What to do with samples whose states are not finite."),
    ] = "refuse"

    def check(self) -> None:
        super().check()
        for name in ("n", "max_tokens", "batch_tokens"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name.replace('_', '-')} is a whole number of at least 1; got {value}.")
        if self.min_chars < 0 or self.max_chars - self.min_chars < 2:
            raise UsageError(
                f"No text has more than --min-chars {self.min_chars} and fewer than --max-chars {self.max_chars} "
                "characters. Widen the bounds."
            )
        self.parsed_position()

    def parsed_position(self) -> Literal["end", "random"] | int:
        """The value of --position. Raises UsageError."""
        if self.position == "end":
            return "end"
        if self.position == "random":
            return "random"
        try:
            return int(self.position)
        except ValueError:
            raise UsageError(f"--position is end, random or a whole number; got {self.position!r}.") from None

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Request:
        """The request of an earlier run; fields that it does not know keep their defaults."""
        known = {field.name: record[field.name] for field in fields(cls) if field.name in record}
        request = cls(**known)
        return replace(request, sites=Path(request.sites)) if request.sites is not None else request


@dataclass(frozen=True)
class AnalysisRequest(Asked):
    """How panels G to K are computed."""

    estimators: Annotated[
        str,
        _option(
            "--estimators",
            _ANALYSIS,
            "Of mutual information, the first one drawn in panel G: gcmi, ksg, kde, binned; with commas between.",
        ),
    ] = "gcmi,kde"
    neighbours: Annotated[int, _option("--neighbours", _ANALYSIS, "Neighbours of the ksg estimator.")] = 3
    shuffles: Annotated[
        int, _option("--shuffles", _ANALYSIS, "Sample shuffles behind each estimator's baseline; 0 for none.")
    ] = 2
    components: Annotated[int, _option("--components", _ANALYSIS, "Principal components of panels J and K.")] = 100
    leave_out: Annotated[
        str,
        _option(
            "--leave-out",
            _ANALYSIS,
            "Numbers of massive units to leave out, each for one more set of numbers; empty for none.",
        ),
    ] = "1,3,10"
    analysis_seed: Annotated[
        int, _option("--analysis-seed", _ANALYSIS, "Decides shuffles, jitter and held-out samples.")
    ] = 0
    analysis_device: Annotated[
        str | None,
        _option("--analysis-device", _ANALYSIS, "Compute mutual information there with torch, such as cuda."),
    ] = None

    def check(self) -> None:
        self.settings()

    def settings(self) -> Settings:
        """The settings of `residyn.analyze`. Raises UsageError."""
        from residyn.analysis.settings import Settings

        try:
            leave_out = tuple(int(part) for part in self.leave_out.split(",") if part.strip())
        except ValueError:
            raise UsageError(
                f"--leave-out is whole numbers with commas between, such as 1,3,10; got {self.leave_out!r}."
            ) from None
        settings = Settings(
            estimators=tuple(part.strip() for part in self.estimators.split(",") if part.strip()),  # type: ignore[arg-type]
            neighbours=self.neighbours,
            shuffles=self.shuffles,
            components=self.components,
            leave_out=leave_out,
            seed=self.analysis_seed,
            device=self.analysis_device,
        )
        settings.check()
        return settings


@dataclass(frozen=True)
class TeleportRequest(Asked):
    """Where states are teleported from and to."""

    hosts: Annotated[
        int, _option("--hosts", _TELEPORTS, "Texts of the run whose last token is moved, beside the prompt.")
    ] = 8
    prompt: Annotated[str, _option("--prompt", _TELEPORTS, "The host that panel L shows.")] = (
        "I'm sorry, Dave. I'm afraid I can't do that."
    )
    inject: Annotated[
        str,
        _option(
            "--inject",
            _TELEPORTS,
            "Layers or sublayers to write at, such as 0,7.mlp; by default 0, ¼, ½, ¾ and the last of the layers.",
        ),
    ] = ""
    grid: Annotated[int, _option("--grid", _TELEPORTS, "Points of the grid along PC1 and along PC2.")] = 10
    extents: Annotated[
        str,
        _option(
            "--extents",
            _TELEPORTS,
            "robust: where the samples lie; a number r: from −r to r; with commas between, a grid for each.",
        ),
    ] = "robust"
    radii: Annotated[
        str, _option("--radii", _TELEPORTS, "Distances of the controls from their host, in σ of the sublayer.")
    ] = "0.5,1,2,4"
    directions: Annotated[
        int, _option("--directions", _TELEPORTS, "Directions at each radius, and samples swapped with.")
    ] = 8
    horizon: Annotated[int, _option("--horizon", _TELEPORTS, "Sublayers that an arrow spans, at most.")] = 12
    untrained: Annotated[
        int, _option("--untrained", _TELEPORTS, "Untrained models of the same configuration to compare with.")
    ] = 1
    teleport_seed: Annotated[
        int, _option("--teleport-seed", _TELEPORTS, "Decides which hosts, directions and samples.")
    ] = 0

    def check(self) -> None:
        for name, least in (
            ("hosts", 0),
            ("grid", 1),
            ("directions", 1),
            ("horizon", 1),
            ("untrained", 0),
            ("teleport_seed", 0),
        ):
            if getattr(self, name) < least:
                raise UsageError(
                    f"--{name.replace('_', '-')} is a whole number of at least {least}; got {getattr(self, name)}."
                )
        if not self.prompt.strip():
            raise UsageError("--prompt is the text that panel L starts from; it is empty. Give a text.")
        self.parsed_radii()
        self.parsed_extents()

    def parsed_radii(self) -> tuple[float, ...]:
        """The values of --radii. Raises UsageError."""
        radii = tuple(_number("radii", part) for part in self.radii.split(","))
        if list(radii) != sorted(set(radii)):
            raise UsageError(f"--radii grow and are each named once, such as 0.5,1,2; got {self.radii!r}.")
        return radii

    def parsed_extents(self) -> tuple[Literal["robust"] | float, ...]:
        """The values of --extents. Raises UsageError."""
        parts = [part.strip() for part in self.extents.split(",")]
        extents: list[Literal["robust"] | float] = [
            "robust" if part == "robust" else _number("extents", part) for part in parts
        ]
        if len(set(extents)) < len(extents):
            raise UsageError(f"--extents are each named once; got {self.extents!r}.")
        return tuple(extents)


def _number(option: str, part: str) -> float:
    """A positive finite number among those of an option. Raises UsageError."""
    try:
        number = float(part)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UsageError(f"--{option} takes positive numbers with commas between; got {part.strip()!r}.")
    return number


@dataclass(frozen=True)
class FigureRequest(Asked):
    """How Figure 1 is drawn."""

    reference: Annotated[
        bool,
        _option("--reference", _FIGURE, "Draw the paper's published curves for Llama 3.1 8B beside E, F and H."),
    ] = False
    formats: Annotated[
        str, _option("--formats", _FIGURE, "Files of each picture: png, pdf, svg; with commas between.")
    ] = "png,pdf,svg"

    def check(self) -> None:
        known, asked = ("png", "pdf", "svg"), self.options()["formats"]
        if not asked or not set(asked) <= set(known):
            raise UsageError(f"--formats are one or more of {', '.join(known)}; got {self.formats!r}.")

    def options(self) -> dict[str, Any]:
        """The options of `figures.figure1.draw_all`."""
        return {"reference": self.reference, "formats": [part.strip() for part in self.formats.split(",")]}


def takes_request(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every option of the records among its keywords, and hand it these, checked.

    A command with a keyword `preset` has the preset's choices wherever no option was typed.
    """
    hints = get_type_hints(command, include_extras=True)
    records = {name: hint for name, hint in hints.items() if isinstance(hint, type) and issubclass(hint, Asked)}
    signature = inspect.signature(command).parameters
    own = [
        parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in signature.items()
        if name not in records
    ]
    options = [option for record in records.values() for option in _options_of(record)]

    @functools.wraps(command)
    def with_request(context: typer.Context, **values: Any) -> None:
        typed = _typed(context)
        preset = PRESETS[values.get("preset") or "default"]
        values.update(_preset_choices(preset, values, typed))
        for name, record in records.items():
            values[name] = record(**{field.name: values.pop(field.name) for field in fields(record)})  # type: ignore[arg-type]
            values[name].check()
        command(**values, **({"context": context} if "context" in signature else {}))

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    parameters = [context, *(parameter for parameter in own if parameter.name != "context"), *options]
    with_request.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_request.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_request


def _options_of(record: type[Asked]) -> list[inspect.Parameter]:
    types = get_type_hints(record, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=types[field.name]
        )
        for field in fields(record)  # type: ignore[arg-type]
    ]


def _preset_choices(preset: Preset, asked: Mapping[str, Any], typed: set[str]) -> dict[str, Any]:
    return {name: value for name, value in preset.choices.items() if name in asked and name not in typed}


def typed_options(context: typer.Context) -> set[str]:
    """The names of the options that were chosen: typed themselves, or named by a preset that was typed."""
    typed = _typed(context)
    return typed | set(PRESETS[context.params["preset"]].choices) if "preset" in typed else typed


def _typed(context: typer.Context) -> set[str]:
    """The names of the options that stand on the command line, not their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
