"""Options of Python's functions come from the records of settings, in signatures, words, stubs and errors."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import residyn as rd
from families import build, spelling_tokenizer
from residyn.errors import UsageError
from residyn.model import signatures as of_model
from residyn.pipeline import signatures as of_pipeline
from residyn.settings import CAPTURE_OPTIONS, STAGES, CaptureSettings, fields_of


def test_every_setting_is_in_the_signature_with_its_default_and_words():
    for function, fields in (
        (rd.capture, [one for one in fields_of(CaptureSettings) if one.name in CAPTURE_OPTIONS]),
        (rd.run, [one for kind in STAGES.values() for one in fields_of(kind) if one.name != "texts"]),
    ):
        parameters = inspect.signature(function).parameters
        assert inspect.Parameter.VAR_KEYWORD not in {one.kind for one in parameters.values()}
        for field in fields:
            assert parameters[field.name].default == field.default
            assert f"{field.name}: {field.description}" in function.__doc__
    assert len(CAPTURE_OPTIONS) == 8


@pytest.mark.parametrize("module", [of_model, of_pipeline])
def test_the_stub_is_what_the_records_say(module):
    file = Path(module.__file__).with_suffix(".pyi")
    assert file.read_text() == module.stub(), f"python -m {module.__name__} > {file} writes it anew"


@pytest.fixture(scope="module")
def model():
    return rd.load_model(build("llama"), spelling_tokenizer())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"batch_size": 4}, "Did you mean 'batch_tokens'"),
        ({"n": 4}, "give it to rd.read_texts"),
        ({"dtype": "float32"}, "give it to rd.load_model"),
        ({"sites": "map.json"}, "layout=rd.Layout"),
        ({"position": "last"}, "position is .*got 'last'"),
        ({"max_tokens": 0}, "max_tokens is .*got 0"),
    ],
)
def test_an_option_that_is_none_or_out_of_range_is_told_before_the_model_is_looked_at(options, told):
    with pytest.raises(UsageError, match=told):
        rd.capture("no/such-model", ["a text"], **options)


def test_a_folder_stands_for_its_model_wherever_one_is_taken(model, tmp_path):
    folder = tmp_path / "model"
    model.module.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)
    texts = ["an abc", "the harbour of abc", "a b c d"]
    by_name = rd.capture(str(folder), texts)
    assert by_name.equals(rd.capture(model, texts))
    assert rd.check_model(folder).passed
    assert rd.untrained(folder).source == "untrained"
    assert rd.permuted(folder).source == "permuted"
    at = by_name.sel(sublayer="1.attn").values
    assert rd.teleport(folder, texts[:1], at, at=[1]).sizes["target"] == len(texts)


def test_what_is_no_model_is_told_how_to_become_one(model):
    with pytest.raises(UsageError, match=r"rd.load_model\(model, tokenizer\)"):
        rd.capture(model.module, ["a text"])
