"""At which step of its training each compared run's model is: as it is said, or as names say it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from residyn.errors import UsageError

FROM_NAMES = "names"
"""What is said in place of steps where names are to tell them."""

_LONGEST = 15
"""Digits of a step, at the most: such numbers are exact as float64."""
_IN_NAME = re.compile(
    r"(?<![a-z])(?:global[-_]?)?(?:step|checkpoint|ckpt|iter(?:ation)?)s?[-_=]?(\d+)(?![a-z\d])", re.I
)


def step_of(name: str) -> int | None:
    """The training step that a name says; None where it says none, or two that are not the same.

    Read are the ways in which checkpoints are named: "step1000" (Pythia), "checkpoint-500" (transformers),
    "stage1-step1000-tokens4B" (OLMo), "global_step20", "iter_0001000", "ckpt-7". A number without such a word is
    no step, nor is one with a letter behind it ("step4B"). Of a path it is the deepest folder that says any.
    """
    told = (_IN_NAME.findall(part) for part in reversed(re.split(r"[/\\]", name)))
    found = {int(digits) for digits in next(filter(None, told), ()) if len(digits) <= _LONGEST}
    return found.pop() if len(found) == 1 else None


def steps_of_runs(said: str, names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The training step of each run, by the run's name, in the order of the steps.

    `said` is a whole number for each run, in the order of the runs, separated by commas; or "names": then each
    step is the one that the first of the run's `names` says which says any (see `step_of`). Raises UsageError
    where there are not as many steps as runs, a step is no whole number from 0 on or cannot be told, or two runs
    are at the same step.
    """
    steps = (
        _named(names) if said.strip() == FROM_NAMES else dict(zip(names, _typed(said, len(names)), strict=True))
    )
    at: dict[int, str] = {}
    for run, step in steps.items():
        if step in at:
            raise UsageError(
                f"Checkpoints stand at steps that differ; {at[step]} and {run} are both at step {step}. Compare "
                "one of them, or, where stages of the training count from 0 each, give steps that go on: "
                "--steps 0,1000,…"
            )
        at[step] = run
    return {at[step]: step for step in sorted(at)}


def _typed(said: str, n_runs: int) -> list[int]:
    words = [word.strip() for word in said.split(",")]
    wrong = [word for word in words if not (word.isascii() and word.isdigit() and len(word) <= _LONGEST)]
    if wrong:
        raise UsageError(
            f"Steps are whole numbers from 0 on, separated by commas, or the word {FROM_NAMES!r}; got "
            f"{wrong[0]!r}. Say, for three runs: --steps 0,1000,10000"
        )
    if len(words) != n_runs:
        raise UsageError(
            f"Each run has one training step, in the order of the runs; got {len(words)} for {n_runs} of them."
        )
    return [int(word) for word in words]


def _named(names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    steps = {}
    for run, of_run in names.items():
        told = [step for name in of_run if (step := step_of(name)) is not None]
        if not told:
            raise UsageError(
                f"The training step of {run} cannot be told from {' or '.join(ascii(name) for name in of_run)}: "
                "read are names such as step1000 or checkpoint-500. Give the steps in the order of the runs: "
                "--steps 0,1000,…"
            )
        steps[run] = told[0]
    return steps
