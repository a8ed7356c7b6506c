"""What only shows at length: kills at random moments, and memory that must not grow with the number of texts."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import residyn as rd
from families import build, spelling_tokenizer
from residyn.model.loading import load_model

pytestmark = pytest.mark.slow


def shard_files(run: Path) -> dict[str, bytes]:
    files = [*(run / "states.zarr" / "states").glob("c.*"), *(run / "commits").glob("*.json")]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def test_twenty_kills_at_random_moments_leave_the_same_bits(tmp_path):
    """A forked child captures, and is killed without warning; the next one goes on."""
    # The processes share one compiled torch; a pool of threads would not survive the fork.
    torch.set_num_threads(1)
    model = load_model(build("llama"), spelling_tokenizer())
    letters = random.Random(5)
    texts = ["".join(letters.choices("abcdefgh ", k=letters.randint(3, 60))) for _ in range(600)]
    started = time.monotonic()
    rd.capture(model, texts, tmp_path / "whole")
    usual = time.monotonic() - started

    kills = finished = 0
    moments = random.Random(11)
    run = tmp_path / "killed"
    while kills < 20:
        child = os.fork()
        if child == 0:
            try:
                rd.capture(model, texts, run)
            finally:
                os._exit(0)
        time.sleep(moments.uniform(0, usual / 6))
        if os.waitpid(child, os.WNOHANG) == (0, 0):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            kills += 1
        else:
            finished += 1
            run = tmp_path / f"killed-{finished}"
    states = rd.capture(model, texts, run)
    assert states.sizes["sample"] == len(texts)
    assert shard_files(run) == shard_files(tmp_path / "whole")
    for index in range(finished):
        earlier = tmp_path / ("killed" if index == 0 else f"killed-{index}")
        assert shard_files(earlier) == shard_files(tmp_path / "whole")


_MEASURED = """
import json, resource, sys
import residyn as rd
model = rd.load_model("smollm2-135m")
texts = [f"Text number {i} is short." for i in range(int(sys.argv[1]))]
rd.capture(model, texts, sys.argv[2])
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
"""


@pytest.mark.assets
def test_memory_does_not_grow_with_the_number_of_texts(tmp_path):
    """Peak memory at 5,000 texts is within 10 % of that at 500."""

    def peak(n: int) -> int:
        command = [sys.executable, "-c", _MEASURED, str(n), str(tmp_path / str(n))]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    few, many = peak(500), peak(5000)
    assert many < 1.10 * few, (few, many)
