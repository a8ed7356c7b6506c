"""States of other tools: the right tensor, the right token, the right label."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import residyn as rd
from residyn.errors import DataError

TEXTS = ["abc def", "ghi", "jkl mno pqr"]


@pytest.fixture(scope="module")
def model(model_folder):
    return rd.load_model(str(model_folder), dtype="float32")


def passed(model, texts, side="right"):
    """What a user has in hand: padded hidden states and their mask."""
    rows = [model.tokenizer(text)["input_ids"] for text in texts]
    width = max(map(len, rows))
    pads = [[0] * (width - len(row)) for row in rows]
    ids = [row + pad if side == "right" else pad + row for row, pad in zip(rows, pads, strict=True)]
    marks = [
        [1] * len(row) + pad if side == "right" else pad + [1] * len(row)
        for row, pad in zip(rows, pads, strict=True)
    ]
    mask = torch.tensor(marks)
    with torch.no_grad():
        made = model.module(input_ids=torch.tensor(ids), attention_mask=mask, output_hidden_states=True)
    return made.hidden_states, mask


def test_hidden_states_are_those_that_a_capture_reads_before_attention(model):
    hidden, mask = passed(model, TEXTS)
    states = rd.from_hidden_states(hidden, attention_mask=mask, text_id=[0, 1, 2])
    own = rd.capture(model, TEXTS).sortby("sample")
    own = own.isel(sublayer=own["site"].values == "attn")
    assert states.sizes["sublayer"] == len(hidden) - 1
    np.testing.assert_allclose(states.values, own.values, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(states["layer"], own["layer"])
    assert set(states["site"].values) == {"block"}
    one, _ = passed(model, TEXTS[:1])
    np.testing.assert_allclose(rd.from_hidden_states(one).values[0], own.values[0], rtol=1e-5, atol=1e-6)


def test_the_last_marked_token_is_taken_whichever_side_is_padded():
    hidden = [np.arange(2 * 4 * 3.0).reshape(2, 4, 3) + 100 * n for n in range(3)]
    left = rd.from_hidden_states(hidden, attention_mask=[[0, 1, 1, 1], [0, 0, 0, 1]])
    np.testing.assert_array_equal(left.isel(sublayer=0), np.stack([hidden[0][0, 3], hidden[0][1, 3]]))
    right = rd.from_hidden_states(hidden, attention_mask=[[1, 0, 0, 0], [1, 1, 1, 0]])
    np.testing.assert_array_equal(right.isel(sublayer=1), np.stack([hidden[1][0, 0], hidden[1][1, 2]]))


def test_a_cache_gives_the_states_of_every_sublayer(model):
    own = rd.capture(model, TEXTS[:1])
    names = {"attn": "pre", "mlp": "mid"}
    cache = {
        f"blocks.{n}.hook_resid_{names[site]}": torch.tensor(values)[None, None].to(torch.bfloat16)
        for n, site, values in zip(own["layer"].values, own["site"].values, own.values[0], strict=True)
    }
    last = own["layer"].values[-1]
    post = torch.full((1, 1, own.sizes["unit"]), 2.0)
    others = {"blocks.0.attn.hook_pattern": torch.ones(1), f"blocks.{last}.hook_resid_post": post}
    states = rd.from_cache(dict(reversed(list((cache | others).items()))))
    assert states["sublayer"].values.tolist() == [*own["sublayer"].values, f"{last}.out"]
    np.testing.assert_allclose(states.values[0, :-1], own.values[0], rtol=2**-7)
    assert (states.values[0, -1] == 2).all()


def test_blocks_without_a_state_in_the_middle_have_one_each():
    cache = {f"blocks.{n}.hook_resid_pre": np.full((2, 3, 4), n, dtype=np.float32) for n in range(12)}
    states = rd.from_cache(cache, document=[5, 5])
    assert states["sublayer"].values.tolist() == [f"{n}.block" for n in range(12)]
    assert states.values[0, :, 0].tolist() == list(range(12))
    assert states["document"].values.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: rd.from_hidden_states(np.zeros((3, 2, 4, 5))), "tuple of tensors"),
        (lambda: rd.from_hidden_states([np.zeros((2, 4, 5))] * 2), "list of 2"),
        (lambda: rd.from_hidden_states(((np.zeros((2, 4, 5)),) * 3,) * 7), r"7 tuples.*hidden_states\[0\]"),
        (lambda: rd.from_hidden_states([np.zeros((2, 5))] * 3), r"\(text, token, unit\)"),
        (lambda: rd.from_hidden_states([np.zeros((2, 4, n)) for n in (5, 6, 7)]), r"hidden_states\[1\]"),
        (lambda: rd.from_hidden_states([np.zeros((2, 4, 5))] * 3, attention_mask=[[1, 1, 0, 0]] * 3), r"\(2, 4\)"),
        (
            lambda: rd.from_hidden_states([np.zeros((2, 4, 5))] * 3, attention_mask=[[1, 1, 1, 1], [0] * 4]),
            "Text 1 has no token",
        ),
        (lambda: rd.from_cache({"blocks.0.hook_mlp_out": np.zeros((2, 4, 5))}), "hook_resid_pre"),
        (lambda: rd.from_cache({}), "an empty one"),
        (
            lambda: rd.from_cache({f"blocks.{n}.hook_resid_pre": np.zeros((2, 4, 5)) for n in (0, 2)}),
            r"blocks\.1\.hook_resid_pre",
        ),
    ],
)
def test_what_is_no_pass_is_refused_in_words(made, said):
    with pytest.raises(DataError, match=said):
        made()


def test_a_npz_file_holds_states_and_what_is_known_of_them(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 4, 5)).astype(np.float32)
    np.savez(
        tmp_path / "a.npz",
        states=values,
        layers=[0, 0, 1, 1],
        sites=["attn", "mlp"] * 2,
        sample=[5, 4, 3, 2, 1, 0],
        document=[0, 0, 1, 1, 2, 2],
        condition=["a", "b"] * 3,
        model="mine",
        session=3,
    )
    states = rd.from_npz(tmp_path / "a.npz")
    assert np.array_equal(states.values, values)
    assert states["sublayer"].values.tolist() == ["0.attn", "0.mlp", "1.attn", "1.mlp"]
    assert states["sample"].values.tolist() == [5, 4, 3, 2, 1, 0]
    assert states["condition"].values.tolist() == ["a", "b"] * 3
    assert (states.attrs["model"], states.attrs["session"]) == ("mine", 3)
    assert rd.from_npz(tmp_path / "a.npz", model="yours").attrs["model"] == "yours"


def test_the_only_array_of_three_dimensions_is_the_states(tmp_path):
    np.savez(tmp_path / "b.npz", recording=np.zeros((3, 4, 5)), unit_name="neuron")
    states = rd.from_npz(tmp_path / "b.npz", depth_name="area")
    assert states.sizes["sublayer"] == 4
    assert (states.attrs["unit_name"], states.attrs["depth_name"]) == ("neuron", "area")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"states": np.array([[[None]]], dtype=object)}, "without objects"),
        ({"a": np.zeros((2, 3, 4)), "b": np.zeros((2, 3, 4))}, "Name it states"),
        ({"states": np.zeros((2, 3, 4)), "odd": np.zeros(7)}, r"odd \(7,\) is none"),
        (b"no archive", "not a .npz file"),
        (None, "not a .npz file"),
    ],
)
def test_another_file_is_told_what_it_lacks(tmp_path, content, told):
    file = tmp_path / "c.npz"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        np.savez(file, **content)
    with pytest.raises(DataError, match=told):
        rd.from_npz(file)
