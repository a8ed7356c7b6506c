"""Silence for the libraries below, and their words in one line where an error must quote them."""

from __future__ import annotations

import functools
import importlib
import logging
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import huggingface_hub.utils.logging as hub_logging
import transformers.utils.logging as transformers_logging
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, load reports or warnings of transformers and the hub; as it was before on leaving.

    One thread at a time: these libraries make a model by turning switches of the whole process (one of them is
    whether weights are tied), and two threads that did so at once would leave them turned.
    """
    with _ONE_AT_A_TIME:
        yield from _quiet()


def _quiet() -> Iterator[None]:
    verbosity = transformers_logging.get_verbosity()
    hub_verbosity = hub_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    hub_bars = not are_progress_bars_disabled()
    # The switches themselves warn where the environment has fixed them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformers_logging.set_verbosity(logging.CRITICAL)
        hub_logging.set_verbosity(logging.CRITICAL)
        transformers_logging.disable_progress_bar()
        disable_progress_bars()
        try:
            yield
        finally:
            transformers_logging.set_verbosity(verbosity)
            hub_logging.set_verbosity(hub_verbosity)
            if bars:
                transformers_logging.enable_progress_bar()
            # transformers' own switch turns the hub's with it, so the hub's is put back last.
            if hub_bars:
                enable_progress_bars()
            else:
                disable_progress_bars()


@contextmanager
def quiet_module(name: str) -> Iterator[None]:
    """No progress bars of a module that draws them with a tqdm of its own, past every switch."""
    try:
        module: Any = importlib.import_module(name)
    except ImportError:
        module = None
    loud = getattr(module, "tqdm", None)
    if loud is None:
        yield
        return
    module.tqdm = functools.partial(loud, disable=True)
    try:
        yield
    finally:
        module.tqdm = loud


def message_of(error: BaseException, most: int = 300) -> str:
    """What an error of another library says: its type and its words in one line, access tokens blotted out."""
    words = " ".join(re.sub(r"\x1b\[[0-9;]*m", "", str(error)).split())
    words = re.sub(r"\bhf_\w+", "hf_…", words)
    if len(words) > most:
        words = f"{words[:most].rstrip()}…"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
