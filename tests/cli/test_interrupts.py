"""Ctrl-C, SIGTERM and outputs that cannot be written to are told, whatever the moment and the verb."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from residyn.errors import ResourceError, StoreError, lacking

MAIN = "from residyn.cli import main; main()"
SAID = "Interrupted. Run the same command again to go on."


def program(before: str, *arguments: str, **options) -> subprocess.Popen[str]:
    """The command line in a process of its own, after some Python has been run there."""
    command = [sys.executable, "-c", f"{before}\n{MAIN}", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("error", [KeyboardInterrupt, "signal"])
@pytest.mark.parametrize("verb", ["info", "verify", "analyze", "figure", "report", "claims", "capture"])
def test_every_verb_says_that_it_was_interrupted(residyn, monkeypatch, tmp_path, verb, error):
    def interrupted(*_, **__):
        if error == "signal":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        raise KeyboardInterrupt

    for place in ("store.info", "store.verify", "store.open_states", "store.read_run"):
        monkeypatch.setattr(f"residyn.{place}", interrupted)
    monkeypatch.setattr("residyn.pipeline.figures.open_run_results", interrupted)
    monkeypatch.setattr("residyn.pipeline.report._stage", interrupted)
    monkeypatch.setattr("residyn.pipeline.capture.is_control", interrupted)
    code, _, errors = residyn(verb, tmp_path)
    assert (code, SAID in " ".join(errors.split())) == (130, True), errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["import", "work", "threads"])
def test_a_signal_ends_the_process_with_a_message_at_once(tmp_path, number, moment):
    """While modules are imported, at work, and while threads compute that nobody waits for any more."""
    hook = {
        "import": "import sys\nclass F:\n def find_spec(self, name, *_):\n"
        "  if name == 'residyn.cli.running': sign()\nsys.meta_path.insert(0, F())",
        "work": "import residyn.store\nresidyn.store.info = lambda path: sign()",
        "threads": "import residyn.store, concurrent.futures\n"
        "def busy(path):\n concurrent.futures.ThreadPoolExecutor(1).submit(time.sleep, 60)\n sign()\n"
        "residyn.store.info = busy",
    }[moment]
    # Whoever starts the tests in the background has them ignore what Ctrl-C sends, and so do their children.
    heeding = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)"
    before = f"{heeding}\nimport time\ndef sign():\n print('ready', flush=True)\n time.sleep(60)\n{hook}"
    process = program(before, "info", str(tmp_path), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    started = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert SAID in " ".join(errors.split())
    assert "Traceback" not in errors
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("arguments", [["presets"], ["presets", "--json"], ["--help"]])
@pytest.mark.parametrize("place", ["/dev/full", "closed"])
def test_an_output_that_cannot_be_written_to_is_told(arguments, place):
    quoted = " ".join(arguments)
    redirected = ">&-" if place == "closed" else f"> {place}"
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -c '{MAIN}' {quoted} {redirected}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6, done.stderr
    assert "Results could not be printed on standard output" in " ".join(done.stderr.split())
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", "<&-"])
def test_other_streams_may_be_closed(redirected):
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -c '{MAIN}' presets {redirected}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "--grid" in done.stdout


def test_an_error_that_cannot_be_told_has_its_exit_code(tmp_path):
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -c '{MAIN}' info {tmp_path} 2>/dev/full"], check=False, capture_output=True
    )
    assert done.returncode == StoreError.exit_code


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(24, "Too many open files"), "ulimit -n"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (MemoryError(), "memory"),
        (RecursionError("maximum recursion depth exceeded"), "nested deeper"),
    ],
)
def test_what_the_machine_lacks_is_told_as_such(residyn, monkeypatch, tmp_path, error, said):
    def fails(_):
        raise error

    monkeypatch.setattr("residyn.store.info", fails)
    code, _, errors = residyn("info", tmp_path)
    assert code == (5 if isinstance(error, RecursionError) else 6)
    assert said in errors
    assert "defect" not in errors


def test_what_the_machine_lacks_is_found_behind_other_errors():
    error = ValueError("zarr could not")
    error.__cause__ = OSError(24, "Too many open files")
    assert isinstance(lacking(error), ResourceError)
    assert lacking(ValueError("x")) is None
    assert lacking(OSError(28, "No space left on device")) is None


def test_too_few_descriptors_are_not_taken_for_damage(finished_states):
    """Whatever needs to be imported is; then not one file more can be opened."""
    before = (
        "import os, resource, sys; from residyn.cli.running import run_command\n"
        f"assert run_command(['info', {str(finished_states)!r}]) == 0\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "try:\n while True: os.dup(0)\nexcept OSError: pass\n"
    )
    command = f"{before}\nsys.exit(run_command(['info', {str(finished_states)!r}]))"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 6, done.stderr
    assert "ulimit -n" in done.stderr


@pytest.fixture
def finished_states(tmp_path):
    from store.producer import complete

    return complete(tmp_path / "run")
