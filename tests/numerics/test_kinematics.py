"""Kinematics against closed forms, exact fractions and the definitions, and their invariances."""

from __future__ import annotations

import math
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from residyn.numerics import kinematics as module
from residyn.numerics.kinematics import Kinematics, angle_between, path_kinematics

KINDS = ["within", "cross", "within", "cross", "within"]
NAMES = [field.name for field in fields(Kinematics)]


def paths(seed: int, n: int = 20, n_units: int = 16) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.standard_normal((n, len(KINDS) + 1, n_units)), axis=1).astype(np.float32)


def plane(*points: tuple[float, float]) -> np.ndarray:
    return np.array([points], dtype=np.float64)


def test_a_known_path() -> None:
    # East by 1 (radial), north by 2 (tangential at (2, 0)), north again by 2, back south by 4.
    got = path_kinematics(plane((1, 0), (2, 0), (2, 2), (2, 4), (2, 0)), ["a", "b", "a", "b"])
    np.testing.assert_allclose(got.angle, [[0, 0.25, (np.arctan(2) - np.pi / 4) / np.pi, np.arctan(2) / np.pi]])
    root = np.sqrt(0.5)
    np.testing.assert_allclose(got.radial, [[1, 0, 2 * root, -16 / np.sqrt(20)]], atol=1e-15)
    np.testing.assert_allclose(got.tangential, [[0, 2, 2 * root, 8 / np.sqrt(20)]], atol=1e-15)
    np.testing.assert_allclose(got.acceleration, [[np.nan, np.nan, np.sqrt(5), 6]])
    np.testing.assert_allclose(got.turning, [[np.nan, 90, 0, 180, np.nan]], atol=1e-12)
    np.testing.assert_allclose(got.straightness, [1 / 9])


def test_values_are_their_definitions() -> None:
    block = paths(1)
    got = path_kinematics(block, KINDS)
    h = block.astype(np.float64)
    length = np.linalg.norm(h, axis=2)
    steps = h[:, 1:] - h[:, :-1]
    speed = np.linalg.norm(steps, axis=2)
    cosine = (h[:, :-1] * h[:, 1:]).sum(axis=2) / (length[:, :-1] * length[:, 1:])
    radial = (steps * h[:, :-1]).sum(axis=2) / length[:, :-1]
    bend = (steps[:, :-1] * steps[:, 1:]).sum(axis=2) / (speed[:, :-1] * speed[:, 1:])
    np.testing.assert_allclose(got.angle, np.arccos(cosine) / np.pi, rtol=1e-10)
    np.testing.assert_allclose(got.radial, radial, rtol=1e-10)
    np.testing.assert_allclose(got.tangential, np.sqrt(speed**2 - radial**2), rtol=1e-10)
    np.testing.assert_allclose(got.acceleration[:, 2:], np.linalg.norm(steps[:, 2:] - steps[:, :-2], axis=2))
    np.testing.assert_allclose(got.turning[:, 1:-1], np.degrees(np.arccos(bend)), rtol=1e-10)
    np.testing.assert_allclose(got.straightness, np.linalg.norm(h[:, -1] - h[:, 0], axis=1) / speed.sum(axis=1))


@pytest.mark.parametrize("turn", [1e-12, 1e-9, 1e-6, 1e-3])
def test_small_turns_keep_their_digits(turn: float) -> None:
    a, b = (3.0, 4.0, 0.0), (3.0 - 4 * turn, 4.0 + 3 * turn, 5 * turn)
    got = path_kinematics(np.array([[a, b]]), ["a"])
    # In fractions, of the vectors as they were rounded: tan of the angle is ‖a × b‖ / a·b.
    x, y = ([Fraction(value) for value in vector] for vector in (a, b))
    cross = [x[i - 2] * y[i - 1] - x[i - 1] * y[i - 2] for i in range(3)]
    area, product = sum(value**2 for value in cross), sum(p * q for p, q in zip(x, y, strict=True))
    exact = math.atan(math.sqrt(area) / product) / math.pi
    # Unit vectors are rounded to 1e-16, so an angle has that absolute error.
    assert got.angle[0, 0] == pytest.approx(exact, rel=1e-12, abs=2e-16)
    assert got.tangential[0, 0] == pytest.approx(math.sqrt(area) / 5, rel=1e-12, abs=1e-16)


def test_a_nearly_radial_step_keeps_its_tangential_part() -> None:
    got = path_kinematics(plane((1, 0), (1001, 1e-6)), ["a"])
    assert got.tangential[0, 0] == pytest.approx(1e-6, rel=1e-9)
    assert got.radial[0, 0] == pytest.approx(1000, rel=1e-14)


