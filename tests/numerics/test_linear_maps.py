"""Matrices whose spectrum is known, and numpy beside what needs no eigenvalue."""

from __future__ import annotations

import numpy as np
import pytest

from residyn.numerics import linear_maps as of
from residyn.numerics import matrix_free
from residyn.numerics.matrix_free import estimated, largest_eigenvalues


def turning(angle: float, scale: float) -> np.ndarray:
    return scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def block(*parts: np.ndarray) -> np.ndarray:
    width = sum(len(part) for part in parts)
    matrix, at = np.zeros((width, width)), 0
    for part in parts:
        matrix[at : at + len(part), at : at + len(part)] = part
        at += len(part)
    return matrix


def test_a_rotation_and_a_stretch_are_told_apart():
    quarter = turning(np.pi / 2, 2.0)
    assert of.skew_share(quarter) == pytest.approx(1)
    assert of.rotation(np.linalg.eigvals(quarter)) == pytest.approx(1)
    stretch = np.diag([3.0, -1.0])
    assert of.skew_share(stretch) == 0
    assert of.rotation(np.linalg.eigvals(stretch)) == 0
    both = block(turning(np.pi / 3, 2.0), stretch)
    values = np.linalg.eigvals(both)
    # Two eigenvalues 2·e^(±iπ/3), and 3 and −1: (2·3)/(2·4 + 10) of the squares are imaginary.
    assert of.rotation(values) == pytest.approx(6 / 18)
    assert of.complex_share(values) == 0.5
    assert of.skew_share(both) == pytest.approx(6 / 18)


def test_normal_matrices_depart_by_nothing_and_a_shift_by_everything():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    normal = basis @ block(turning(1.0, 2.0), np.diag([1.0, 2.0, 3.0, -1.0])) @ basis.T
    assert of.henrici(normal, np.linalg.eigvals(normal)) == pytest.approx(0, abs=1e-6)
    shift = np.diag([1.0, 1.0, 1.0], k=1)
    assert of.henrici(shift, np.linalg.eigvals(shift)) == pytest.approx(1)
    # Of [[a, t], [0, b]] the departure is |t|.
    triangular = np.array([[1.0, 5.0], [0.0, 2.0]])
    assert of.henrici(triangular, np.linalg.eigvals(triangular)) == pytest.approx(5 / np.sqrt(30))


def test_effective_rank_counts_equal_directions_and_weighs_others():
    assert of.effective_rank(np.array([4.0, 4.0, 4.0, 0.0])) == pytest.approx(3)
    shares = np.array([0.9, 0.1])
    assert of.effective_rank(shares) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert np.isnan(of.effective_rank(np.zeros(3)))


def test_a_matrix_of_zeros_is_no_number():
    nothing = np.zeros((4, 4))
    values = np.linalg.eigvals(nothing)
    assert np.isnan([of.skew_share(nothing), of.henrici(nothing, values), of.rotation(values)]).all()


def test_random_matrices_are_what_the_closed_forms_say():
    width, rng = 300, np.random.default_rng(1)
    found = {"skew": [], "henrici": [], "complex": [], "rotation": [], "rank": []}
    for _ in range(4):
        matrix = rng.standard_normal((width, width))
        values = np.linalg.eigvals(matrix)
        found["skew"].append(of.skew_share(matrix))
        found["henrici"].append(of.henrici(matrix, values))
        found["complex"].append(of.complex_share(values))
        found["rotation"].append(of.rotation(values))
        found["rank"].append(of.effective_rank(of.squares_of(matrix)) / width)
    means = {name: np.mean(values) for name, values in found.items()}
    assert means["skew"] == pytest.approx(of.GINIBRE_SKEW, abs=0.01)
    assert means["henrici"] == pytest.approx(of.GINIBRE_HENRICI, abs=0.01)
    assert means["complex"] == pytest.approx(of.ginibre_complex(width), abs=0.01)
    assert means["rotation"] == pytest.approx(of.GINIBRE_ROTATION, abs=0.02)
    assert means["rank"] == pytest.approx(of.GINIBRE_RANK, abs=0.01)


