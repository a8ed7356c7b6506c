"""Models with something attached: the user's hooks, adapters, weights that accelerate keeps elsewhere."""

from __future__ import annotations

import pytest
import torch
from accelerate import cpu_offload, disk_offload
from torch import nn

import residyn as rd
from families import build, spelling_tokenizer
from naive import relative_error
from residyn.errors import DataError, ModelError, StoreError
from residyn.model.capture_plan import prepare
from residyn.model.check import check_model, find_sites
from residyn.model.loading import load_model

TEXTS = [f"{'abc defg ' * (1 + i % 3)}number {i}" for i in range(9)]


class Adapter(nn.Module):
    """A linear layer with two adapters, of which one is active."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.one, self.two = (nn.Linear(base.in_features, base.out_features, bias=False) for _ in range(2))
        self._active_adapter = ["one"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + getattr(self, self._active_adapter[0])(x)


def read(model):
    return load_model(model, spelling_tokenizer())


def test_another_adapter_on_the_same_parameters_is_another_model(tmp_path):
    model = build("llama")
    torch.manual_seed(0)
    model.layers[1].mlp.down_proj = Adapter(model.layers[1].mlp.down_proj).eval()
    rd.capture(read(model), TEXTS, tmp_path / "run")
    rd.capture(read(model), TEXTS, tmp_path / "run")
    model.layers[1].mlp.down_proj._active_adapter = ["two"]
    with pytest.raises(StoreError, match=r"model\.files\.modules"):
        rd.capture(read(model), TEXTS, tmp_path / "run")


def _set(part, name, value):
    setattr(part, name, value)


CHANGES = {
    "config": lambda model: _set(model.config, "rms_norm_eps", 1e-2),
    "buffers": lambda model: model.rotary_emb.inv_freq.mul_(0.5),
    "modules": lambda model: _set(model.layers[0].input_layernorm, "variance_epsilon", 1e-2),
    "hooks": lambda model: model.layers[0].register_forward_hook(lambda _m, _a, out: out),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_the_computation_is_named(name, tmp_path):
    model = build("llama")
    rd.capture(read(model), TEXTS, tmp_path / "run")
    CHANGES[name](model)
    with pytest.raises(StoreError, match=rf"model\.files\.{name}"):
        rd.capture(read(model), TEXTS, tmp_path / "run")


def test_a_change_that_no_hash_knows_is_found_by_the_states(tmp_path, monkeypatch):
    model = build("llama")
    rd.capture(read(model), TEXTS, tmp_path / "run")
    plain = torch.nn.functional.silu
    monkeypatch.setattr(torch.nn.functional, "silu", lambda x, **_: 0.5 * plain(x))
    with pytest.raises(StoreError, match=r"states of another model.*sample \d+ differs"):
        rd.capture(read(model), TEXTS, tmp_path / "run")


def test_a_pass_in_between_changes_nothing(tmp_path):
    model = build("gemma2")
    before = read(model).fingerprint()
    rd.capture(read(model), TEXTS, tmp_path / "run")
    with torch.no_grad():
        model(torch.tensor([[5, 6, 7]]), output_hidden_states=True)
    assert read(model).fingerprint() == before
    rd.capture(read(model), TEXTS, tmp_path / "run")


def test_a_steered_model_is_read_as_it_is_steered():
    model, vector = build("llama"), torch.linspace(-1, 1, 32)
    model.layers[1].register_forward_hook(lambda _m, _a, out: out + vector)
    loaded = read(model)
    assert any("hooks of your own are on layers.1" in warning for warning in loaded.warnings)
    assert check_model(loaded).passed
    states = rd.capture(loaded, TEXTS).sortby("sample")
    plain = rd.capture(read(build("llama")), TEXTS).sortby("sample")
    moved = (states - plain).sel(sublayer="2.attn").values
    assert abs(moved - vector.numpy()).max() < 1e-4
    assert abs((states - plain).sel(sublayer=["0.attn", "0.mlp", "1.attn", "1.mlp"]).values).max() == 0


def test_a_hook_that_would_hide_the_stream_is_named():
    model = build("llama")
    model.layers[1].post_attention_layernorm.register_forward_pre_hook(lambda _m, args: (args[0] + 1.0,))
    with pytest.raises(ModelError, match=r"hooks of your own are on layers\.1\.post_attention_layernorm"):
        find_sites(read(model))
    assert len(model.layers[1].post_attention_layernorm._forward_pre_hooks) == 1


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_offloaded_weights_are_read_where_they_are_kept(where, tmp_path):
    model = build("llama")
    whole = read(build("llama"))
    expected_states = rd.capture(whole, TEXTS).values
    if where == "memory":
        cpu_offload(model, torch.device("cpu"))
    else:
        disk_offload(model, tmp_path / "kept", torch.device("cpu"))
    loaded = read(model)
    assert any("offloaded" in warning for warning in loaded.warnings)
    assert loaded.files["parameters"] == whole.files["parameters"]
    assert relative_error(rd.capture(loaded, TEXTS).values, expected_states) <= 1e-6
    assert check_model(loaded).passed


def test_weights_that_are_nowhere_are_named():
    model = build("llama")
    model.layers[1].mlp.to("meta")
    with pytest.raises(ModelError, match=r"layers\.1\.mlp.*on the meta device"):
        read(model)


def test_a_token_without_an_embedding_is_named(tmp_path):
    tokenizer = spelling_tokenizer()
    tokenizer.add_tokens(["harbour"])
    model = load_model(build("llama"), tokenizer)
    with pytest.raises(DataError, match=r"'harbour' with the id \d+.*resize_token_embeddings"):
        prepare(model, ["an abc", "the harbour of abc"])


def test_what_a_model_raises_is_told_as_the_models():
    def fail(*_):
        raise KeyError("a table of its own")

    model = build("llama")
    model.layers[1].register_forward_hook(fail)
    with pytest.raises(ModelError, match=r"not residyn's \(KeyError: 'a table of its own'\)"):
        rd.capture(read(model), TEXTS)


class Panic(BaseException):
    """What pyo3 raises where Rust panics."""


Panic.__name__ = "PanicException"


@pytest.mark.parametrize("kind", [Panic, IndexError, TypeError])
def test_what_a_tokenizer_raises_is_told_as_the_tokenizers(kind):
    tokenizer = spelling_tokenizer()

    class Broken(type(tokenizer)):
        def __call__(self, *_, **__):
            raise kind("index out of bounds")

    tokenizer.__class__ = Broken
    with pytest.raises(ModelError, match=r"The tokenizer .* failed on .* texts.*index out of bounds"):
        prepare(load_model(build("llama"), tokenizer), TEXTS)
