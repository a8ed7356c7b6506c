"""The compressing autoencoder: torch's own layers and derivatives, and planted planes, flat and curved."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from residyn.numerics import autoencoder


def test_widths_shrink_by_one_factor():
    assert autoencoder.widths_of(4096) == (4096, 609, 91, 13, 2)
    assert autoencoder.widths_of(576) == (576, 140, 34, 8, 2)
    assert autoencoder.widths_of(3) == (3, 3, 2, 2, 2)
    assert autoencoder.widths_of(1) == (1, 2, 2, 2, 2)


def test_values_and_derivatives_are_those_of_torch():
    rng = np.random.default_rng(0)
    widths = (12, 8, 6, 4, 2)
    parameters = [one.astype(np.float64) for one in autoencoder.started(widths, rng)]
    parameters = [one + 0.3 * rng.standard_normal(one.shape) for one in parameters]
    points = rng.standard_normal((30, 12))
    modules, leaves = [], [torch.tensor(one, requires_grad=True) for one in parameters]
    sizes = [(12, 8), (8, 6), (6, 4), (4, 2), (2, 4), (4, 6), (6, 8), (8, 12)]
    value = torch.tensor(points)
    for place, (_, outputs) in enumerate(sizes):
        weight, bias, gain, shift = leaves[4 * place : 4 * place + 4]
        value = value @ weight + bias
        if place not in (3, 7):
            value = torch.relu(torch.nn.functional.layer_norm(value, (outputs,), gain, shift))
        modules.append(value)
    loss = torch.nn.functional.mse_loss(value, torch.tensor(points))
    loss.backward()
    found, slopes = autoencoder.loss_and_slopes(parameters, widths, points)
    assert found == pytest.approx(loss.item(), rel=1e-12)
    for slope, leaf in zip(slopes, leaves, strict=True):
        expected = np.zeros(slope.shape) if leaf.grad is None else leaf.grad.numpy()
        np.testing.assert_allclose(slope, expected, rtol=1e-8, atol=1e-12)
    network = autoencoder.Autoencoder(widths, parameters, 0, 0.0)
    np.testing.assert_allclose(network.codes(points), modules[3].detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(network.rebuilt(points), value.detach().numpy(), rtol=1e-10)


def test_steps_are_those_of_adam():
    rng = np.random.default_rng(1)
    train, valid = rng.standard_normal((2, 20, 6)).astype(np.float32)
    widths = autoencoder.widths_of(6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autoencoder, "EPOCHS", 3)
        patch.setattr(autoencoder, "BATCH", 20)
        found = autoencoder.fit(train, valid, seed=5)
    begun = np.random.default_rng(5)
    leaves = [torch.tensor(one, requires_grad=True) for one in autoencoder.started(widths, begun)]
    adam = torch.optim.Adam(leaves, lr=1e-3)
    for _ in range(3):
        batch = train[begun.permutation(20)]
        _, slopes = autoencoder.loss_and_slopes([one.detach().numpy() for one in leaves], widths, batch)
        for leaf, slope in zip(leaves, slopes, strict=True):
            leaf.grad = torch.tensor(slope)
        adam.step()
    assert found.epochs == 3
    for value, leaf in zip(found.parameters, leaves, strict=True):
        np.testing.assert_allclose(value, leaf.detach().numpy(), rtol=1e-4, atol=1e-6)


def explained(points: np.ndarray, rebuilt: np.ndarray) -> float:
    return float(1 - ((points - rebuilt) ** 2).sum() / ((points - points.mean(axis=0)) ** 2).sum())


def test_a_bent_plane_is_unrolled_where_two_components_cannot():
    rng = np.random.default_rng(2)
    angle = rng.uniform(-2.5, 2.5, 3000)
    curve = np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)], axis=1)
    points = (curve @ rng.standard_normal((4, 64))).astype(np.float32)
    train, valid, test = points[:2000], points[2000:2500], points[2500:]
    found = autoencoder.fit(train, valid, seed=0)
    axes = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)[2][:2]
    flat = train.mean(axis=0) + (test - train.mean(axis=0)) @ axes.T @ axes
    assert explained(test, found.rebuilt(test)) > 0.95
    assert explained(test, flat) < 0.8
    assert found.codes(test).shape == (500, 2)
    again = autoencoder.fit(train, valid, seed=0)
    np.testing.assert_array_equal(again.rebuilt(test), found.rebuilt(test))


def test_it_ends_when_nothing_is_gained(monkeypatch):
    monkeypatch.setattr(autoencoder, "BATCH", 8)
    monkeypatch.setattr(autoencoder, "RATE", 1e-2)
    rng = np.random.default_rng(3)
    train, valid = rng.standard_normal((60, 8)), rng.standard_normal((100, 8))
    counted = []
    found = autoencoder.fit(train, valid, progress=lambda done, total: counted.append((done, total)))
    last = min(found.epochs + autoencoder.PATIENCE, autoencoder.EPOCHS)
    assert counted[-2:] == [(last, autoencoder.EPOCHS), (autoencoder.EPOCHS, autoencoder.EPOCHS)]
    assert found.epochs < last < autoencoder.EPOCHS
    assert found.loss == pytest.approx(np.mean((found.rebuilt(valid.astype(np.float32)) - valid) ** 2), rel=1e-5)
