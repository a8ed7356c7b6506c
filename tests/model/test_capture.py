from __future__ import annotations

import os
import signal
import warnings

import numpy as np
import pytest
import torch
import xarray as xr

import residyn as rd
from families import LAYERS, UNITS, build, spelling_tokenizer
from naive import naive_state, relative_error
from residyn.errors import DataError, Interrupted, ModelError, ResourceError, StoreError, UsageError
from residyn.model import capture as capturing
from residyn.model.forward import Asked, Reader
from residyn.model.loading import load_model
from residyn.store import read_manifest

TEXTS = [f"{'abc defg hij ' * (1 + i % 4)}number {i}" for i in range(45)]


def loaded(family: str = "llama"):
    return load_model(build(family), spelling_tokenizer())


def naive_states(model, texts: list[str]) -> np.ndarray:
    return np.stack([naive_state(model, text) for text in texts])


def shard_files(run) -> dict[str, bytes]:
    files = [*sorted((run / "states.zarr" / "states").iterdir()), *sorted((run / "commits").iterdir())]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def test_states_are_those_of_one_text_at_a_time(tmp_path):
    model = loaded()
    states = rd.capture(model, TEXTS, tmp_path / "run")
    assert states.dims == ("sample", "sublayer", "unit")
    assert states.dtype == np.float32
    assert list(states.sublayer.values) == [f"{i}.{site}" for i in range(LAYERS) for site in ("attn", "mlp")]
    in_text_order = states.sortby("sample")
    assert relative_error(in_text_order.values, naive_states(model, TEXTS)) <= 1e-5
    third = states.sel(sample=2)
    assert int(third.n_tokens) == len(TEXTS[2])
    assert relative_error(third.values, naive_states(model, TEXTS[2:3])[0]) <= 1e-5


@pytest.mark.parametrize("family", ["gptj", "opt-post-norm", "gemma2", "mixtral"])
def test_every_arrangement_is_captured_as_its_identity_says(family, tmp_path):
    model = loaded(family)
    states = rd.capture(model, TEXTS[:7]).sortby("sample")
    per_layer = 1 if family == "gptj" else 2
    assert states.shape == (7, LAYERS * per_layer, UNITS)
    reference = []
    for text in TEXTS[:7]:
        ids = torch.tensor([model.tokenizer(text).input_ids])
        with torch.no_grad():
            hidden = model.module(input_ids=ids, output_hidden_states=True).hidden_states
        reference.append(torch.stack([h[0, -1] for h in hidden[:LAYERS]]).numpy())
    entering = states.isel(sublayer=states.site.isin(["attn", "block"]).values)
    assert relative_error(entering.values, np.stack(reference)) <= 1e-5


def test_in_memory_and_stored_states_are_the_same(tmp_path):
    model = loaded()
    in_memory, stored = rd.capture(model, TEXTS), rd.capture(model, TEXTS, tmp_path / "run")
    xr.testing.assert_identical(in_memory.drop_attrs(), stored.load().drop_attrs())
    for name in ("model", "capture_dtype", "distinct_last_tokens", "tie_fraction", "sites", "texts", "position"):
        assert in_memory.attrs[name] == stored.attrs[name]


def test_batches_do_not_change_the_states():
    model = loaded()
    large, single = rd.capture(model, TEXTS, batch_tokens=4096), rd.capture(model, TEXTS, batch_tokens=1)
    assert relative_error(large.values, single.values) <= 1e-6


class _Cut(Exception):
    pass


