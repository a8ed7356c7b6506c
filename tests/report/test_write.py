import os

import pytest

from residyn.errors import StoreError
from residyn.report import write_report


@pytest.mark.usefixtures("undrawn")
def test_the_same_directory_gives_the_same_page(copied):
    path = write_report(copied)
    assert path == copied / "report.html"
    first = path.read_bytes()
    write_report(str(copied))
    assert path.read_bytes() == first
    assert first.startswith(b"<!DOCTYPE html>")
    assert {entry.name for entry in copied.iterdir()} == {
        "results.zarr", "teleports", "jacobians", "outputs", "claims.json", "run.json", "report.html",
    }  # fmt: skip


@pytest.mark.usefixtures("undrawn")
def test_an_earlier_page_survives_a_failure(copied, monkeypatch):
    path = write_report(copied)
    before = path.read_bytes()
    (copied / "run.json").unlink()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Exception, match=r"Writing report\.html in .* failed: No space left") as error:
        write_report(copied)
    assert type(error.value).__name__ == "ResourceError"
    assert path.read_bytes() == before
    assert not list(copied.glob(".*"))


@pytest.mark.usefixtures("undrawn")
def test_a_folder_in_the_place_of_the_page_is_refused(copied):
    (copied / "report.html").mkdir()
    with pytest.raises(StoreError, match=r"Writing report\.html"):
        write_report(copied)
