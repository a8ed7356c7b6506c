"""Every public name has an example, and what the example says is what comes."""

from __future__ import annotations

import doctest
import inspect
import re
import shutil
from typing import Any

import matplotlib as mpl
import pytest

import residyn as rd
from public_names import PREAMBLE, public_names

NAMES = public_names()
BARE = {"NULLS", "Quantity"}
"""A table of records, and the type that every quantity is of: their examples are those of what they hold."""


def _examples(name: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(NAMES[name]) or "")


def _uses(name: str, word: str) -> bool:
    return any(re.search(rf"\b{word}\b", example.source) for example in _examples(name))


def _needs(name: str) -> tuple[Any, ...]:
    if _uses(name, "model") or name == "run":
        return (pytest.mark.slow, pytest.mark.assets)
    return (pytest.mark.slow,) if _uses(name, "run") else ()


@pytest.fixture(scope="module")
def model():
    return rd.load_model("smollm2-135m")


@pytest.fixture
def known(request, tmp_path, monkeypatch) -> dict[str, Any]:
    """What an example may use: what examples begin with and, where it is named, a model and a run."""
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    names: dict[str, Any] = {}
    exec(PREAMBLE, names)  # the lines that the reference shows
    name = request.getfixturevalue("name")
    if _uses(name, "model"):
        names["model"] = request.getfixturevalue("model")
    if _uses(name, "run") and name != "run":
        names["run"] = rd.open_run(shutil.copytree(request.getfixturevalue("small"), tmp_path / "run"))
    return names


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=_needs(name), id=name) for name in NAMES if name not in BARE]
)
def test_an_example_says_what_comes(name, known):
    examples = _examples(name)
    assert examples, f"{name} has no example"
    assert not any(example.options.get(doctest.SKIP) for example in examples), f"the example of {name} is not run"
    told: list[str] = []
    test = doctest.DocTest(examples, known, name, None, None, None)
    doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=told.append)
    assert not told, "".join(told)
