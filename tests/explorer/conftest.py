"""A small real run with hostile texts, teleports, local maps, outputs and verdicts, and its explorer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import residyn as rd
from claims_record import example_claims
from residyn.explorer.content import gather
from residyn.explorer.record import Explorer
from residyn.pipeline.analysis import analysis
from residyn.pipeline.capture import capture
from residyn.pipeline.explorer import explorer
from residyn.pipeline.jacobians import jacobians
from residyn.pipeline.outputs import outputs
from residyn.pipeline.teleports import teleports
from residyn.settings import AnalysisSettings, CaptureSettings, JacobianSettings, OutputSettings, TeleportSettings
from residyn.store import open_states

N_TEXTS = 26
HOSTILE = "</script><img src=x onerror=document.title=1> & <b>b</b> &lt; \u2028 “a” -->"
WORDS = "abc defg hij <i>klm</i> no pq rst uvw xyz "


@pytest.fixture(scope="session")
def run(model_folder, tmp_path_factory) -> Path:
    """Captured, analysed, teleported, its local maps and outputs taken, judged and explored; not to be touched."""
    folder = tmp_path_factory.mktemp("explored")
    texts = [f"{WORDS * (1 + i % 4)}{HOSTILE} number {i}" for i in range(N_TEXTS)]
    (folder / "texts.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    made = folder / "run"
    capture(made, str(model_folder), CaptureSettings(texts=str(folder / "texts.jsonl"), min_chars=0))
    analysis(made, AnalysisSettings(estimators=("gcmi",), shuffles=1, components=6, leave_out=(1,)))
    teleports(
        made,
        TeleportSettings(
            hosts=2, grid=3, inject=("0.mlp", "1.attn", "1.mlp"), directions=3, untrained_teleports=0
        ),
    )
    jacobians(made, JacobianSettings(jacobian_samples=3, control_jacobians=2, untrained_jacobians=2))
    outputs(made, OutputSettings(output_samples=4, skip_samples=2, control_outputs=2, untrained_outputs=2))
    judged = {**example_claims(), "states_hash": open_states(made).attrs["states_hash"]}
    (made / "claims.json").write_text(json.dumps(judged), encoding="utf-8")
    explorer(made)
    return made


@pytest.fixture
def copied(run, tmp_path) -> Path:
    """The same, of the test's own."""
    return shutil.copytree(run, tmp_path / "run")


@pytest.fixture(scope="session")
def explored(run) -> Explorer:
    return gather(run)


@pytest.fixture(scope="session")
def other_run(tmp_path_factory) -> Path:
    """States of a recording with ten places along depth, analysed; not to be touched."""
    rng = np.random.default_rng(7)
    values = np.cumsum(rng.normal(size=(20, 10, 12)), axis=1)
    made = tmp_path_factory.mktemp("other") / "run"
    rd.save_states(rd.from_array(values), made)
    analysis(made, AnalysisSettings(estimators=("gcmi",), shuffles=1, components=6, leave_out=(1,)))
    return made
