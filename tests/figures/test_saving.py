from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from residyn.errors import ResourceError, StoreError, UsageError
from residyn.figures import plot, style
from residyn.figures.saving import save

PROVENANCE = {"model": "tiny </script> \x00\ud800 é", "n_samples": 30}


@pytest.fixture
def drawn(results):
    return plot.velocity(results["velocity"]).figure


def test_files_are_complete_and_of_the_figures_size(drawn, tmp_path):
    paths = save(drawn, tmp_path / "new" / "run.v1", provenance=PROVENANCE)
    assert [path.name for path in paths] == ["run.v1.png", "run.v1.pdf", "run.v1.svg"]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in paths)
    with Image.open(paths[0]) as image:
        width, height = style.PANEL_MM
        assert image.size == (int(width / 25.4 * 300), int(height / 25.4 * 300))
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_text_stays_text(drawn, tmp_path):
    pdf, svg = save(drawn, tmp_path / "f", ("pdf", "svg"))
    assert b"/CIDFontType2" in pdf.read_bytes()
    assert b"/Type3" not in pdf.read_bytes()
    words = [
        "".join(element.itertext()) for element in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert any("velocity" in word for word in words)


def test_files_carry_their_provenance_and_no_date(drawn, tmp_path):
    png, pdf, svg = save(drawn, tmp_path / "f", provenance=PROVENANCE)
    with Image.open(png) as image:
        assert json.loads(image.info["Description"]) == PROVENANCE
    (note,) = ElementTree.parse(svg).iter("{http://purl.org/dc/elements/1.1/}description")
    assert json.loads(note.text) == PROVENANCE
    assert b'"n_samples": 30' in pdf.read_bytes()
    assert b"CreationDate" not in pdf.read_bytes()
    assert "<dc:date>" not in svg.read_text(encoding="utf-8")


def test_the_same_results_give_the_same_bytes(results, tmp_path):
    first, again = (
        save(plot.unit_correlation(results["unit_correlation"]).figure, tmp_path / name) for name in ("a", "b")
    )
    for one, other in zip(first, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    other = save(plot.unit_correlation(results["unit_correlation"], vmin=0.5).figure, tmp_path / "c", ("png",))
    assert other[0].read_bytes() != first[0].read_bytes()


def test_bytes_do_not_depend_on_the_process(llama, tmp_path):
    code = (
        "import sys; from residyn.figures import plot; from residyn.figures.saving import save; "
        "from residyn.sitemap import SiteMap; "
        "save(plot.schematic(SiteMap.from_json(sys.argv[1])).figure, sys.argv[2])"
    )
    command = [sys.executable, "-c", code, llama.to_json(), str(tmp_path / "there")]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    here = save(plot.schematic(llama).figure, tmp_path / "here")
    for path in here:
        assert path.read_bytes() == (tmp_path / f"there{path.suffix}").read_bytes()


def test_a_figure_is_laid_out_once_as_matplotlib_would_at_its_resolution(results, tmp_path, monkeypatch):
    ours, plain = (plot.velocity(results["velocity"]).figure for _ in range(2))
    with style.context():
        plain.savefig(tmp_path / "plain.png", dpi=style.DPI)
    layouts = []
    execute = type(ours.get_layout_engine()).execute
    monkeypatch.setattr(
        type(ours.get_layout_engine()), "execute", lambda self, fig: layouts.append(fig.dpi) or execute(self, fig)
    )
    save(ours, tmp_path / "ours")
    assert layouts == [style.DPI]
    with Image.open(tmp_path / "plain.png") as one, Image.open(tmp_path / "ours.png") as other:
        assert one.tobytes() == other.tobytes()


def test_unknown_format_is_refused_before_anything_is_written(drawn, tmp_path):
    with pytest.raises(UsageError, match=r"png, pdf, svg; got 'jpg'"):
        save(drawn, tmp_path / "f", ("png", "jpg"))
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(drawn, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match=r"file/f\.png.*another folder"):
        save(drawn, tmp_path / "file" / "f", ("png",))


def test_a_full_disk_leaves_the_earlier_figure(drawn, tmp_path, monkeypatch):
    (tmp_path / "f.png").write_bytes(b"earlier")

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResourceError, match="Free some space"):
        save(drawn, tmp_path / "f", ("png",))
    assert [path.name for path in tmp_path.iterdir()] == ["f.png"]
    assert (tmp_path / "f.png").read_bytes() == b"earlier"


def test_what_an_ended_process_left_behind_does_not_stay(drawn, tmp_path):
    (tmp_path / ".f.png.partial").write_bytes(b"half")
    save(drawn, tmp_path / "f", ("png",))
    assert [path.name for path in tmp_path.iterdir()] == ["f.png"]