def test_a_run_that_is_cut_off_goes_on_and_ends_the_same(tmp_path):
    model = loaded()
    rd.capture(model, TEXTS, tmp_path / "whole", batch_tokens=300)
    seen = []

    def cut(done, total):
        seen.append(done / total)
        if seen[-1] > 0.6:
            raise _Cut

    with pytest.raises(_Cut):
        rd.capture(model, TEXTS, tmp_path / "cut", progress=cut, batch_tokens=300)
    assert rd.open_states(tmp_path / "cut", allow_partial=True).sizes["sample"] == 16
    with pytest.raises(StoreError, match="1 of 3 shards"):
        rd.open_states(tmp_path / "cut")
    resumed = []
    rd.capture(model, TEXTS, tmp_path / "cut", progress=lambda done, total: resumed.append(done / total))
    assert resumed[0] > seen[0]
    assert resumed[-1] == 1.0
    # Without being asked for: the run's own batches.
    assert read_manifest(tmp_path / "cut").description["plan"]["batch_tokens"] == 300
    assert shard_files(tmp_path / "cut") == shard_files(tmp_path / "whole")


def test_ctrl_c_finishes_the_shard_and_leaves_the_handlers_as_they_were(tmp_path):
    model = loaded()
    before = signal.getsignal(signal.SIGINT)

    with pytest.raises(Interrupted, match=r"1 of 3 shards .* stored"):
        rd.capture(model, TEXTS, tmp_path / "run", progress=_once(lambda *_: os.kill(os.getpid(), signal.SIGINT)))
    assert signal.getsignal(signal.SIGINT) is before
    assert rd.open_states(tmp_path / "run", allow_partial=True).sizes["sample"] == 16
    assert rd.capture(model, TEXTS, tmp_path / "run").sizes["sample"] == len(TEXTS)


def test_a_second_ctrl_c_ends_at_once_and_costs_what_is_not_stored(tmp_path):
    model = loaded()
    before = signal.getsignal(signal.SIGINT)
    rd.capture(model, TEXTS, tmp_path / "whole")

    def twice(*_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        rd.capture(model, TEXTS, tmp_path / "run", progress=_once(twice))
    assert caught.type is KeyboardInterrupt  # and not Interrupted, which waits for the shard
    assert signal.getsignal(signal.SIGINT) is before
    rd.capture(model, TEXTS, tmp_path / "run")
    assert shard_files(tmp_path / "run") == shard_files(tmp_path / "whole")


def _once(function):
    called = []

    def wrapper(*args):
        if not called:
            called.append(True)
            function(*args)

    return wrapper


def test_a_batch_that_does_not_fit_is_halved_and_said(tmp_path, monkeypatch):
    model = loaded()
    whole = rd.capture(model, TEXTS)
    real = Reader.states

    def with_little_memory(self, texts):
        if len(texts) > 2:
            run_half_way(self)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, texts)

    def run_half_way(reader):
        """The pass fails in a layer's middle, as it does where memory runs out."""
        layer = model.module.layers[1].mlp
        handle = layer.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            real(reader, [Asked(np.arange(5, 9), np.array([3]))])
        handle.remove()

    monkeypatch.setattr(Reader, "states", with_little_memory)
    with pytest.warns(UserWarning, match="halved: the run is not bit-reproducible"):
        states = rd.capture(model, TEXTS, tmp_path / "run")
    assert relative_error(states.values, whole.values) <= 1e-6


def test_a_single_text_that_does_not_fit_is_a_resource_error(tmp_path, monkeypatch):
    def without_memory(*args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = loaded()
    monkeypatch.setattr(Reader, "states", without_memory)
    with pytest.raises(ResourceError, match=r"One text of \d+ tokens does not fit.*--max-tokens"):
        rd.capture(model, TEXTS, tmp_path / "run")


def test_another_error_inside_the_pass_is_not_taken_for_lack_of_memory(monkeypatch):
    model = loaded()
    handle = model.module.layers[1].register_forward_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("other")))
    with pytest.raises(ModelError, match=r"forward pass of LlamaModel failed.*RuntimeError: other"):
        rd.capture(model, TEXTS[:3])
    handle.remove()


