"""Codes of few bits stand for numbers to within a bound, and the page's text holds all of them."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from residyn.explorer.pack import pack
from residyn.explorer.quantised import Quantised, quantise


@pytest.mark.parametrize("bits", [8, 16])
@given(st.data())
def test_a_number_is_off_by_half_a_step_of_how_far_it_is_from_the_centre(bits, data):
    rows = data.draw(
        st.lists(
            st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=5, max_size=5), min_size=1, max_size=4
        )
    )
    values = np.array(rows)
    found = quantise(values, bits)
    back = found.values()
    centre, scale, _, step = np.moveaxis(found.reading.astype(float), -1, 0)[..., None]
    # d/dx of asinh((x − c)/s) is 1/√(s² + (x − c)²): half a step of it, and float32's rounding of the reading.
    far = np.hypot(scale, values - centre)
    bound = np.sinh(0.5 * step + 1e-5) * far * 1.01 + 1e-5 * far
    known = np.isfinite(values)
    assert (np.isnan(back) == ~known).all()
    assert (np.abs(back - values)[known] <= bound[known] + 1e-12).all()


def test_one_massive_value_takes_no_precision_from_the_others():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=999), [3000.0]])
    error = np.abs(quantise(values, 8).values() - values)
    assert error[:999].max() < 0.1
    assert error[999] < 0.05 * 3000


def test_what_is_not_finite_is_not_defined():
    found = quantise(np.array([[1.0, np.inf, -np.inf, np.nan], [np.nan] * 4]), 16)
    assert found.codes[0].tolist() == [1, 0, 0, 0]
    assert not found.codes[1].any()
    assert found.values()[0, 0] == 1.0


def test_equal_numbers_stay_what_they_are():
    assert quantise(np.full((2, 3), 2.5), 8).values().tolist() == [[2.5] * 3] * 2


@dataclass(frozen=True)
class Holding:
    name: str
    numbers: tuple[float, ...]
    first: Quantised
    second: Quantised


def unpacked(text: str) -> tuple[dict, bytes]:
    whole = zlib.decompress(base64.b64decode(text))
    length = int.from_bytes(whole[:4], "little")
    return json.loads(whole[4 : 4 + length]), whole[4 + length :]


def codes_of(described: dict, content: bytes) -> np.ndarray:
    """Read as the page's script reads them."""
    shape = described["shape"]
    total, n = int(np.prod(shape)), shape[-1]
    low = np.frombuffer(content, np.uint8, total, described["at"]).astype(int)
    high = (
        np.frombuffer(content, np.uint8, total, described["at"] + total).astype(int)
        if described["bits"] == 16
        else np.zeros(total, int)
    )
    steps = (low + 256 * high).reshape(-1, n)
    return (np.cumsum(steps, axis=0) % 2 ** described["bits"]).reshape(shape)


def test_everything_comes_back_from_the_text():
    rng = np.random.default_rng(1)
    held = Holding(
        "</script> & “ü”\u2028",
        (1.0, float("nan"), 0.123456789),
        quantise(rng.normal(size=(3, 4, 5)), 16),
        quantise(rng.normal(size=(2, 7)), 8),
    )
    text = pack(held)
    header, content = unpacked(text)
    assert header["name"] == held.name
    assert header["numbers"] == [1.0, None, 0.1234568]
    for name in ("first", "second"):
        array = getattr(held, name)
        assert (codes_of(header[name], content) == array.codes).all()
        at = header[name]["reading"]
        assert at % 4 == 0
        assert content[at : at + array.reading.nbytes] == array.reading.astype("<f4").tobytes()
    assert pack(held) == text
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
