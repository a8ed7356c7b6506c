"""The gallery follows the registry: a panel or a quantity of one file is in it without another line."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest

from gallery_page import code_of, write_gallery
from residyn.figures import plot, registry
from residyn.figures.panel import Panel
from residyn.figures.plot.curves import COSINE, VELOCITY
from residyn.quantities.registry import quantities

DECLARED = registry.declared()


@pytest.mark.parametrize("panel", DECLARED, ids=lambda panel: panel.stem)
def test_the_code_of_a_panel_calls_a_public_plot_with_what_a_run_has(panel):
    code = code_of(panel)
    ast.parse(code)
    assert "inputs" not in code
    names = {
        node.func.attr
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert names & set(plot.__all__) or code.startswith(f"from {plot.__name__}.")


def test_a_panel_of_a_new_file_is_in_the_gallery(tmp_path, monkeypatch):
    added = Panel(stem="panel_new", title="A panel of tomorrow", draw=lambda inputs, ax: ax, needs=("cosine",))
    monkeypatch.setattr(registry, "declared", lambda: (*DECLARED, added))
    write_gallery(tmp_path / "gallery.md")
    text = (tmp_path / "gallery.md").read_text(encoding="utf-8")
    assert "## A panel of tomorrow" in text
    assert 'panel.stem == "panel_new"' in text


def test_a_quantity_of_a_new_file_is_in_the_gallery(tmp_path, monkeypatch):
    known = quantities()
    added = replace(known["norm"], name="norm_of_tomorrow", title="Length tomorrow")
    monkeypatch.setattr("gallery_page.quantities", lambda: {**known, added.name: added})
    write_gallery(tmp_path / "gallery.md")
    text = (tmp_path / "gallery.md").read_text(encoding="utf-8")
    assert "## Length tomorrow" in text
    assert 'run.results["norm_of_tomorrow_curve"]' in text


def test_what_the_run_has_not_is_shown_and_not_run(tmp_path, monkeypatch):
    monkeypatch.setattr("gallery_page.drawn_of", lambda _: {"panel_e"})
    write_gallery(tmp_path / "gallery.md", tmp_path)
    text = (tmp_path / "gallery.md").read_text(encoding="utf-8")
    of_e, of_f = (text.split(f"## {panel.title}\n")[1].split("\n## ")[0] for panel in (COSINE, VELOCITY))
    assert "{code-cell} python3\nrd.plot.cosine(" in of_e
    assert "```python\nrd.plot.velocity(" in of_f
    assert "Not drawn here" in of_f