@pytest.mark.parametrize("stored", [True, False])
def test_states_that_are_not_finite_are_refused_by_name(tmp_path, stored, monkeypatch):
    model = loaded()
    real = Reader.states

    def with_an_overflow(self, texts):
        states = real(self, texts).clone()
        states[3:, -1, 7] = np.inf
        return states

    monkeypatch.setattr(Reader, "states", with_an_overflow)
    with pytest.raises(DataError, match=r"(?s)ample \d+.*1\.mlp"):
        rd.capture(model, TEXTS, tmp_path / "run" if stored else None)
    if stored:
        with pytest.raises(StoreError, match="no committed shard"):
            rd.open_states(tmp_path / "run", allow_partial=True)


def test_another_run_in_the_directory_is_refused_with_what_differs(tmp_path):
    rd.capture(loaded(), TEXTS, tmp_path / "run")
    before = shard_files(tmp_path / "run")
    with pytest.raises(StoreError, match=r"samples\.n"):
        rd.capture(loaded(), TEXTS[:20], tmp_path / "run")
    with pytest.raises(StoreError, match=r"plan\.batch_tokens: .*2048.*512"):
        rd.capture(loaded(), TEXTS, tmp_path / "run", batch_tokens=512)
    with pytest.raises(StoreError, match=r"model\.files"):
        rd.capture(load_model(build("llama", seed=1), spelling_tokenizer()), TEXTS, tmp_path / "run")
    assert shard_files(tmp_path / "run") == before


def test_a_directory_of_something_else_is_refused_before_anything_runs(tmp_path, monkeypatch):
    (tmp_path / "thesis.tex").write_text("all of it")
    monkeypatch.setattr(capturing, "prepare", lambda *_, **__: pytest.fail("the model was read first"))
    with pytest.raises(StoreError, match=r"thesis\.tex"):
        rd.capture(loaded(), TEXTS, tmp_path)


def test_sizes_below_one_are_refused():
    with pytest.raises(UsageError, match="batch_tokens"):
        rd.capture(loaded(), TEXTS, batch_tokens=0)


def test_the_users_model_is_left_as_it_was():
    module = build("gpt2")
    weights = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    ids = torch.arange(5, 20)[None]
    with torch.no_grad():
        control = module(input_ids=ids).last_hidden_state
    rd.capture(load_model(module, spelling_tokenizer()), TEXTS[:5])
    assert all(torch.equal(weights[name], tensor) for name, tensor in module.state_dict().items())
    with torch.no_grad():
        assert torch.equal(control, module(input_ids=ids).last_hidden_state)


def test_the_same_tokens_give_the_same_layer_zero_state_and_ties_are_counted():
    states = rd.capture(loaded(), ["abca", "xyza", "qqb"]).sortby("sample")
    assert states.attrs["distinct_last_tokens"] == 2
    assert states.attrs["tie_fraction"] == pytest.approx(2 / 3)
    np.testing.assert_array_equal(states.values[0, 0], states.values[1, 0])
    assert not np.allclose(states.values[0, 1], states.values[1, 1])


@pytest.mark.parametrize("stored", [True, False])
def test_samples_that_are_not_finite_can_be_dropped_and_are_counted(tmp_path, stored, monkeypatch):
    model = loaded()
    whole = rd.capture(model, TEXTS)
    bad = int(whole.sample[3])
    length = int(whole.n_tokens[3])
    real = Reader.states

    def with_an_overflow(self, texts):
        states = real(self, texts).clone()
        row = [model.tokenizer(TEXTS[bad]).input_ids == text.ids.tolist() for text in texts]
        states[2:, row, 7] = np.inf
        return states

    monkeypatch.setattr(Reader, "states", with_an_overflow)
    out = tmp_path / "run" if stored else None
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        states = rd.capture(model, TEXTS, out, on_nonfinite="drop")
    assert length == len(TEXTS[bad])
    assert states.sizes["sample"] == len(TEXTS) - 1
    assert states.attrs["dropped"].startswith(f"1 of {len(TEXTS)} samples")
    xr.testing.assert_equal(states.load(), whole.drop_sel(sample=bad))
