"""What killed writers leave is swept by the next one, and nothing is written or removed through links."""

from __future__ import annotations

import os
import shutil
import threading

import pytest

from residyn.errors import StoreError
from residyn.store import open_writer, update_run, verify
from residyn.store.leftovers import sweep_beside
from residyn.store.lock import is_held, locked
from store.producer import complete, hold, numbers_on_disk

HEX = "0123456789abcdef" * 2
OURS = [
    f".run.json.{HEX}.tmp",
    f".claims.partial.json.{HEX}.tmp",
    f"states.zarr/states/c.1.0.{HEX}.partial",
    f"states.zarr/states/.zarr.json.{HEX}.tmp",
    f"commits/.000001.json.{HEX}.tmp",
    f"tables/.velocity.csv.{HEX}.tmp",
    "figures/.figure1.png.partial",
    f"controls/untrained-0/.run.json.{HEX}.tmp",
    f"controls/untrained-0/states.zarr/states/c.0.0.{HEX}.partial",
    f"untrained/0/teleport.zarr/.host-00000.zip.{HEX}.tmp",
]
FOLDERS = [
    f".results.zarr.{HEX}.partial",
    "results.zarr.partial",
    "results.zarr.replaced",
    f"teleports/.flow.zarr.{HEX}.removed",
]
THEIRS = ["notes.tmp", f".notes.{HEX}.txt", "c.1.0.abc.partial", f"mine/.run.json.{HEX}.tmp", ".figure.partial"]


def put(run, names, content=b"x"):
    for name in names:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(content)


def test_leftovers_are_swept_at_any_depth_and_nothing_else_is(run):
    put(run, [*OURS, *THEIRS, *(f"{name}/c/0" for name in FOLDERS)])
    with locked(run):
        assert not [name for name in [*OURS, *FOLDERS] if (run / name).exists()]
        assert all((run / name).exists() for name in THEIRS)
    assert verify(run).ok


@pytest.mark.parametrize(
    "write", [lambda run: update_run(run, note="x"), lambda run: open_writer(run).__enter__()]
)
def test_every_writer_sweeps(run, write):
    put(run, OURS)
    write(run)
    assert not [name for name in OURS if (run / name).exists()]


def test_a_control_that_another_process_writes_is_left_to_it(run, template, processes):
    control = shutil.copytree(template, run / "controls" / "untrained-0")
    ready, release = processes.Event(), processes.Event()
    holder = processes.Process(target=hold, args=(control, ready, release))
    holder.start()
    assert ready.wait(30)
    put(run, OURS)
    try:
        assert is_held(control)
        with locked(run):
            left = {name for name in OURS if (run / name).exists()}
        assert left == {name for name in OURS if name.startswith("controls/")}
    finally:
        release.set()
        holder.join(30)
    assert not is_held(control)
    with locked(run):
        assert not [name for name in OURS if (run / name).exists()]


def test_what_was_moved_aside_comes_back_where_its_place_is_empty(run):
    """A kill between the two renames of a replacement."""
    put(run, [f".results.zarr.{HEX}.replaced/zarr.json"], b"earlier")
    with locked(run):
        assert (run / "results.zarr" / "zarr.json").read_bytes() == b"earlier"
    put(run, [f".results.zarr.{HEX}.replaced/zarr.json"], b"earlier still")
    with locked(run):
        assert (run / "results.zarr" / "zarr.json").read_bytes() == b"earlier"
    assert not list(run.glob(".results*"))


def test_without_a_lock_only_old_leftovers_of_the_same_file_are_swept(tmp_path):
    old, young, other = (
        tmp_path / f".{name}.{digits * 32}.tmp" for name, digits in (("a", "0"), ("a", "1"), ("b", "0"))
    )
    put(tmp_path, [path.name for path in (old, young, other)])
    for path in (old, other):
        os.utime(path, (1, 1))
    sweep_beside(tmp_path / "a")
    assert [path.exists() for path in (old, young, other)] == [False, True, True]


@pytest.mark.parametrize(
    "name",
    [
        "tables",
        "figures",
        "teleports",
        "untrained",
        "untrained/0",
        "controls",
        "controls/untrained-0",
        "results.zarr",
        "stages",
        "teleport.zarr",
        "states.zarr",
        "commits",
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_links_in_the_place_of_folders_are_refused_before_anything_is_removed(run, tmp_path, name, there):
    outside = tmp_path / "outside"
    if there:
        outside.mkdir()
        put(outside, [f".run.json.{HEX}.tmp", "precious"])
    if (run / name).exists():
        shutil.rmtree(run / name)
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).symlink_to(outside)
    put(run, [f".run.json.{HEX}.tmp"])
    with (
        pytest.raises(StoreError, match=f"{run / name} is a link. Inside a run directory nothing is written"),
        locked(run),
    ):
        pass
    assert (run / f".run.json.{HEX}.tmp").exists()
    assert not there or len(list(outside.iterdir())) == 2


def test_a_link_to_the_whole_run_is_the_run(run, tmp_path):
    (tmp_path / "link").symlink_to(run)
    with locked(tmp_path / "link") as ours, locked(run) as same:
        assert ours is same


def test_the_lock_is_taken_again_by_its_own_thread_alone(run):
    with locked(run), locked(run):
        told = []

        def other():
            with pytest.raises(StoreError, match=f"process {os.getpid()} on") as caught, locked(run):
                pass
            told.append(str(caught.value))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert told
    assert (run / "residyn.lock").read_bytes() == b""  # nobody's name stays behind
    with locked(run):
        pass


def test_a_pipe_in_the_place_of_the_lock_is_refused_at_once(run):
    (run / "residyn.lock").unlink(missing_ok=True)
    os.mkfifo(run / "residyn.lock")
    with pytest.raises(StoreError, match="a named pipe stands there"), locked(run):
        pass


def test_a_link_in_the_place_of_the_lock_is_named_and_what_it_leads_to_is_left(run, tmp_path):
    (run / "residyn.lock").unlink(missing_ok=True)
    (tmp_path / "elsewhere").write_text("mine")
    (run / "residyn.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"residyn\.lock is a link.*Remove it"), locked(run):
        pass
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_whole_run_has_the_same_numbers_after_a_sweep(run, tmp_path):
    before = numbers_on_disk(run)
    put(run, OURS)
    with locked(run):
        pass
    shutil.rmtree(run / "controls")
    assert numbers_on_disk(run) == before == numbers_on_disk(complete(tmp_path / "again"))
