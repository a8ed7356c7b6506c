"""Models with something attached: the user's hooks, adapters, weights that accelerate keeps elsewhere."""

from __future__ import annotations

import copy
import types

import pytest
import torch
from accelerate import cpu_offload, disk_offload
from torch import nn

import residyn as rd
from families import build, spelling_tokenizer
from naive import relative_error
from residyn.errors import DataError, ModelError, StoreError, UsageError
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


def _noise(_module, _args, states):
    return states + 0.01 * torch.randn_like(states)


def _noise_on_the_last(_module, _args, states):
    return torch.cat([states[:, :-1], _noise(None, None, states[:, -1:])], dim=1)


@pytest.mark.parametrize("where", ["layers.1", "layers.1.mlp", "embed_tokens"])
def test_a_model_that_draws_at_random_is_named(where):
    model = build("llama")
    model.get_submodule(where).register_forward_hook(_noise)
    with pytest.raises(ModelError, match=rf"computes at random.*Hooks of your own are on {where}\."):
        find_sites(read(model))


def test_noise_on_the_token_that_is_read_is_found():
    """Causality, which looks at all tokens but the last, sees nothing of it."""
    model = build("llama")
    model.layers[1].register_forward_hook(_noise_on_the_last)
    with pytest.raises(ModelError, match="computes at random"):
        find_sites(read(model))
    probes = {probe.name: probe.status for probe in check_model(read(model)).probes}
    assert (probes["repetition"], probes["causality"]) == ("fail", "pass")


def test_hooks_on_every_module_are_the_users_too(tmp_path):
    model = build("llama")
    plain = rd.capture(read(model), TEXTS).values
    hook = torch.nn.modules.module.register_module_forward_hook(lambda _m, _a, _out: None)
    try:
        loaded = read(model)
        assert any("hooks of your own are on every module" in warning for warning in loaded.warnings)
        assert abs(rd.capture(loaded, TEXTS).values - plain).max() == 0
    finally:
        hook.remove()
    block = type(model.layers[0])
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda part, _a, out: out + 1.0 if isinstance(part, block) else None
    )
    try:
        with pytest.raises(ModelError, match="hooks of your own are on every module"):
            find_sites(read(model))
    finally:
        hook.remove()


def test_the_number_format_of_autocast_is_not_taken_for_the_models():
    loaded = read(build("llama"))
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        pytest.raises(UsageError, match=r"autocast is on for cpu.*torch\.bfloat16.*Leave that context"),
    ):
        rd.capture(loaded, TEXTS)


def test_one_module_that_is_two_layers_is_named_and_copies_are_read():
    model = build("llama")
    model.layers[2] = model.layers[1]
    with pytest.raises(ModelError, match=r"layers\.1 and layers\.2 .* same module.*deepcopy\(layers\[1\]\)"):
        find_sites(read(model))
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        looped = model(ids, use_cache=False).last_hidden_state
    model.layers[2] = copy.deepcopy(model.layers[1])
    with torch.no_grad():
        assert torch.equal(model(ids, use_cache=False).last_hidden_state, looped)
    find_sites(read(model))


def test_layers_that_the_config_does_not_count_are_named():
    model = build("llama")
    model.config.num_hidden_layers = 2
    with pytest.raises(ModelError, match=r"3 layers in 'layers', and its config counts 2.*del layers\[2:\]"):
        find_sites(read(model))
    del model.layers[2:]
    assert len(find_sites(read(model)).sites) == 4


class Wrapper(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.inside = model


class Adapted(Wrapper):
    """As PEFT's models are: with a base model, and a configuration of the adapter that is active."""

    def __init__(self, model, *, prompts):
        super().__init__(model)
        self.active_peft_config = types.SimpleNamespace(is_prompt_learning=prompts)

    def get_base_model(self):
        return self.inside


@pytest.mark.parametrize(
    ("wrap", "advice"),
    [
        (Wrapper, r"its \.inside"),
        (nn.DataParallel, r"its \.module"),
        (torch.compile, r"its \._orig_mod"),
        (lambda model: Adapted(model, prompts=False), r"its get_base_model\(\)"),
        (lambda model: Adapted(model, prompts=True), "virtual tokens"),
        (lambda _: {"weights": 1}, "what it wraps"),
    ],
)
def test_what_wraps_a_model_is_told_what_to_give(wrap, advice):
    with pytest.raises(UsageError, match=advice):
        read(wrap(build("llama")))


class Packed(torch.Tensor):
    """A weight as libraries that quantise keep it: parts, of which torch's own functions know nothing."""

    @staticmethod
    def __new__(cls, codes, scale):
        return torch.Tensor._make_wrapper_subclass(cls, codes.shape, dtype=scale.dtype)

    def __init__(self, codes, scale):
        self.codes, self.scale = codes, scale

    def __tensor_flatten__(self):
        return ["codes", "scale"], None

    @classmethod
    def __torch_dispatch__(cls, function, _types, args=(), kwargs=None):
        if function is torch.ops.aten.detach.default:
            return cls(args[0].codes, args[0].scale)
        if function is torch.ops.aten.linear.default:
            return torch.nn.functional.linear(args[0], args[1].codes * args[1].scale)
        raise NotImplementedError(f"no {function} of packed weights")


def test_weights_of_a_library_that_quantises_are_hashed_by_their_parts(tmp_path):
    def packed(scale):
        model = build("llama")
        linear = model.layers[1].mlp.down_proj
        codes = (linear.weight / 0.01).round()
        linear.weight = nn.Parameter(Packed(codes, torch.full((len(codes), 1), scale)), requires_grad=False)
        return read(model)

    loaded = packed(0.01)
    assert loaded.quantization == "Packed"
    rd.capture(loaded, TEXTS, tmp_path / "run")
    rd.capture(packed(0.01), TEXTS, tmp_path / "run")
    with pytest.raises(StoreError, match=r"model\.files\.parameters"):
        rd.capture(packed(0.02), TEXTS, tmp_path / "run")
    with pytest.raises(DataError, match=r"layers\.1\.mlp\.down_proj\.weight holds 32 NaN or infinite values"):
        packed(float("nan"))


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


@pytest.mark.parametrize("layout", ["to_sparse", "to_sparse_csr"])
def test_a_model_with_sparse_weights_is_read_as_the_dense_one(layout):
    """Inference mode, which torch's sparse products refuse, is not used for it."""
    dense = build("llama")
    sparse = copy.deepcopy(dense)
    part = sparse.layers[0].mlp.down_proj
    part.weight = nn.Parameter(getattr(part.weight.detach(), layout)(), requires_grad=False)
    ours, theirs = (rd.capture(read(model), TEXTS) for model in (sparse, dense))
    assert relative_error(ours.values, theirs.values) < 1e-6
    assert check_model(read(sparse)).passed