def test_leading_vectors_are_those_of_the_whole_decomposition():
    matrix = np.random.default_rng(2).standard_normal((20, 20))
    _, (left, values, right) = of.squares_and_leading(matrix, 4)
    u, s, vh = np.linalg.svd(matrix)
    np.testing.assert_allclose(values, s[:4], rtol=1e-10)
    np.testing.assert_allclose(np.abs((left * u[:, :4]).sum(axis=0)), 1, rtol=1e-8)
    np.testing.assert_allclose(np.abs((right.T * vh[:4]).sum(axis=1)), 1, rtol=1e-8)
    np.testing.assert_allclose(of.squares_of(matrix), s**2, rtol=1e-8)


def test_coupled_maps_fit_and_unrelated_ones_do_not():
    rng = np.random.default_rng(3)
    u, s, _ = np.linalg.svd(rng.standard_normal((40, 40)))
    symmetric = u @ np.diag(s) @ u.T
    _, (left, values, right) = of.squares_and_leading(symmetric, 5)
    assert of.misfit(left.T @ symmetric @ right, values) == pytest.approx(0, abs=1e-6)
    assert of.overlap(left, right) == pytest.approx(1)
    _, other = of.squares_and_leading(rng.standard_normal((40, 40)), 5)
    assert of.misfit(other[0].T @ symmetric @ other[2], values) > 0.6
    assert of.overlap(left, other[2]) == pytest.approx(5 / 40, abs=0.1)


def test_products_alone_give_the_largest_values_and_estimate_the_norms():
    rng = np.random.default_rng(4)
    width = 200
    basis = np.linalg.qr(rng.standard_normal((width, width)))[0]
    spectrum = 10.0 * 0.9 ** np.arange(width)
    pairs = [turning(0.3, size) for size in spectrum[::2]]
    matrix = basis @ block(*pairs) @ basis.T
    found = estimated(lambda v: v @ matrix.T, lambda u: u @ matrix, width, 10, rng)
    np.testing.assert_allclose(found.values, np.linalg.svd(matrix)[1][:10], rtol=1e-3)
    assert found.square == pytest.approx(np.square(matrix).sum(), rel=0.02)
    assert found.skew_square / found.square == pytest.approx(np.sin(0.3) ** 2, abs=0.02)
    values = largest_eigenvalues(lambda v: v @ matrix.T, width, 6, rng)
    np.testing.assert_allclose(np.abs(values), np.repeat(spectrum[:6:2], 2), rtol=1e-3)
    odd = largest_eigenvalues(lambda v: v @ matrix.T, width, 5, rng)
    assert np.isnan(odd[-1])
    assert np.isfinite(odd[:4]).all()


@pytest.mark.parametrize(("width", "k"), [(1, 4), (5, 8), (8, 8), (9, 8), (10, 8)])
def test_of_few_units_all_eigenvalues_are_found(width: int, k: int) -> None:
    """A search leaves out two at least: up to there they are the matrix's own, and NaN where there are no more."""
    matrix = np.random.default_rng(width).standard_normal((width, width))
    values = largest_eigenvalues(lambda v: v @ matrix.T, width, k, np.random.default_rng(0))
    assert len(values) == k
    known = values[np.isfinite(values)]
    exact = np.linalg.eigvals(matrix)
    exact = exact[np.argsort(-np.abs(exact), kind="stable")][:k]
    # One whose conjugate is cut off is left out.
    parted = width > k and exact[-1].imag != 0 and not np.isclose(exact[:-1], exact[-1].conj()).any()
    assert len(known) == min(width, k) - parted
    np.testing.assert_allclose(np.sort_complex(known), np.sort_complex(exact[: len(known)]), rtol=1e-3)
    assert (np.diff(np.abs(known)) <= 1e-12).all()


def test_eigenvalues_that_are_not_found_are_no_numbers(monkeypatch):
    monkeypatch.setattr(matrix_free, "_RESTARTS", 1)
    rng = np.random.default_rng(5)
    matrix = rng.standard_normal((300, 300))
    values = largest_eigenvalues(lambda v: v @ matrix.T, 300, 30, rng)
    known = values[np.isfinite(values)]
    assert len(values) == 30
    assert len(known) < 30
    exact = np.linalg.eigvals(matrix)
    assert all(np.abs(exact - one).min() < 0.1 for one in known)
