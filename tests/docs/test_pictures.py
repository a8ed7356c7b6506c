"""The pictures of the pages are those that the script made of one run, and pages show no other ones."""

from __future__ import annotations

import hashlib
import json
import re

from shown_pages import ROOT, pages

IMAGES = ROOT / "docs" / "images"


def test_every_picture_is_the_one_that_was_made_of_the_run():
    record = json.loads((IMAGES / "pictures.json").read_text(encoding="utf-8"))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in IMAGES.glob("*.png")}
    assert found == record["pictures"]
    assert re.fullmatch("[0-9a-f]{64}", record["run"]["states_hash"])


def test_pages_show_pictures_that_there_are():
    shown = {
        name for page in pages() for name in re.findall(r"images/([\w-]+\.png)", page.read_text(encoding="utf-8"))
    }
    assert shown == {path.name for path in IMAGES.glob("*.png")}
