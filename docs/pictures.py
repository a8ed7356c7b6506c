"""Make the pictures of README.md and these pages of a finished run, and say which: `docs/pictures.py DIR`.

Figure 1, Dynamics, panel L and the panels of local maps and of outputs are the run's own files, the report and
the explorer are pictures of its pages in a headless browser. `images/pictures.json` names the run and holds the
sha256 of each picture, which a test compares.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

import residyn as rd

IMAGES = Path(__file__).parent / "images"
RECORD = IMAGES / "pictures.json"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_COLOURS = 256


def main(directory: str) -> None:
    """Make all of them."""
    run = rd.open_run(directory)
    figures = run.directory / "figures"
    for name in ("figure1.png", "dynamics.png"):
        shutil.copyfile(figures / name, IMAGES / name)
    _in_rows(
        [["panel_l"], ["panel_l_pull", "panel_l_retention", "panel_l_return"]], figures, IMAGES / "teleports.png"
    )
    maps = [["map_skew_share", "map_henrici"], ["map_effective_rank", "map_exponents"], ["map_eigenvalues"]]
    _in_rows(maps, figures, IMAGES / "local_maps.png")
    _in_rows(
        [["lens_kl", "lens_entropy", "lens_settled"], ["blocks_skipped", "blocks_swapped"]],
        figures,
        IMAGES / "outputs.png",
    )
    _page(run.directory / "report.html", (1200, 1170), IMAGES / "report.png")
    _page(run.directory / "explorer.html", (1440, 900), IMAGES / "explorer.png")
    attrs = run.results.attrs
    made_of = {name: str(attrs[name]) for name in ("model", "texts", "n_samples", "position", "states_hash")}
    pictures = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(IMAGES.glob("*.png"))}
    record = {"run": {**made_of, "residyn": rd.__version__}, "pictures": pictures}
    RECORD.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _in_rows(rows: list[list[str]], folder: Path, path: Path) -> None:
    """Several pictures on one, row by row, each row in the middle of the widest."""
    made = [[Image.open(folder / f"{stem}.png").convert("RGB") for stem in row] for row in rows]
    width = max(sum(one.width for one in row) for row in made)
    page = Image.new("RGB", (width, sum(max(one.height for one in row) for row in made)), "white")
    top = 0
    for row in made:
        left = (width - sum(one.width for one in row)) // 2
        for one in row:
            page.paste(one, (left, top))
            left += one.width
        top += max(one.height for one in row)
    page.save(path, optimize=True)


def _page(page: Path, size: tuple[int, int], path: Path) -> None:
    """A picture of the upper end of a page, as a browser shows it."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"No browser to picture {page.name} with: looked for {', '.join(BROWSERS)}.")
    with tempfile.TemporaryDirectory() as profile:
        taken = Path(profile) / "page.png"
        options = ("--headless", "--no-sandbox", "--hide-scrollbars", "--enable-unsafe-swiftshader")
        window = f"--window-size={size[0]},{size[1]}"
        own = (f"--user-data-dir={profile}", "--virtual-time-budget=20000", f"--screenshot={taken}")
        subprocess.run(
            [browser, *options, window, *own, page.resolve().as_uri()],
            check=True,
            capture_output=True,
            timeout=300,
        )
        with Image.open(taken) as picture:
            picture.convert("RGB").quantize(_COLOURS).save(path, optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("Name the directory of a finished run: python docs/pictures.py runs/demo")
    main(sys.argv[1])
