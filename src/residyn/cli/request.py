"""What a capture is asked for: one record, whose fields are the options of every verb that captures."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer

from residyn.errors import UsageError

_TEXTS, _MODEL = "Texts", "Model"
_DTYPES = ("auto", "float32", "bfloat16", "float16")


def _option(flag: str, panel: str, text: str) -> Any:
    return typer.Option(flag, rich_help_panel=panel, help=text)


@dataclass(frozen=True)
class ModelRequest:
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
        """Refuse what can be refused before anything is loaded. Raises UsageError."""
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

    def record(self) -> dict[str, Any]:
        """The request as plain values, for the run's provenance."""
        return json.loads(json.dumps(asdict(self), default=str))

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Request:
        """The request of an earlier run; fields that it does not know keep their defaults."""
        known = {field.name: record[field.name] for field in fields(cls) if field.name in record}
        request = cls(**known)
        return replace(request, sites=Path(request.sites)) if request.sites is not None else request


def takes_request(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every option of the record that its keyword `request` is, and hand it one, checked."""
    hints = get_type_hints(command, include_extras=True)
    record: type[ModelRequest] = hints["request"]
    own = [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "request"
    ]
    types = get_type_hints(record, include_extras=True)
    options = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=types[field.name]
        )
        for field in fields(record)
    ]

    @functools.wraps(command)
    def with_request(**values: Any) -> None:
        request = record(**{field.name: values.pop(field.name) for field in fields(record)})
        request.check()
        command(**values, request=request)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own] + options
    with_request.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_request.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_request


def typed_options(context: typer.Context) -> set[str]:
    """The names of the options that stand on the command line, not their defaults."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
