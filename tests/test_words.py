import math

import pytest

from residyn.words import (
    MARKS,
    clean,
    counted,
    interval,
    listed,
    mark,
    number,
    p_value,
    percent,
    with_origin,
    without_origin,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.98765, "0.988"),
        (-0.0123, "−0.0123"),
        (12.34, "12.3"),
        (999.4, "999"),
        (999.5, "1,000"),
        (77160, "77,160"),
        (-123456.7, "−123,457"),
        (1.71e-5, "1.71 × 10⁻⁵"),
        (-2e-10, "−2 × 10⁻¹⁰"),
        (math.nan, "not defined"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
    ],
)
def test_number(value, text):
    assert number(value) == text


def test_shares_and_p_values_do_not_break():
    assert percent(0.979) == "97.9\u00a0%"
    assert percent(1.0) == "100\u00a0%"
    assert percent(math.nan) == "not defined"
    shares = (1.0, 0.0, 0.0994, 0.0996, 0.001, 0.0004)
    written = ("100", "0", "9.9", "10", "0.1", "0.04")
    assert [percent(share, 2) for share in shares] == [f"{text}\u00a0%" for text in written]
    assert p_value(0.001) == "p\u00a0<\u00a00.002"
    assert p_value(0.0437) == "p\u00a0=\u00a00.044"
    assert p_value(math.nan) == "p not defined"


def test_an_interval_without_ends_is_a_value():
    assert interval(0.5, 0.4, 0.6) == "0.5 (0.4 to 0.6)"
    assert interval(0.5, math.nan, 0.6) == "0.5"


def test_lists_and_counts():
    assert [listed(list("abc")[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert counted(1, "text") == "1 text"
    assert counted(1000, "text") == "1,000 texts"


def test_what_no_page_can_hold_is_replaced():
    assert clean("a\x00b\x1bc\r\ud800d\u202ee\ufffef\u2066") == "a�b�c��d�e�f�"
    assert clean("é → 中 \U0001f600\n\t") == "é → 中 \U0001f600\n\t"
    assert clean(3) == "3"


def test_a_verdict_is_put_together_with_its_origin_and_taken_apart_again():
    for verdict in MARKS:
        for origin in ("learned", "artefact", ""):
            assert without_origin(with_origin(verdict, origin)) == (verdict, origin)
    assert with_origin("holds", "scale") == "holds (scale)"
    assert without_origin("—") == ("—", "")
    assert without_origin("run (2)") == ("run (2)", "")


def test_what_holds_as_an_artefact_has_a_mark_of_its_own():
    assert [mark("holds", origin) for origin in ("", "learned", "artefact")] == ["●", "●", "⊗"]
    assert mark("does not hold", "artefact") == "○"
    assert mark("—", "") == "—"
