"""The settings of a model, of the texts it reads, and of who computes, with their bounds and descriptions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from residyn.settings.base import Settings

Position = Annotated[
    str,
    Meta(
        pattern=r"^(end|random|all|(last|random|every):[1-9][0-9]{0,8})$",
        examples=["end", "random", "all", "last:K", "random:K", "every:K"],
    ),
]
BUILT_IN_MODEL = "smollm2-135m"
ASIDE = {"decides": False}
"""Of a field that no number depends on."""
_TRUST = {**ASIDE, "trust": True}
"""Of a field that lets more be read or run: a file of a run never says so, only who types the command."""
DEVICES = "auto, cpu, cuda, cuda:N, mps"
"""The names of devices that a model can be loaded onto."""

Revision = Annotated[str | None, Meta(description="Branch, tag or commit of a hub model.")]
AllowPickle = Annotated[bool, Meta(description="Read .bin weights too, tensors only.", extra=_TRUST)]
TrustRemoteCode = Annotated[
    bool, Meta(description="Run code of the model's repository; needs --revision COMMIT.", extra=_TRUST)
]
Offline = Annotated[bool, Meta(description="Never touch the network.", extra={**ASIDE, "panel": ""})]


class ModelSettings(Settings, frozen=True, kw_only=True):
    """A model, and how it is loaded and read."""

    PANEL: ClassVar[str] = "Model"
    SECTION: ClassVar[str] = "request"

    revision: Revision = None
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16", "float16"], Meta(description="Precision of the pass.")
    ] = "auto"
    device: Annotated[str, Meta(description="auto, cpu, cuda, cuda:1 or mps.", extra=ASIDE)] = "auto"
    sites: Annotated[str | None, Meta(description="A JSON map of where this model's blocks read and write.")] = (
        None
    )
    allow_pickle: AllowPickle = False
    trust_remote_code: TrustRemoteCode = False
    offline: Offline = False

    def faults(self, spelled: Callable[[str], str]) -> Iterator[str]:
        if not re.fullmatch(r"auto|(cpu|cuda|mps)(:\d+)?", self.device):
            yield f"{spelled('device')} is one of {DEVICES}; got {self.device!r}."


class CaptureSettings(ModelSettings, frozen=True, kw_only=True):
    """A model, texts, and how the one reads the other. Defaults are the paper's choices."""

    PANEL: ClassVar[str] = "Texts"

    texts: Annotated[
        str,
        Meta(
            description="wikitext-2 (built in), wikitext, hf:ORG/NAME[:CONFIG[:SPLIT]], a .txt, .jsonl, "
            ".json, .csv, .tsv or .parquet file, -."
        ),
    ] = "wikitext-2"
    n: Annotated[int, Meta(ge=1, description="How many texts.")] = 1000
    min_chars: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Texts have more characters than this; 100 for WikiText, else 0."),
    ] = None
    max_chars: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Texts have fewer characters than this; 500 for WikiText, else any number."),
    ] = None
    max_tokens: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="Texts are cut after so many tokens.")
    ] = None
    field: Annotated[str, Meta(description="The field, or column, of a row that holds its text.")] = "text"
    order: Annotated[Literal["random", "first"], Meta(description="Which of the texts that pass the filter.")] = (
        "random"
    )
    headings: Annotated[Literal["keep", "drop"], Meta(description="What to do with WikiText's heading rows.")] = (
        "keep"
    )
    position: Annotated[
        Position | int,
        Meta(
            description="end (the last token), random (each text cut at a seeded token), or a token's number; or "
            "several tokens of each text: all, last:K, random:K, every:K.",
        ),
    ] = "end"
    bos: Annotated[
        Literal["auto", "always", "never"],
        Meta(description="A BOS token in front: auto is the tokenizer's own rule."),
    ] = "auto"
    special_tokens: Annotated[
        Literal["spell", "read"],
        Meta(description="Strings of special tokens in texts: spelt out, or read as those tokens."),
    ] = "spell"
    chat: Annotated[
        bool, Meta(description="Each text is a user's message, in the tokenizer's own chat template.")
    ] = False
    white_space: Annotated[
        Literal["strip", "keep"], Meta(description="What to do with white space at the ends of texts.")
    ] = "strip"
    seed: Annotated[int, Meta(description="Decides every random choice.")] = 0
    batch_tokens: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Most tokens of one batch, padding included: by default 2048 on a CPU, else 16384.",
            extra={"panel": "Model"},
        ),
    ] = None
    on_nonfinite: Annotated[
        Literal["refuse", "drop"],
        Meta(
            description="What to do with samples whose states are not finite.", extra={**ASIDE, "panel": "Model"}
        ),
    ] = "refuse"

    def faults(self, spelled: Callable[[str], str]) -> Iterator[str]:
        yield from super().faults(spelled)
        if self.max_chars is not None and self.max_chars - (self.min_chars or 0) < 2:
            yield (
                f"No text has more than {spelled('min_chars')} {self.min_chars or 0} and fewer than "
                f"{spelled('max_chars')} {self.max_chars} characters. Widen the bounds."
            )
        if self.chat and self.bos != "auto":
            yield (
                f"A chat template says itself what stands in front; got {spelled('bos')} {self.bos}. "
                "Leave it at auto."
            )


CAPTURE_OPTIONS = (
    "position",
    "max_tokens",
    "bos",
    "special_tokens",
    "chat",
    "seed",
    "batch_tokens",
    "on_nonfinite",
)
"""The settings of a capture that neither loading a model nor reading texts has used up: `rd.capture`'s options."""


class ReloadSettings(Settings, frozen=True, kw_only=True):
    """How the model of a run is loaded again: what is not said is as the run was captured, but for trust."""

    PANEL: ClassVar[str] = "Model"

    model: Annotated[
        str | None, Meta(description="Where the run's model is now, if it was moved; by default where it was.")
    ] = None
    revision: Revision = None
    allow_pickle: AllowPickle = False
    trust_remote_code: Annotated[
        bool,
        Meta(description="Run code of the model's repository; needs --model and --revision COMMIT.", extra=_TRUST),
    ] = False
    offline: Offline = False


class CrewSettings(Settings, frozen=True, kw_only=True):
    """Who computes. No number depends on it, and no run records it."""

    PANEL: ClassVar[str] = "Workers"

    workers: Annotated[
        int,
        Meta(ge=0, description="Processes of this machine that share the work out; 0 for none.", extra=ASIDE),
    ] = 0
    scheduler: Annotated[
        str | None,
        Meta(description="A dask cluster whose workers compute: tcp://HOST:PORT, or its JSON file.", extra=ASIDE),
    ] = None
    gpus_per_worker: Annotated[
        int,
        Meta(ge=1, description="GPUs over which each worker, or this process, spreads the model.", extra=ASIDE),
    ] = 1
    mixed: Annotated[
        bool,
        Meta(
            description="Go on with another kind of machine than the run's: its bits are not reproducible then.",
            extra=ASIDE,
        ),
    ] = False

    def faults(self, spelled: Callable[[str], str]) -> Iterator[str]:
        if self.workers and self.scheduler is not None:
            yield (
                f"{spelled('workers')} starts workers and {spelled('scheduler')} names some that are there; got "
                "both. Leave one out."
            )
