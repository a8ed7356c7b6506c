"""What a capture is asked for: a model, texts, and how the one reads the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from residyn.cli.request.base import MODEL, TEXTS, Asked, option
from residyn.errors import UsageError

_DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass(frozen=True)
class ModelRequest(Asked):
    """A model, and how it is loaded and read."""

    revision: Annotated[str | None, option("--revision", MODEL, "Branch, tag or commit of a hub model.")] = None
    dtype: Annotated[str, option("--dtype", MODEL, "auto, float32, bfloat16 or float16.")] = "auto"
    device: Annotated[str, option("--device", MODEL, "auto, cpu, cuda, cuda:1 or mps.")] = "auto"
    sites: Annotated[
        Path | None, option("--sites", MODEL, "A JSON map of where this model's blocks read and write.")
    ] = None
    allow_pickle: Annotated[bool, option("--allow-pickle", MODEL, "Read .bin weights too, tensors only.")] = False
    trust_remote_code: Annotated[
        bool,
        option("--trust-remote-code", MODEL, "Run code of the model's repository; needs --revision COMMIT."),
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
        option(
            "--texts",
            TEXTS,
            "wikitext-2 (built in), wikitext, hf:ORG/NAME[:CONFIG[:SPLIT]], a .txt, .jsonl or .parquet file, -.",
        ),
    ] = "wikitext-2"
    n: Annotated[int, option("--n", TEXTS, "How many texts.")] = 1000
    min_chars: Annotated[int, option("--min-chars", TEXTS, "Texts have more characters than this.")] = 100
    max_chars: Annotated[int, option("--max-chars", TEXTS, "Texts have fewer characters than this.")] = 500
    max_tokens: Annotated[int | None, option("--max-tokens", TEXTS, "Texts are cut after so many tokens.")] = None
    field: Annotated[str, option("--field", TEXTS, "The field of a .jsonl, .parquet or hub row.")] = "text"
    order: Annotated[
        Literal["random", "first"], option("--order", TEXTS, "Which of the texts that pass the filter.")
    ] = "random"
    headings: Annotated[
        Literal["keep", "drop"], option("--headings", TEXTS, "What to do with WikiText's heading rows.")
    ] = "keep"
    position: Annotated[
        str,
        option(
            "--position",
            TEXTS,
            "end (the last token), random (each text cut at a seeded token), or a token's number.",
        ),
    ] = "end"
    bos: Annotated[
        Literal["auto", "always", "never"],
        option("--bos", TEXTS, "A BOS token in front: auto is the tokenizer's own rule."),
    ] = "auto"
    seed: Annotated[int, option("--seed", TEXTS, "Decides every random choice.")] = 0
    batch_tokens: Annotated[
        int | None,
        option("--batch-tokens", MODEL, "Most tokens of one batch: by default 2048 on a CPU, else 16384."),
    ] = None
    on_nonfinite: Annotated[
        Literal["refuse", "drop"],
        option("--on-nonfinite", MODEL, "What to do with samples whose states are not finite."),
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
