"""Results on disk come back as they were, whole or not at all."""

from __future__ import annotations

import errno
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr

from residyn.errors import DataError, ResourceError, StoreError
from residyn.quantities.suite import analyze
from residyn.runs import results as saving
from residyn.runs.results import has_header, lost_its_header, open_results, replace_results, save_results

Make = Callable[..., xr.DataArray]


@pytest.fixture(scope="module")
def analyzed(make_states: Make) -> xr.Dataset:
    data = make_states(30).values
    data[:, 2, 3] = 1
    data[4, 1] = 0
    return analyze(make_states(data=data, capture_dtype="bfloat16", tie_fraction=0.25))


@pytest.fixture
def results(analyzed: xr.Dataset) -> xr.Dataset:
    return analyzed.copy(deep=True)


def test_a_round_trip_keeps_everything(results: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_results(results, path)
        opened = open_results(path)
    xr.testing.assert_identical(opened, results)
    assert list(opened.data_vars) == list(results.data_vars)
    for name, array in results.variables.items():
        assert opened[name].dtype.kind == (array.dtype.kind if array.dtype != object else "U"), name
    assert opened["unit_correlation"].attrs == results["unit_correlation"].attrs
    assert json.loads((path / "zarr.json").read_text())["zarr_format"] == 3
    assert [p.name for p in path.parent.iterdir()] == ["results.zarr"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_result_that_is_nowhere_defined_is_not_taken_for_damage(tmp_path: Path, dtype: str) -> None:
    nowhere = np.copysign(np.full((3, 4), np.nan, dtype), -1)
    assert np.signbit(nowhere).all()
    save_results(xr.Dataset({"norm": (("sample", "sublayer"), nowhere)}), tmp_path / "results.zarr")
    assert np.isnan(open_results(tmp_path / "results.zarr")["norm"]).all()


def test_attributes_that_are_not_finite_are_no_damage(tmp_path: Path) -> None:
    """As the mean of what is defined for no unit."""
    norm = xr.DataArray([1.0, 2.0], dims="sublayer", attrs={"mean": float("nan"), "largest": float("inf")})
    save_results(xr.Dataset({"norm": norm}, attrs={"mean": float("nan")}), tmp_path / "results.zarr")
    found = open_results(tmp_path / "results.zarr")
    assert np.isnan(found["norm"].attrs["mean"])
    assert np.isnan(found.attrs["mean"])
    assert found["norm"].attrs["largest"] == np.inf


def test_opened_results_can_be_saved_again(results: xr.Dataset, tmp_path: Path) -> None:
    save_results(results, tmp_path / "one.zarr")
    save_results(open_results(tmp_path / "one.zarr"), tmp_path / "two.zarr")
    xr.testing.assert_identical(open_results(tmp_path / "two.zarr"), results)


def test_saving_again_replaces(results: xr.Dataset, make_states: Make, tmp_path: Path) -> None:
    path = tmp_path / "results.zarr"
    save_results(results, path)
    other = analyze(make_states(12, layers=2, seed=5))
    save_results(other, path)
    xr.testing.assert_identical(open_results(path), other)
    assert [p.name for p in tmp_path.iterdir()] == ["results.zarr"]


@pytest.mark.parametrize("moment", ["writing", "killed before the rename"])
def test_an_interrupted_save_leaves_the_earlier_results(
    results: xr.Dataset, make_states: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "results.zarr"
    save_results(results, path)
    other = analyze(make_states(12, layers=2, seed=5))
    write = saving._write

    def interrupted(written: xr.Dataset, to: Path) -> None:
        write(written[["norm"]] if moment == "writing" else written, to)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(saving, "_write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save_results(other, path)
    xr.testing.assert_identical(open_results(path), results)
    save_results(other, path)
    xr.testing.assert_identical(open_results(path), other)
    assert [p.name for p in tmp_path.iterdir()] == ["results.zarr"]


def test_a_first_save_that_is_interrupted_leaves_nothing_to_open(
    results: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = saving._write

    def interrupted(written: xr.Dataset, to: Path) -> None:
        write(written, to)
        raise KeyboardInterrupt

    monkeypatch.setattr(saving, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_results(results, tmp_path / "results.zarr")
    with pytest.raises(StoreError, match="there is no such folder"):
        open_results(tmp_path / "results.zarr")


def test_a_full_disk_is_said_and_leaves_nothing(
    results: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(written: xr.Dataset, to: Path) -> None:
        to.mkdir()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(saving, "_write", full)
    with pytest.raises(ResourceError, match=r"No space left.*Free some space"):
        save_results(results, tmp_path / "results.zarr")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_written_is_said(results: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="Cannot save results"):
        save_results(results, tmp_path / "file" / "results.zarr")


def test_what_is_missing_or_foreign_is_not_opened_and_never_replaced(results: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no such folder"):
        open_results(tmp_path / "nothing.zarr")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "diary.txt").write_text("dear diary")
    (tmp_path / "file").write_text("x")
    zarr.create_array(tmp_path / "array.zarr", shape=(3,), dtype="float32")
    xr.Dataset({"x": ("t", [1.0])}).to_zarr(tmp_path / "other.zarr", zarr_format=3, consolidated=False)
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("[1, 2")
    for name, message in [
        ("notes", "it holds no zarr.json"),
        ("file", "did not write what is there"),
        ("array.zarr", "did not write what is there"),
        ("other.zarr", "did not write what is there"),
        ("broken.zarr", "did not write what is there"),
    ]:
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(StoreError, match=message):
            open_results(tmp_path / name)
        with pytest.raises(StoreError, match=message):
            save_results(results, tmp_path / name)
        assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "notes" / "diary.txt").read_text() == "dear diary"


def test_another_format_version_is_refused(results: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "results.zarr"
    save_results(results, path)
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["attributes"]["residyn_format_version"] = 2
    (path / "zarr.json").write_text(json.dumps(metadata))
    with pytest.raises(StoreError, match="have format version 2; this residyn reads version 1"):
        open_results(path)


@pytest.mark.parametrize("harm", ["deleted chunk", "deleted variable", "flipped byte", "truncated", "swapped"])
def test_damage_is_found(results: xr.Dataset, tmp_path: Path, harm: str) -> None:
    path = tmp_path / "results.zarr"
    save_results(results, path)
    chunk = next(p for p in (path / "cosine" / "c").rglob("*") if p.is_file())
    if harm == "deleted chunk":
        chunk.unlink()
    elif harm == "deleted variable":
        for p in sorted((path / "cosine").rglob("*"), reverse=True):
            p.unlink() if p.is_file() else p.rmdir()
        (path / "cosine").rmdir()
    elif harm == "flipped byte":
        content = bytearray(chunk.read_bytes())
        content[len(content) // 2] ^= 4
        chunk.write_bytes(content)
    elif harm == "truncated":
        chunk.write_bytes(chunk.read_bytes()[:100])
    else:
        chunk.write_bytes(next(p for p in (path / "velocity" / "c").rglob("*") if p.is_file()).read_bytes())
    with pytest.raises(StoreError, match=r"damaged: .*cosine|cannot be read"):
        open_results(path)


def test_a_damaged_manifest_beside_results_is_told_as_such(results: xr.Dataset, tmp_path: Path) -> None:
    """No analysis mends it."""
    save_results(results, tmp_path / "results.zarr")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(
        StoreError, match=r"manifest\.json is not a manifest of residyn's.*Restore manifest\.json from a copy"
    ) as caught:
        open_results(tmp_path / "results.zarr")
    assert "Analyze" not in str(caught.value)


def test_only_a_dataset_is_saved(results: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got DataArray"):
        save_results(results["cosine"], tmp_path / "r.zarr")  # pyright: ignore[reportArgumentType]


def test_long_results_are_stored_in_few_files(tmp_path: Path) -> None:
    long = xr.Dataset({"x": (("sample", "sublayer"), np.zeros((70_000, 2)) + 1.5)})
    save_results(long, tmp_path / "r.zarr")
    assert len([p for p in (tmp_path / "r.zarr" / "x" / "c").rglob("*") if p.is_file()]) == 2
    np.testing.assert_array_equal(open_results(tmp_path / "r.zarr")["x"], long["x"])


@pytest.mark.parametrize(
    ("content", "lost"),
    [
        (b"\x00{", True),
        (b"[]", True),
        (b'{"attributes": 5}', True),
        (
            b'{"attributes": {"residyn_formaT": "residyn results", "residyn_format_version": 1, "sha256": "{}"}}',
            True,
        ),
        (
            b'{"attributes": {"residyn_format": "residyn resultZ", "residyn_format_version": 1, "sha256": ""}}',
            True,
        ),
        (
            b'{"attributes": {"residyn_format": "residyn results", "residyn_format_version": 99, "sha256": ""}}',
            False,
        ),
        (b'{"attributes": {"mine": 1}}', False),
        (None, True),
    ],
)
def test_a_header_that_was_damaged_is_told_from_one_of_somebody_else(tmp_path, content, lost) -> None:
    path = tmp_path / "results.zarr"
    save_results(xr.Dataset({"x": ("t", [1.0])}), path)
    assert has_header(path)
    assert not lost_its_header(path)
    if content is None:
        (path / "zarr.json").unlink()
    else:
        (path / "zarr.json").write_bytes(content)
    assert not has_header(path)
    assert lost_its_header(path) == lost
    (tmp_path / "file").touch()
    assert not lost_its_header(tmp_path / "file")
    assert not lost_its_header(tmp_path / "nothing")


@pytest.mark.parametrize(
    "left", ["nothing", "residyn's arrays", "arrays of somebody else", "a file of somebody else"]
)
def test_what_an_earlier_version_left_half_written_is_made_again(
    results: xr.Dataset, tmp_path: Path, left
) -> None:
    """Two analyses at once left a header without attributes, and whatever arrays the faster one had written."""
    path = tmp_path / "results.zarr"
    zarr.create_group(path, zarr_format=3)
    if left == "residyn's arrays":
        save_results(results, tmp_path / "whole.zarr")
        (tmp_path / "whole.zarr" / "cosine").rename(path / "cosine")
    elif left == "arrays of somebody else":
        zarr.create_array(path / "mine", shape=(3,), dtype="float32")
    elif left == "a file of somebody else":
        (path / "diary.txt").write_text("dear diary")
    ours = left in ("nothing", "residyn's arrays")
    assert lost_its_header(path) == ours
    if ours:
        replace_results(results, path)
        xr.testing.assert_identical(open_results(path), results)
    else:
        with pytest.raises(StoreError, match="did not write what is there"):
            replace_results(results, path)


def test_results_are_not_written_through_a_link(results: xr.Dataset, tmp_path: Path) -> None:
    save_results(results, tmp_path / "outside.zarr")
    (tmp_path / "results.zarr").symlink_to(tmp_path / "outside.zarr")
    with pytest.raises(StoreError, match="is a link"):
        save_results(results[["norm"]], tmp_path / "results.zarr")
    xr.testing.assert_identical(open_results(tmp_path / "outside.zarr"), results)
