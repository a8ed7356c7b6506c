"""The reference of Python: docstrings as Markdown, and nothing of the machine that wrote it."""

from __future__ import annotations

import pytest

from docstrings import markdown
from public_names import public_names


def test_docstrings_become_lists_and_code():
    text = markdown(
        "Does it.\n\nname   what it is\nother  what\n       else\n\nn: how many; never\nfew. kind: of what\n\n"
        ">>> 1 + 1\n2",
        frozenset({"n", "kind"}),
    )
    assert "- **name**: what it is\n- **other**: what else" in text
    assert "- **n**: how many; never few.\n- **kind**: of what" in text
    assert "```pycon\n>>> 1 + 1\n2\n```" in text


def test_every_name_has_a_place_and_no_address(tmp_path):
    pytest.importorskip("sphinx", reason="the pages are written where the site is built")
    from api_pages import write_api

    write_api(tmp_path)
    text = "\n".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md"))
    for name in public_names():
        assert f"}} {name}(" in text or f"}} {name}\n" in text, name
    assert " at 0x" not in text
