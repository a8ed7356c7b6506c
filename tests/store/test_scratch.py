"""A folder of one process's own inside a cache: others leave it alone while it is used, and sweep it later."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from residyn.store.layout import LOCK
from residyn.store.scratch import scratch_in

KILLED = """
import os, signal, sys
from pathlib import Path
from residyn.store.layout import LOCK
from residyn.store.scratch import scratch_in
with scratch_in(Path(sys.argv[1]), ".work-"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_many_at_once_keep_what_they_made(tmp_path):
    def use(number):
        for turn in range(40):
            with scratch_in(tmp_path, ".work-") as made:
                (made / "file").write_text(f"{number} {turn}")
                time.sleep(0)
                assert (made / "file").read_text() == f"{number} {turn}"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    assert ended.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    with scratch_in(tmp_path, ".work-") as made:
        assert list(tmp_path.iterdir()) == [made]
        assert made != left


@pytest.mark.parametrize(("hours", "stays"), [(0, True), (2, False)])
def test_a_folder_whose_lock_is_not_taken_yet_is_left_until_it_is_old(tmp_path, hours, stays):
    """Its maker may be stopped at any line before it has the lock."""
    young = tmp_path / ".new.work-abc"
    young.mkdir()
    (young / LOCK).touch()
    then = time.time() - 3600 * hours
    os.utime(young, (then, then))
    with scratch_in(tmp_path, ".work-"):
        assert young.exists() == stays


def test_links_and_files_of_others_stay(tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / ".work-link").symlink_to(tmp_path / "theirs")
    (tmp_path / ".work-file").touch()
    with scratch_in(tmp_path, ".work-"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"theirs", ".work-link", ".work-file"}
