"""kill -9 before every file operation and before random ones: the resumed run equals an uninterrupted one."""

import random
import signal

from residyn.store import open_states, verify
from store.producer import capture_killed_at, complete, numbers_on_disk


def killed(processes, path, event, rows_per_shard):
    """Run the capture in a child that dies before its `event`-th file operation; whether it did die."""
    child = processes.Process(target=capture_killed_at, args=(path, event, rows_per_shard))
    child.start()
    child.join(60)
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def test_a_run_killed_before_any_one_file_operation_resumes_bit_identically(processes, tmp_path):
    whole = tmp_path / "whole"
    assert not killed(processes, whole, event=-1, rows_per_shard=8)
    reference = numbers_on_disk(whole)
    events = int((tmp_path / "whole.events").read_text())
    assert events > 40  # creation, and two commits of several operations each
    for event in range(1, events + 1):
        path = tmp_path / f"run-{event}"
        assert killed(processes, path, event, rows_per_shard=8)
        assert numbers_on_disk(complete(path, rows_per_shard=8)) == reference, f"killed before operation {event}"


def test_a_run_killed_twenty_times_at_random_is_bit_identical(processes, tmp_path):
    path = tmp_path / "run"
    moments = random.Random(20250213)
    kills = 0
    while kills < 20:
        assert killed(processes, path, moments.randint(1, 40), rows_per_shard=1)
        kills += 1
    complete(path, rows_per_shard=1)
    assert numbers_on_disk(path) == numbers_on_disk(complete(tmp_path / "whole", rows_per_shard=1))
    assert verify(path).ok
    assert open_states(path).notnull().all()