def test_a_state_that_does_not_turn_has_angle_exactly_zero() -> None:
    block = np.repeat(paths(2, n=50)[:, :1], 3, axis=1) * np.array([1, 2, 8], dtype=np.float32)[:, None]
    got = path_kinematics(block, ["a", "a"])
    np.testing.assert_array_equal(got.angle, 0)
    assert got.straightness == pytest.approx(1, abs=1e-15)
    assert (got.straightness <= 1).all()


def test_a_reversal_is_half_a_turn() -> None:
    np.testing.assert_array_equal(path_kinematics(plane((1, 2), (-2, -4)), ["a"]).angle, 1)


def test_zero_states_and_zero_steps_are_undefined() -> None:
    block = paths(3, n=2)
    block[1, 2] = 0
    block[0, 4] = block[0, 3]
    got = path_kinematics(block, KINDS)
    for name, where in [("angle", [6, 7]), ("radial", [7]), ("tangential", [7])]:
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(getattr(got, name))), where)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(got.turning[0])), [0, 3, 4, 5])
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(got.turning[1])), [0, 5])
    still = path_kinematics(np.ones((1, 6, 3)), KINDS)
    assert np.isnan(still.straightness).all()
    np.testing.assert_array_equal(still.acceleration[:, 2:], 0)


def test_acceleration_compares_a_step_with_the_last_of_its_kind() -> None:
    block = np.array([[[0.0], [1.0], [3.0], [7.0], [20.0]]])
    np.testing.assert_allclose(path_kinematics(block, ["a", "a", "a", "a"]).acceleration, [[np.nan, 1, 2, 9]])
    other = path_kinematics(block, ["a", "b", "b", "a"])
    np.testing.assert_allclose(other.acceleration, [[np.nan, np.nan, 2, 12]])


def test_one_sublayer_has_no_step() -> None:
    got = path_kinematics(np.ones((3, 1, 4)), [])
    assert got.angle.shape == got.acceleration.shape == (3, 0)
    assert np.isnan(got.turning).all()
    assert np.isnan(got.straightness).all()


def test_walks_bend_by_90_degrees_and_noise_by_120() -> None:
    noise = np.random.default_rng(0).standard_normal((200, 6, 400))
    walk = path_kinematics(np.cumsum(noise, axis=1), KINDS).turning[:, 1:-1]
    white = path_kinematics(noise, KINDS).turning[:, 1:-1]
    assert walk.mean() == pytest.approx(90, abs=0.5)
    assert white.mean() == pytest.approx(120, abs=0.5)


def test_bits_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    block = paths(4, n=37, n_units=33)
    whole = path_kinematics(block, KINDS)
    monkeypatch.setattr(module, "_TILE_VALUES", 5 * 33)
    tiled = path_kinematics(block, KINDS)
    apart = module.concatenate([path_kinematics(block[i : i + 1], KINDS) for i in range(37)])
    for name in NAMES:
        np.testing.assert_array_equal(getattr(whole, name), getattr(tiled, name))
        np.testing.assert_array_equal(getattr(whole, name), getattr(apart, name))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 9), st.floats(1e-20, 1e20))
def test_rotations_change_nothing_and_scale_only_lengths(seed: int, n_units: int, scale: float) -> None:
    block = paths(seed, n=4, n_units=n_units).astype(np.float64)
    own = path_kinematics(block, KINDS)
    turned = path_kinematics(block @ ortho_group.rvs(n_units, random_state=seed) * scale, KINDS)
    for name in NAMES:
        factor = scale if name in ("radial", "tangential", "acceleration") else 1
        size = np.nanmax(np.abs(getattr(own, name)), initial=1e-30)
        np.testing.assert_allclose(getattr(turned, name) / factor, getattr(own, name), rtol=1e-7, atol=1e-7 * size)


@given(st.integers(0, 2**31))
def test_a_step_is_its_two_parts(seed: int) -> None:
    block = paths(seed, n=3)
    got = path_kinematics(block, KINDS)
    square = (np.diff(block.astype(np.float64), axis=1) ** 2).sum(axis=2)
    np.testing.assert_allclose(got.radial**2 + got.tangential**2, square, rtol=1e-12)


def test_angles_of_unit_vectors() -> None:
    x, y, _ = np.eye(3)
    got = angle_between(np.stack([x, x, x]), np.stack([x, y, -x]))
    np.testing.assert_allclose(got, [0, np.pi / 2, np.pi], rtol=1e-15)
