"""Where a run's numbers come from, as the page lists it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import xarray as xr

from residyn.report.record import Facts
from residyn.words import number

_STAGES = {
    "texts_s": "reading texts",
    "model_s": "loading the model",
    "prepare_s": "tokenizing and proving the sites",
    "capture_s": "capture",
    "analyze_s": "analysis",
    "controls_s": "controls",
    "teleport_s": "teleports",
    "jacobians_s": "Jacobians",
    "outputs_s": "outputs",
    "claims_s": "claims",
    "figure_s": "figures",
}
_MOST = 60
"""Rows of one list, at the most."""


def section(record: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """A mapping inside mappings; empty where there is none."""
    found: Any = record
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def provenance(run: Mapping[str, Any], results: xr.Dataset) -> tuple[Facts, ...]:
    """Model, texts, tokens, states, software, machine and time; what is not recorded is left out."""
    lists = (
        ("Model", _model(run)),
        ("Texts", _texts(run)),
        ("Tokens", _tokens(run)),
        ("States and results", _states(run, results)),
        ("Software", _plain(section(run, "versions"))),
        ("Machine", _machine(run)),
        ("Time", _timings(run)),
    )
    facts = (Facts(title, tuple(rows)[:_MOST]) for title, rows in lists)
    return tuple(fact for fact in facts if fact.rows)


def licences(run: Mapping[str, Any]) -> tuple[str, ...]:
    """The licence of the texts, where their source names one."""
    source = section(run, "texts", "source")
    licence = source.get("licence")
    return (f"Texts: {_name_of(source)}, {licence}.",) if licence else ()


def corpus(run: Mapping[str, Any], results: xr.Dataset) -> str:
    """What the texts are called."""
    return str(results.attrs.get("texts") or _name_of(section(run, "texts", "source")) or "")


def _name_of(source: Mapping[str, Any]) -> str:
    return " ".join(str(source[name]) for name in ("name", "split") if source.get(name))


def _model(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    model = section(run, "model")
    yield from _chosen(
        model,
        {"name": "name", "source": "source", "revision": "revision", "model_type": "architecture"},
    )
    if isinstance(model.get("n_parameters"), int):
        yield "parameters", f"{model['n_parameters']:,}"
    yield from _chosen(
        model,
        {
            "dtype": "dtype",
            "dtype_reason": "because",
            "device": "device",
            "attention": "attention",
            "quantization": "stored as",
        },
    )
    yield from ((f"sha256 of {name}", str(digest)) for name, digest in section(model, "files").items())


def _texts(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    texts = section(run, "texts")
    source, chosen = section(texts, "source"), section(texts, "filter")
    if _name_of(source):
        yield "source", _name_of(source)
    yield from _chosen(source, {"kind": "kind", "path": "file", "revision": "revision", "licence": "licence"})
    if source.get("sha256"):
        yield "sha256 of the source", str(source["sha256"])
    if "min_chars" in chosen and "max_chars" in chosen:
        longest = chosen["max_chars"]
        yield (
            "characters",
            f"more than {chosen['min_chars']}{'' if longest is None else f', fewer than {longest}'}",
        )
    yield from _chosen(chosen, {"order": "order", "seed": "seed", "headings": "headings"})
    counts = section(texts, "counts")
    if counts:
        yield "rows", ", ".join(f"{str(name).replace('_', ' ')} {_shown(value)}" for name, value in counts.items())
    if texts.get("sha256"):
        yield "sha256 of the texts", str(texts["sha256"])


def _tokens(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    tokens = section(run, "texts", "tokens")
    settings = section(tokens, "settings")
    yield from _chosen(section(settings, "tokenizer"), {"class": "tokenizer", "bos_token_id": "BOS token"})
    yield from _chosen(
        settings, {"bos": "BOS", "position": "states read at", "seed": "seed", "limit": "most tokens"}
    )
    length = section(tokens, "statistics", "n_tokens")
    if length:
        yield "tokens a text", ", ".join(f"{name} {_shown(value)}" for name, value in length.items())
    if tokens.get("sha256"):
        yield "sha256 of the tokens", str(tokens["sha256"])


def _states(run: Mapping[str, Any], results: xr.Dataset) -> Iterator[tuple[str, str]]:
    yield from _chosen(
        results.attrs,
        {
            "n_samples": "samples",
            "capture_dtype": "captured in",
            "partial": "partial",
            "dropped": "dropped",
            "states_hash": "hash of the states",
            "settings": "settings of the analysis",
        },
    )
    if run.get("created"):
        yield "created", str(run["created"])


def _machine(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    machine = section(run, "machine")
    yield from _chosen(machine, {"platform": "platform", "cores": "cores"})
    if isinstance(machine.get("memory_bytes"), int):
        yield "memory", f"{number(machine['memory_bytes'] / 2**30)} GiB"


def _timings(run: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    timings = section(run, "timings")
    for name, said in _STAGES.items():
        if isinstance(timings.get(name), int | float):
            yield said, f"{number(float(timings[name]))} s"


def _chosen(record: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, said in names.items():
        if record.get(name) not in (None, ""):
            yield said, _shown(record[name])


def _plain(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from ((str(name), _shown(value)) for name, value in record.items())


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
