"""Claims as the command line shows them, and the choices that it refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from claims_record import ARCHIVE, example_claims, old_record
from residyn.claims.record import ClaimResult, CriterionResult, NullResult
from residyn.cli.display import Display
from residyn.cli.show import MARKS, claim_row, show_claims
from residyn.runs.layout import CLAIMS
from residyn.runs.verdicts import read_verdicts


@pytest.fixture
def run(tmp_path):
    """A run with verdicts, of the test's own."""
    folder = tmp_path / "run"
    shutil.unpack_archive(ARCHIVE, folder, filter="data")
    return folder


@pytest.fixture(params=[1, 2])
def judged(request, run):
    """The same, with the verdicts of either format."""
    record = old_record() if request.param == 1 else example_claims()
    (run / CLAIMS).write_text(json.dumps(record))
    return run


def test_the_table_names_every_claim_with_its_verdict(judged, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    verdicts = read_verdicts(judged / CLAIMS)
    show_claims(verdicts, judged, Display())
    printed = capsys.readouterr().out
    for one in verdicts.claims:
        assert f"{MARKS[one.verdict]} {one.verdict}{f': {one.origin}' if one.origin else ''}" in printed
        assert one.claim.split()[0] in printed
    assert "14 CCN" in printed
    assert "14 arXiv" in printed
    assert verdicts.model in printed.replace("\n", "")


def test_json_is_the_claims_of_the_file_with_the_names_of_today(judged, capsys):
    verdicts = read_verdicts(judged / CLAIMS)
    show_claims(verdicts, judged, Display(as_json=True))
    told = json.loads(capsys.readouterr().out)
    assert told["run"] == str(judged)
    record = json.loads((judged / CLAIMS).read_text())
    if record["format_version"] == 2:
        assert told["claims"] == record["claims"]
    else:
        assert [one["criteria"][0]["value"] for one in told["claims"]] == [
            one["parts"][0]["value"] for one in record["claims"]
        ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--resamples", 19), "resamples is a whole number of at least 20; got 19"),
        (("--null-draws", 0), "draws is a whole number of at least 1; got 0"),
        (("--claims-seed", -1), "seed is a whole number of at least 0; got -1"),
    ],
)
def test_bad_choices_are_refused(residyn, run, options, message):
    before = (run / CLAIMS).read_bytes()
    code, _, errors = residyn("claims", run, *options, "-q")
    assert code == 2
    assert message in " ".join(errors.split())
    assert (run / CLAIMS).read_bytes() == before


NULL = NullResult(name="walk", mean=0.1, p=0.0123, repeats=19, preserves="", destroys="")


def statistic(**changed) -> CriterionResult:
    known = {"value": 0.71234, "low": 0.6, "high": 0.8, "threshold": 0.5, "above": True, "null": NULL}
    words = {"name": "growth", "statistic": "growth", "units": "", "verdict": "holds"}
    return CriterionResult(**{**words, **known, **changed})


def shown(*criteria, **changed) -> list[str]:
    known = {"number": 1, "variant": "", "claim": "It grows", "panel": "B", "verdict": "holds", "sentence": ""}
    return claim_row(
        ClaimResult(
            **{
                **known,
                "origin": "",
                "reproduced_in": (),
                "passes_in": (),
                "abolished_by": (),
                "criteria": criteria,
                **changed,
            }
        )
    )


@pytest.mark.parametrize(
    ("criterion", "text"),
    [
        (statistic(), "0.712 (0.6 to 0.8) > 0.5, p 0.012"),
        (statistic(above=False, threshold=-0.5), "0.712 (0.6 to 0.8) < -0.5, p 0.012"),
        (statistic(null=None), "0.712 (0.6 to 0.8) > 0.5"),
        (statistic(null=replace(NULL, p=np.nan)), "0.712 (0.6 to 0.8) > 0.5"),
        (statistic(low=np.nan, high=np.nan, null=None), "0.712 > 0.5"),
        (statistic(value=np.nan, low=np.nan, high=np.nan), "not defined (> 0.5)"),
        (statistic(value=np.inf, low=0.6, high=np.nan, null=None), "inf (0.6 to nan) > 0.5"),
        (statistic(threshold=np.nan, null=None), "0.712 (0.6 to 0.8) > nan"),
    ],
)
def test_a_statistic_is_a_line(criterion, text):
    assert shown(criterion) == ["1", "It grows", "● holds", text]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"verdict": "undecided"}, "◐ undecided"),
        ({"verdict": "does not hold", "reproduced_in": ("untrained",)}, "○ does not hold\nalso in untrained"),
        ({"origin": "learned"}, "● holds: learned"),
        ({"origin": "scale", "passes_in": ("permuted weights",)}, "● holds: scale\nless in permuted weights"),
        (
            {
                "origin": "artefact",
                "reproduced_in": ("skip path", "untrained"),
                "passes_in": ("random walk",),
                "abolished_by": ("norm-free",),
            },
            "● holds: artefact\nalso in skip path, untrained\nless in random walk\nnot norm-free",
        ),
    ],
)
def test_a_verdict_is_told_with_what_else_shows_it(changed, said):
    assert shown(statistic(), **changed)[2] == said


def test_a_claim_of_several_statistics_has_a_line_for_each():
    row = shown(statistic(null=None), statistic(value=np.nan), number=14, variant="CCN")
    assert row[0] == "14 CCN"
    assert row[3] == "0.712 (0.6 to 0.8) > 0.5\nnot defined (> 0.5)"
