"""Rows of a data set on the Hugging Face hub, streamed by the optional package `datasets`.

Code that a data set's repository carries is never run: datasets 4 and later cannot, earlier ones are refused.
"""

from __future__ import annotations

import importlib
import itertools
import os
from collections.abc import Iterator
from typing import Any

from residyn.errors import DataError
from residyn.model.texts.files import string_or_none


def hub_is_offline() -> bool:
    """Whether the user switched the hub off, by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE."""
    switches = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return any(value.upper() in {"1", "ON", "YES", "TRUE"} for value in switches)


def load_datasets() -> Any:
    """The package `datasets`; DataError, saying how to install it, where it is missing or too old."""
    try:
        datasets = importlib.import_module("datasets")
    except ImportError:
        raise DataError(
            "Texts from the hub need the package 'datasets', which is not installed. "
            "Install it with `pip install 'residyn[hub]'`, or give a .txt, .jsonl or .parquet file."
        ) from None
    if int(datasets.__version__.partition(".")[0]) < 4:
        raise DataError(
            f"Texts from the hub need datasets 4 or later, which runs no code out of a data set; "
            f"datasets {datasets.__version__} is installed. Update it with `pip install -U 'residyn[hub]'`."
        )
    return datasets


def open_hub(
    name: str, config: str | None, split: str, field: str, *, offline: bool
) -> tuple[dict[str, Any], Iterator[str | None]]:
    """What is known of a data set's split (with the revision it is held to), and its rows of text.

    Raises DataError where it cannot be opened: unknown, gated, no network, unknown configuration or field.
    """
    if offline or hub_is_offline():
        raise DataError(
            f"The texts 'hf:{name}' lie on the hub, and offline mode forbids going there. "
            "Go online, or save the data set as a .parquet or .jsonl file once and give that file."
        )
    datasets = load_datasets()
    from huggingface_hub import HfApi

    label = ":".join(["hf", name, *([config] if config else []), split])
    try:
        info = HfApi().dataset_info(name)
        streamed = datasets.load_dataset(name, config, split=split, revision=info.sha, streaming=True)
        rows = iter(streamed)
        # Whether the columns are known before reading depends on the format: the first row always tells.
        first = list(itertools.islice(rows, 1))
    except Exception as error:
        raise _hub_error(label, error, 0) from error
    if first and field not in first[0]:
        raise DataError(
            f"{label} has no field {field!r}; it has {', '.join(map(repr, first[0]))}. "
            "Name the one to read as the field."
        )
    licence = getattr(info.card_data, "license", None) if info.card_data else None
    known = {
        "kind": "hub",
        "name": name,
        "config": config,
        "split": split,
        "revision": info.sha,
        "licence": ", ".join(licence) if isinstance(licence, list) else licence,
    }
    return known, _texts(itertools.chain(first, rows), label, field)


def _texts(rows: Iterator[dict[str, Any]], label: str, field: str) -> Iterator[str | None]:
    for number in itertools.count():
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise _hub_error(label, error, number) from error
        yield string_or_none(row.get(field), f"{label}, row {number}", field)


def _hub_error(label: str, error: Exception, rows: int) -> DataError:
    said = " ".join(str(error).split())[:400]
    return DataError(
        f"The texts {label} could not be read (after {rows} rows): {type(error).__name__}: {said}. "
        "Look at the name, the configuration and the split, at the network, and, where access is gated, "
        "at `hf auth login`."
    )
