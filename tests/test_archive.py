"""A run directory of format 1, kept as it was written, is opened by the residyn of today.

It holds a tiny random Llama (2 layers of 16 units) on 24 texts of 12 documents, with one untrained control,
two hosts of teleports, results and claims. What can be made again of these (figures, tables, report) was left out.
"""

from __future__ import annotations

import html
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import residyn as rd
from residyn.cli.display import Display
from residyn.cli.running import run_command
from residyn.cli.show import show_claims
from residyn.runs.verdicts import read_verdicts
from residyn.store import read_run, verify
from residyn.words import MARKS, interval, with_origin

ARCHIVE = Path(__file__).parent / "data" / "run-format-1.tar.xz"
SUBLAYERS = ["0.attn", "0.mlp", "1.attn", "1.mlp"]


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archived") / "run"
    shutil.unpack_archive(ARCHIVE, folder, filter="data")
    return folder


def test_states_are_the_same_bits(archived):
    report = verify(archived)
    assert report.ok
    assert (report.n_valid, report.pending, report.strangers) == (2, (), ())
    states = rd.open_states(archived)
    assert states.shape == (24, 4, 16)
    assert list(states["sublayer"].values) == SUBLAYERS
    assert sorted(states["sample"].values) == list(range(24))
    assert len(set(states["document"].values)) == 12
    assert states.attrs["states_hash"] == "e77a16289f4d362f74aca9d92da18dcc59ffec2a271cb33ac23fa6a6e26247de"
    assert states.sel(sample=3, sublayer="1.mlp").values[:3].tolist() == [
        0.01092492789030075,
        0.027178481221199036,
        0.005747964605689049,
    ]
    assert rd.open_states(archived / "controls" / "untrained-0").shape == (24, 4, 16)
    assert read_run(archived)["model"]["n_parameters"] == 5456


def test_results_are_the_same_numbers_and_those_of_today(archived):
    results = rd.open_results(archived / "results.zarr")
    assert results["cosine"].dims == ("sample", "transition")
    assert results["cosine"].attrs["states_hash"] == results.attrs["states_hash"]
    assert list(results["transition"].values) == [f"{a}→{b}" for a, b in itertools.pairwise(SUBLAYERS)]
    assert float(results["cosine"].mean()) == pytest.approx(0.9660449515062578, abs=1e-14)
    assert float(results["mutual_information"].mean()) == pytest.approx(1.6199542688296606, abs=1e-14)
    states = rd.open_states(archived)
    for quantity in (rd.cosine, rd.velocity, rd.unit_correlation):
        today = quantity(states)
        stored = results[today.name]
        if "sample" in stored.dims:
            stored = stored.sel(sample=today["sample"])
        np.testing.assert_allclose(today.values, stored.values, rtol=0, atol=1e-12)


def test_claims_are_the_same_verdicts(archived):
    verdicts = read_verdicts(archived / "claims.json")
    assert verdicts is not None
    assert verdicts.states_hash == rd.open_states(archived).attrs["states_hash"]
    assert [claim.label for claim in verdicts.claims] == [*map(str, range(1, 14)), "14 CCN", "14 arXiv"]
    first = verdicts.claims[0]
    assert first.verdict == "does not hold"
    assert first.criteria[0].value == pytest.approx(0.2, abs=1e-14)
    assert first.criteria[0].null is not None
    assert first.criteria[0].null.p == pytest.approx(0.418, abs=1e-14)
    assert first.criteria[0].conditions["untrained"].value == pytest.approx(-0.4, abs=1e-14)


def test_claims_are_shown_compared_and_reported(archived, tmp_path, capsys):
    run = shutil.copytree(archived, tmp_path / "run")
    other = shutil.copytree(archived, tmp_path / "other")
    record = json.loads((run / "claims.json").read_text())
    assert record["format_version"] == 1
    verdicts = read_verdicts(run / "claims.json")
    assert verdicts is not None
    show_claims(verdicts, run, Display())
    shown = "".join(capsys.readouterr().out.split())
    for claim in verdicts.claims:
        assert f"{MARKS[claim.verdict]}{claim.verdict}".replace(" ", "") in shown
    assert run_command(["compare", str(run), str(other), "--out", str(tmp_path / "both"), "-q"]) == 0
    table = pd.read_csv(tmp_path / "both" / "tables" / "claims.csv")
    assert table["run"].tolist() == [with_origin(one["verdict"], one["origin"]) for one in record["claims"]]
    assert table["run"].tolist() == table["other"].tolist()
    page = rd.write_report(run).read_text(encoding="utf-8")
    words = " ".join(re.sub("<[^>]*>", " ", html.unescape(page)).split())
    for claim in verdicts.claims:
        assert claim.claim in words
        for one in claim.criteria:
            assert f"{one.statistic} {interval(one.value, one.low, one.high)}" in words


def test_teleports_are_the_same_trajectories(archived):
    teleports = rd.open_teleports(archived)
    assert dict(teleports.sizes) == {
        "host": 2,
        "check": 5,
        "sublayer": 4,
        "unit": 16,
        "injected": 2,
        "target": 31,
        "step": 3,
    }
    assert "partial" not in teleports.attrs
    squares = np.square(teleports["states"].astype("float64")).sum()
    assert float(squares) == pytest.approx(56.574097092834826, rel=1e-14)
    flow = rd.open_results(archived / "teleports" / "flow.zarr")
    assert float(flow["amplification"].mean()) == pytest.approx(1.000569059817915, abs=1e-14)
    summary = rd.open_results(archived / "teleports" / "summary.zarr")
    assert list(summary["model"].values) == ["trained", "untrained 0", "trained − untrained"]


def test_it_is_opened_with_a_note_that_nothing_covers_its_results(archived):
    with pytest.warns(UserWarning, match="analyze and teleport and claims left in .* is covered by no hashes"):
        run = rd.open_run(archived)
    assert run.claims is not None
    assert run.results.attrs["states_hash"] == run.states.attrs["states_hash"]
    assert list(run.controls) == ["untrained-0"]
