"""Make the small run that the site's notebooks and gallery are of; one that is there is kept."""

from __future__ import annotations

import time
from pathlib import Path

import residyn as rd

WORK = Path(__file__).parent.parent / "build" / "docs-work"
# Those of a first look, on few short texts and with two of the controls.
SETTINGS = {
    "n": 60,
    "max_tokens": 32,
    "preset": "quick",
    "untrained": 1,
    "shuffled_tokens": True,
    "random_positions": False,
    "autoencoder": True,
    "hosts": 2,
    "jacobian_samples": 2,
    "control_jacobians": 1,
    "untrained_jacobians": 1,
    "permuted_jacobians": False,
    "output_samples": 3,
    "skip_samples": 2,
    "control_outputs": 1,
    "untrained_outputs": 1,
    "grid": 6,
    "directions": 4,
    "null_draws": 5,
    "resamples": 60,
    "formats": ("png",),
}


def main() -> None:
    """Make the run, and say what it cost."""
    started, computed = time.monotonic(), time.process_time()
    run = rd.run("smollm2-135m", out=WORK / "runs" / "small", **SETTINGS)
    print(
        f"{run.directory}: {time.monotonic() - started:.0f} s, {time.process_time() - computed:.0f} s of computing"
    )


if __name__ == "__main__":
    main()
