"""What cannot be done is said before any long work, in words that help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import xarray as xr

import residyn as rd
from families import UNITS, spelling_tokenizer
from naive_teleport import TEXT, in_full, loaded, quietly, vectors
from residyn.errors import DataError, ModelError, ResourceError, UsageError
from residyn.model.hooks import run
from residyn.model.probes import PROBE_TOKENS
from residyn.model.teleport import teleport


@pytest.fixture
def model(monkeypatch):
    """A model on which no pass of a host may begin."""

    def begun(*_):
        raise AssertionError("a pass has begun")

    monkeypatch.setattr("residyn.model.teleport.experiment.teleport_host", begun)
    return loaded("llama")


def nan_at(target: int) -> np.ndarray:
    to = vectors(3)
    to[target, 5] = np.nan
    return to


@pytest.mark.parametrize(
    ("to", "error", "said"),
    [
        (vectors(3)[:, :-1], DataError, "32 units; got 31"),
        (nan_at(2), DataError, r"1 of 3 targets are not finite as torch.float32, the first of them target 2\."),
        (np.full((3, UNITS), np.inf), DataError, "not finite"),
        (np.full((3, UNITS), 1e300), DataError, "3 of 3 targets are not finite"),
        (vectors(0), DataError, "no targets"),
        (vectors(3)[0], DataError, "One vector is"),
        (np.array([["a"] * UNITS]), DataError, "Targets are numbers"),
        (vectors(3, 2), UsageError, "for each injected were given for 3 of them; there are 1"),
        (vectors(2, 1, 3), UsageError, "for each host were given for 2 of them; there are 1"),
        (xr.DataArray(vectors(3), dims=("point", "unit")), DataError, "dimensions target and unit"),
        (
            xr.DataArray(vectors(1, 3), dims=("injected", "target", "unit"), coords={"injected": ["2.mlp"]}),
            UsageError,
            "labelled for injection at 2.mlp; at= names 1.attn",
        ),
    ],
)
def test_targets_that_are_none(model, to, error, said):
    with pytest.raises(error, match=said):
        teleport(model, TEXT, to, 1)


def test_targets_must_be_finite_in_the_models_own_format(model):
    with pytest.raises(DataError, match=r"3 of 3 targets are not finite as torch\.float16"):
        teleport(replace(model, dtype=torch.float16), TEXT, np.full((3, UNITS), 7e4), 1)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (3, "are 0 to 2; got 3"),
        (-1, "are 0 to 2; got -1"),
        ([0, 3], "are 0 to 2; got 3"),
        ("3.mlp", r"'3.mlp' is no sublayer .* from 0.attn to 2.mlp"),
        ("1.block", "SITE one of attn, mlp"),
        ("mlp", "no sublayer"),
        (1.0, "no sublayer"),
        (True, "no sublayer"),
        ([], "names no layer"),
        ([1, "1.attn"], r"1\.attn came twice"),
    ],
)
def test_places_that_are_none(model, at, said):
    with pytest.raises(UsageError, match=said):
        teleport(model, TEXT, vectors(2), at)


@pytest.mark.parametrize("label", ["1.mlp", "1.attn"])
def test_a_parallel_block_has_no_state_before_its_mlp(model, label):
    with pytest.raises(UsageError, match=r"nothing lies between them\. Inject at '1\.block'"):
        teleport(loaded("gptj"), TEXT, vectors(2), label)


@pytest.mark.parametrize(
    ("texts", "options", "error", "said"),
    [
        ("", {}, DataError, "Host 0 is empty"),
        (["fox", " \n"], {}, DataError, "Host 1 is empty"),
        ([], {}, DataError, "no host text"),
        (["fox", 3], {}, UsageError, "host 1 is a int"),
        ("x" * 65, {}, DataError, "Host 0 has 65 tokens .* reads at most 64"),
        (["fox", "x" * 80], {"position": 64}, DataError, "1 of 2 hosts .* host 0"),
        ("x" * 80, {"position": 70}, DataError, "Host 0 has 71 tokens"),
        (["fox", "ox"], {"position": 2}, DataError, "1 of 2 hosts do not have a token at position 2, .* host 1"),
        ("fox", {"position": -4}, DataError, "position -4"),
        ("fox", {"position": "end"}, UsageError, "'last' or the number of a token; got 'end'"),
        ("fox", {"position": True}, UsageError, "got True"),
    ],
)
def test_hosts_that_are_none(model, texts, options, error, said):
    with pytest.raises(error, match=said):
        teleport(model, texts, vectors(2), 1, **options)


def test_only_the_part_of_a_host_that_matters_has_to_fit():
    model = loaded("llama")
    jumps = teleport(model, "x" * 80, vectors(2), 1, position=63)
    assert int(jumps.n_tokens[0]) == 64


def test_samples_take_no_other_position(model):
    samples = rd.tokenize_texts(rd.read_texts([TEXT], min_chars=0), model.tokenizer)
    with pytest.raises(UsageError, match="Samples end at the token they were made for"):
        teleport(model, samples, vectors(2), 1, position=3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "steps is a whole number, at least 1; got 0"),
        ({"steps": 2.5}, "steps is a whole number"),
        ({"memory": 0}, "memory is a whole number"),
        ({"residual": "both"}, "'drop' or 'keep'; got 'both'"),
    ],
)
def test_options_out_of_range(model, options, said):
    with pytest.raises(UsageError, match=said):
        teleport(model, TEXT, vectors(2), 1, **options)


def test_the_guard_of_this_file_does_see_a_pass(model):
    with pytest.raises(AssertionError, match="a pass has begun"):
        teleport(model, TEXT, vectors(2), 1)


@pytest.mark.parametrize("full", [False, True])
def test_states_that_overflow_are_refused_by_name(full):
    model = loaded("gpt-neox-sequential")
    to = np.concatenate([vectors(2), np.full((1, UNITS), 3e38)])
    with pytest.raises(DataError, match=r"follow target 2 at 1\.mlp are not finite"):
        quietly(in_full(model) if full else model, TEXT, to, "1.mlp")


@pytest.mark.parametrize("full", [False, True])
def test_memory_that_runs_out_is_said(full):
    model = loaded("llama")

    def full_up(_, args):
        if args[0].shape[1] != PROBE_TOKENS:
            raise torch.OutOfMemoryError("no room")

    handle = model.module.layers[1].mlp.register_forward_pre_hook(full_up)
    try:
        with pytest.raises(ResourceError, match="Memory ran out in the teleports of host 0"):
            quietly(in_full(model) if full else model, TEXT, vectors(2), 1)
    finally:
        handle.remove()


def test_another_error_inside_the_model_is_its_own():
    model = loaded("llama")

    def broken(_, args):
        if args[0].shape[1] != PROBE_TOKENS:
            raise RuntimeError("a kernel failed")

    handle = model.module.layers[1].mlp.register_forward_pre_hook(broken)
    try:
        with pytest.raises(ModelError, match=r"forward pass of LlamaModel failed.*a kernel failed"):
            quietly(model, TEXT, vectors(2), 1)
    finally:
        handle.remove()


def test_a_control_that_is_not_the_plain_pass_is_refused(monkeypatch):
    """Full passes have nothing to fall back to."""
    model = in_full(loaded("llama"))
    true_run = run

    def other(root, ids, **options):
        return true_run(root, (ids + 1) % 90 if len(ids) > 1 else ids, **options)

    monkeypatch.setattr("residyn.model.teleport.whole.hooks.run", other)
    with pytest.raises(ModelError, match="control row = a plain pass"):
        quietly(model, TEXT, vectors(2), 1)


def test_why_a_prefix_was_not_shared_is_warned_of_once():
    model = loaded("gpt-neo")
    with pytest.warns(UserWarning, match="took a full pass.*of which nothing is changed = the control") as said:
        jumps = teleport(model, [TEXT, TEXT + "!"], vectors(2), [0, "1.mlp"])
    assert jumps.attrs["path"] == "full pass"
    assert len([one for one in said if "full pass" in str(one.message)]) <= 2


def test_hosts_of_one_call_may_take_different_paths():
    with pytest.warns(UserWarning, match="took a full pass"):
        jumps = teleport(loaded("gpt-neo"), ["a", TEXT], vectors(2), "0.mlp")
    assert jumps.path.values.tolist() == ["shared prefix", "full pass"]
    assert jumps.attrs["path"] == "full pass and shared prefix"


def test_a_tokenizers_warning_is_passed_on():
    model = replace(loaded("llama"), tokenizer=spelling_tokenizer())
    with pytest.warns(UserWarning, match="hold the string of a special token"):
        teleport(model, "one </s> two", vectors(2), 1)
