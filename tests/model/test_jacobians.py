"""Jacobians beside finite differences of whole passes with plain hooks, and beside small teleports."""

from __future__ import annotations

import copy
import signal

import numpy as np
import pytest
import torch

import residyn as rd
from families import FAMILIES, HYBRIDS, UNITS
from naive import relative_error
from naive_teleport import TEXT, hook_count, loaded, naive_path, places
from residyn.errors import Interrupted, ModelError, UsageError
from residyn.model.check import find_sites
from residyn.model.jacobians import experiment, jacobians, proof
from residyn.model.jacobians.chain import Chain
from residyn.model.jacobians.linear import Matrix
from residyn.model.jacobians.maps import local_maps
from residyn.model.jacobians.step import TokenStep, token_step
from residyn.model.layout import Layout
from residyn.model.sites import map_sites

QUICK = ("llama", "gpt2", "gpt-neox", "gemma2", "mixtral", "opt-post-norm", "falcon-h1", "mamba")
OTHERS = sorted({*FAMILIES, *HYBRIDS} - {*QUICK})
# A step after their cache is not their plain pass, to a relative 1e-5.
WHOLE = {"bamba", "minimax", "recurrent-gemma"}


def opened(name: str, text: str = TEXT):
    model = loaded(name)
    ids = model.tokenizer(text).input_ids
    sites = find_sites(model)
    return model, ids, sites, token_step(model.module, sites, ids)


def assert_like_differences(name: str) -> None:
    """Each map, as a matrix and as a product, against central differences at the best of several steps."""
    model, ids, sites, step = opened(name)
    before = hook_count(model)
    maps = local_maps(step, 2**20)
    assert (step.prefix is None) == (name in WHOLE)
    labels = [place.label for place in sites.sublayers]
    rng = np.random.default_rng(4)
    for asked in places(name):
        place = labels.index(asked)
        if place + 1 == len(labels):
            place -= 2
        label, way = labels[place], rng.standard_normal(UNITS)
        way /= np.linalg.norm(way)
        state = step.states[place].numpy()
        matrix = maps[place].matrix()
        wanted = matrix @ way
        errors = []
        for length in np.linalg.norm(state) * 10.0 ** -np.arange(1, 4, 0.5):
            ends = [naive_path(model, ids, label, state + sign * length * way)[0][place + 1] for sign in (1, -1)]
            found = (ends[0].astype(float) - ends[1]) / (2 * length) - way
            errors.append(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))
        assert min(errors) <= 1e-3, label
        assert relative_error(maps[place].forward(way[None])[0], wanted) <= 1e-4
        # A map is what is left of one near the identity, whose numbers are rounded.
        rounding = 2.0**-23 / np.linalg.norm(matrix.T @ way)
        assert relative_error(maps[place].backward(way[None])[0], matrix.T @ way) <= max(1e-5, rounding)
    assert hook_count(model) == before


