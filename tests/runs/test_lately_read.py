"""Results that were read lately are remembered by the bytes of their files, and by nothing else."""

import shutil

import numpy as np
import pytest
import xarray as xr

from residyn import velocity
from residyn.dataset import Results
from residyn.errors import StoreError
from residyn.runs import lately_read
from residyn.runs.results import open_results, save_results


@pytest.fixture
def results(make_states) -> xr.Dataset:
    return Results.of(xr.Dataset({"velocity": velocity(make_states(30))}, attrs={"model": "walk"}))


@pytest.fixture
def saved(results, tmp_path, monkeypatch):
    monkeypatch.setattr(lately_read, "_known", type(lately_read._known)())
    save_results(results, tmp_path / "results.zarr")
    return tmp_path / "results.zarr"


def parsed(monkeypatch) -> list[str]:
    """The names of the stores that are opened from here on."""
    seen, opened = [], xr.open_zarr

    def watched(path, **options):
        seen.append(path.name)
        return opened(path, **options)

    monkeypatch.setattr(xr, "open_zarr", watched)
    return seen


def test_the_same_bytes_are_parsed_once_wherever_they_lie(saved, tmp_path, monkeypatch):
    seen = parsed(monkeypatch)
    first = open_results(saved)
    xr.testing.assert_identical(open_results(saved), first)
    again = open_results(shutil.copytree(saved, tmp_path / "copy.zarr"))
    xr.testing.assert_identical(again, first)
    assert type(again) is type(first)
    assert seen == ["results.zarr"]


def test_who_changes_what_was_read_changes_nobody_elses(saved, results):
    for _ in range(2):
        read = open_results(saved)
        read["velocity"].values[:] = np.nan
        read["velocity"].attrs["units"] = "none"
        read.attrs.clear()
    xr.testing.assert_identical(open_results(saved), results)


@pytest.mark.parametrize("file", ["velocity/c/0/0", "velocity/zarr.json", "zarr.json"])
def test_a_byte_that_changed_since_is_found(saved, file):
    open_results(saved)
    content = bytearray((saved / file).read_bytes())
    at = content.index(b"v") if file.endswith(".json") else len(content) // 2
    content[at] ^= 1
    (saved / file).write_bytes(content)
    with pytest.raises(StoreError):
        open_results(saved)


def test_a_file_that_is_gone_or_new_is_seen(saved, results):
    open_results(saved)
    (saved / "velocity" / "c" / "0" / "0").unlink()
    with pytest.raises(StoreError, match="velocity"):
        open_results(saved)


def test_files_behind_a_link_are_read_each_time(saved, tmp_path, monkeypatch):
    (saved / "velocity").rename(tmp_path / "elsewhere")
    (saved / "velocity").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    seen = parsed(monkeypatch)
    for _ in range(2):
        open_results(saved)
    assert len(seen) == 2


def test_what_was_replaced_while_it_was_read_is_not_remembered(saved, results, monkeypatch):
    opened = xr.open_zarr

    def replaced_meanwhile(path, **options):
        read = opened(path, **options).load()
        save_results(results.assign_attrs(note="new"), saved)
        return read

    monkeypatch.setattr(xr, "open_zarr", replaced_meanwhile)
    open_results(saved)
    assert not lately_read._known


def test_few_are_remembered_and_none_that_are_large(saved, results, monkeypatch):
    for number in range(9):
        save_results(results.assign_attrs(note=number), saved)
        open_results(saved)
    assert len(lately_read._known) == lately_read._MOST
    monkeypatch.setattr(lately_read, "_LARGEST", 100)
    assert lately_read.hash_of_files(saved) is None