@pytest.mark.parametrize("name", QUICK)
def test_maps_are_what_finite_differences_of_whole_passes_say(name):
    assert_like_differences(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_maps_of_every_other_family_are_too(name):
    assert_like_differences(name)


@pytest.mark.parametrize("name", ["llama", "gpt-neox"])
def test_the_product_of_the_maps_is_a_small_teleport(name):
    model, _, _, step = opened(name)
    maps = local_maps(step, 2**20)
    way = np.random.default_rng(5).standard_normal(UNITS)
    length, steps = 3e-3 * float(step.states[0].norm()) / np.linalg.norm(way), 2
    moves = np.stack([length * way, -length * way]).astype(np.float32)
    jumps = rd.teleport(model, TEXT, moves, 0, residual="keep", steps=steps)
    ends = jumps.states[0, 0, :, steps].values.astype(float)
    product = np.eye(UNITS)
    for one in maps[:steps]:
        product = product + one.matrix() @ product
    assert relative_error(product @ way, (ends[0] - ends[1]) / (2 * length)) <= 1e-3
    assert relative_error(way, (ends[0] - ends[1]) / (2 * length)) > 1e-2


@pytest.mark.parametrize("name", ["gpt2", "mixtral"])
def test_a_step_beside_a_prefix_has_the_maps_of_the_whole_text(name):
    _, _, sites, step = opened(name)
    assert step.prefix is not None
    whole = TokenStep(step.root, sites, step.ids, step.states)
    for beside, full in zip(local_maps(step, 2**20), local_maps(whole, 2**20), strict=True):
        assert relative_error(beside.matrix(), full.matrix()) <= 1e-5


def test_operators_without_batches_are_differentiated_row_by_row(monkeypatch):
    _, _, _, step = opened("llama")
    wanted = local_maps(step, 2**20)[1].matrix()
    plain = torch.autograd.grad

    def one_by_one(*args, is_grads_batched=False, **kwargs):
        if is_grads_batched:
            raise RuntimeError("no batching rule")
        return plain(*args, **kwargs)

    monkeypatch.setattr(torch.autograd, "grad", one_by_one)
    assert relative_error(local_maps(step, 2**20)[1].matrix(), wanted) <= 1e-6


def test_a_proof_that_does_not_come_near_enough_is_refused(monkeypatch):
    model, _, _, _ = opened("llama")
    monkeypatch.setattr(proof, "LIMIT", 1e-6)
    with pytest.raises(ModelError, match="cannot be trusted: wanted finite"):
        jacobians(model, TEXT)


def test_proof_tells_a_map_that_is_one_percent_off():
    _, _, sites, step = opened("gpt2")
    tried = proof.Proof(step, "gpt2", 0)
    for index, one in enumerate(local_maps(step, 2**20)):
        tried.add(index, Matrix((1.01 if index == 3 else 1.0) * one.matrix()))
    with pytest.raises(ModelError, match=f"at {sites.sublayers[3].label} cannot be trusted"):
        tried.error()


def test_a_state_that_does_not_reach_the_skip_path_is_refused():
    """At the norm's output a written state changes what the MLP reads and not what it is added to."""
    model = loaded("llama")
    sites = map_sites(model.module, Layout("layers", attn="self_attn", mlp="mlp", mid="mlp"), "llama")
    ids = model.tokenizer(TEXT).input_ids
    step = token_step(model.module, sites, ids)
    with pytest.raises(ModelError, match="does not reach all of it"):
        proof.Proof(step, "llama", 0)


def test_exponents_are_growth_through_the_maps_less_growth_of_the_state():
    model, _, _, step = opened("llama")
    found = jacobians(model, TEXT, span=6)
    product = np.eye(UNITS)
    for one in local_maps(step, 2**20):
        product = product + one.matrix() @ product
    # The stretches of all probes are the volume that they span: of as many probes as units, ln |det|.
    assert found.sizes["probe"] == 8
    assert float(found.stretch[0, :, 0].sum()) <= np.log(np.linalg.norm(product, 2)) + 1e-5
    assert found.exponent[0, 0].values == pytest.approx(found.stretch[0].mean("sublayer").values, abs=1e-6)
    assert np.isnan(found.exponent[0, 1:]).all()
    grown = float(found.log_norm_growth.mean())
    assert (found.exponent - found.excess_exponent)[0, 0].values == pytest.approx(grown, abs=1e-6)
    states = rd.capture(model, [TEXT])[0].values
    norms = np.linalg.norm(states, axis=1)
    assert found.log_norm_growth[0, :-1].values == pytest.approx(np.diff(np.log(norms)), abs=1e-4)
    rank = np.square(np.linalg.svd(product)[1])
    shares = rank / rank.sum()
    assert float(found.layer_product_rank[0, -1]) == pytest.approx(
        np.exp(-(shares * np.log(shares)).sum()), rel=1e-4
    )


def test_layers_are_the_products_of_their_sublayers():
    model, _, _, step = opened("llama")
    found = jacobians(model, TEXT)
    attn, mlp = (one.matrix() for one in local_maps(step, 2**20)[2:4])
    whole = (np.eye(UNITS) + mlp) @ (np.eye(UNITS) + attn) - np.eye(UNITS)
    assert float(found.layer_frobenius[0, 1]) == pytest.approx(np.linalg.norm(whole), rel=1e-5)
    assert float(found.frobenius[0, 3]) == pytest.approx(np.linalg.norm(mlp), rel=1e-5)
    assert [*found.layer.values] == [0, 1, 2]
    parallel = jacobians(loaded("gpt-neox"), TEXT)
    np.testing.assert_allclose(parallel.frobenius, parallel.layer_frobenius, rtol=1e-6)


def test_products_alone_say_what_the_matrices_say():
    model = loaded("llama", hidden_size=128, intermediate_size=96)
    exact, free = (jacobians(model, TEXT, exact_width=width) for width in (128, 127))
    assert (exact.attrs["exact"], free.attrs["exact"]) == (1, 0)
    for name in ("", "layer_"):
        np.testing.assert_allclose(free[f"{name}spectral_norm"], exact[f"{name}spectral_norm"], rtol=1e-3)
        np.testing.assert_allclose(free[f"{name}frobenius"], exact[f"{name}frobenius"], rtol=0.1)
        np.testing.assert_allclose(free[f"{name}skew_share"], exact[f"{name}skew_share"], atol=0.1)
        moduli = [np.hypot(d[f"{name}eigenvalue_real"], d[f"{name}eigenvalue_imag"]) for d in (free, exact)]
        np.testing.assert_allclose(moduli[0][..., :8], moduli[1][..., :8], rtol=1e-2)
        assert np.isnan(free[f"{name}henrici"]).all()
    np.testing.assert_allclose(free.stretch, exact.stretch, atol=1e-3)
    np.testing.assert_allclose(free.layer_coupling, exact.layer_coupling, atol=0.02)


@pytest.mark.parametrize("units", [16, 32])
def test_products_alone_of_no_more_units_than_values_that_are_kept(units: int) -> None:
    model = loaded("llama", hidden_size=units, intermediate_size=96, num_attention_heads=2, num_key_value_heads=1)
    exact, free = (jacobians(model, TEXT, exact_width=width) for width in (units, 1))
    assert (exact.attrs["exact"], free.attrs["exact"]) == (1, 0)
    for name in ("spectral_norm", "frobenius", "complex_share", "rotation", "layer_rotation"):
        np.testing.assert_allclose(free[name], exact[name], rtol=1e-4)
    sizes = [np.hypot(found.eigenvalue_real, found.eigenvalue_imag)[..., :units] for found in (free, exact)]
    # Matrices and their eigenvalues are in float32, which the smallest of them show.
    np.testing.assert_allclose(sizes[0], sizes[1], rtol=1e-3, atol=1e-3 * float(sizes[1].max()))


def test_texts_that_are_there_are_not_done_again_and_others_are(tmp_path, monkeypatch):
    model = loaded("llama")
    whole = jacobians(model, [TEXT, "Another one."])
    jacobians(model, [TEXT], out=tmp_path)
    done = []
    plain = experiment.measured
    monkeypatch.setattr(experiment, "measured", lambda *a, **k: done.append(1) or plain(*a, **k))
    both = jacobians(model, [TEXT, "Another one."], out=tmp_path)
    assert len(done) == 1
    assert both.drop_attrs().identical(whole.drop_attrs())
    first = min(tmp_path.glob("sample-*.npz"))
    first.write_bytes(first.read_bytes()[:-100])
    assert jacobians(model, [TEXT, "Another one."], out=tmp_path).equals(whole)
    assert len(done) == 2
    jacobians(model, [TEXT, "Another one."], out=tmp_path, seed=1)
    assert len(done) == 4


def test_files_are_the_same_bytes_in_one_go_and_text_by_text(tmp_path):
    model = loaded("llama")
    texts = [TEXT, "Another one.", "And a third."]
    for n in (1, 2, 3):
        grown = jacobians(model, texts[:n], out=tmp_path / "grown")
    whole = jacobians(model, texts, out=tmp_path / "whole")
    files = [
        {one.name: one.read_bytes() for one in (tmp_path / name).glob("*.npz")} for name in ("grown", "whole")
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 3
    assert 0 < grown.attrs["proof_error"] == whole.attrs["proof_error"]
    twice = jacobians(model, [TEXT, TEXT], out=tmp_path / "twice")
    (once,) = (tmp_path / "twice").glob("*.npz")
    assert once.read_bytes() == files[0][once.name]
    np.testing.assert_array_equal(twice.frobenius[1], twice.frobenius[0])
    # What was proved of another text is not taken over by one that becomes the first.
    other = jacobians(model, texts[::-1], out=tmp_path / "whole")
    assert 0 < other.attrs["proof_error"] != whole.attrs["proof_error"]


def test_ctrl_c_is_heeded_between_texts(tmp_path, monkeypatch):
    model = loaded("llama")
    plain = experiment.measured

    def interrupted(*args, **kwargs):
        signal.raise_signal(signal.SIGINT)
        return plain(*args, **kwargs)

    monkeypatch.setattr(experiment, "measured", interrupted)
    with pytest.raises(Interrupted, match="1 of 2 texts"):
        jacobians(model, [TEXT, "Another one."], out=tmp_path)
    monkeypatch.setattr(experiment, "measured", plain)
    again = jacobians(model, [TEXT, "Another one."], out=tmp_path)
    assert again.equals(jacobians(model, [TEXT, "Another one."]))


def test_narrow_weights_are_widened():
    model = loaded("llama")
    narrow = rd.load_model(copy.deepcopy(model.module).to(torch.bfloat16), model.tokenizer)
    found = jacobians(narrow, TEXT)
    assert (found.attrs["capture_dtype"], found.attrs["computed_in"]) == ("bfloat16", "float32")
    assert found.attrs["proof_error"] <= 1e-3
    assert narrow.module.dtype == torch.bfloat16
    np.testing.assert_allclose(found.frobenius, jacobians(model, TEXT).frobenius, rtol=0.1)


@pytest.mark.parametrize("wrong", [{"exact_width": 0}, {"span": 0}, {"seed": -1}, {"labels": [1, 2]}])
def test_arguments_are_checked(wrong):
    with pytest.raises(UsageError):
        jacobians(loaded("llama"), TEXT, **wrong)


def test_what_a_chain_noted_is_in_one_order():
    """Two threads note; the file of a text is the same bytes whichever is first."""
    chain = Chain(6, True, [0])
    chain.carry_random(1.0, ends=True)
    chain.carry(Matrix(0.1 * np.eye(6)), ends=True)
    assert list(chain.arrays()) == sorted(chain.arrays())
    assert len(chain.arrays()) == 4


def test_a_proof_beside_others_is_the_largest_error():
    errors = proof.proof_errors(np.array([[[[1.0, 0.0], [1.1, 0.0]]]]), np.array([[[1.0, 0.0]]]))
    assert errors == pytest.approx([0.0])
