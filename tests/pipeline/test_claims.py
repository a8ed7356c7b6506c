"""The claims stage: judged once, and gone on with where it was interrupted."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import residyn as rd
from residyn import claims as analysis
from residyn.pipeline import claims as judging
from residyn.runs import half_judged, layout
from residyn.runs.contents import open_controls, open_network_results, open_teleport_results
from residyn.runs.layout import CLAIMS, PARTIAL_CLAIMS
from residyn.runs.stages import read_stage
from residyn.settings import ClaimsSettings
from residyn.store import read_json, read_run
from residyn.store.records import sha256_of_record

QUICK = ("--resamples", 20, "--null-draws", 1, "-q")
SETTINGS = ClaimsSettings(resamples=20, null_draws=1)


@pytest.fixture(scope="module")
def judged(finished, tmp_path_factory):
    """A run without its teleports, judged with few replicates, not to be touched."""
    out = shutil.copytree(finished, tmp_path_factory.mktemp("runs") / "judged")
    shutil.rmtree(out / "teleports")
    layout.stage(out, "teleports").unlink()
    (out / CLAIMS).unlink()
    judging.claims(out, SETTINGS)
    return out


@pytest.fixture
def own(judged, tmp_path):
    return shutil.copytree(judged, tmp_path / "own")


def unjudged(run):
    """The same run before the stage."""
    (run / CLAIMS).unlink()
    return run


def stamp(run) -> tuple[int, bytes]:
    path = run / CLAIMS
    return path.stat().st_mtime_ns, path.read_bytes()


def watched(monkeypatch) -> list[dict]:
    """Every ledger that a judging is begun with, and whether it computes anything is left to it."""
    begun = []
    whole = analysis.judge

    def judge(*arguments, **options):
        begun.append(dict(options["ledger"]))
        return whole(*arguments, **options)

    monkeypatch.setattr(analysis, "judge", judge)
    return begun


def test_a_whole_run_is_judged_on_all_that_it_has(finished):
    record = read_json(finished / CLAIMS)
    assert (record["format"], record["format_version"]) == ("residyn claims", 2)
    assert [one["number"] for one in record["claims"]][:15] == [*range(1, 14), 14, 14]
    assert record["states_hash"] == rd.open_states(finished).attrs["states_hash"]
    names = {condition["name"]: condition for condition in record["conditions"]}
    assert names["untrained"]["draws"] == 3
    assert {"shuffled tokens", "isotropic moves"} <= set(names)
    assert record["claims"][13]["criteria"][0]["value"] is not None
    assert not (finished / PARTIAL_CLAIMS).exists()
    assert read_run(finished)["timings"]["claims_s"] > 0


def test_the_file_is_what_python_judges(finished):
    found = rd.judge(
        rd.open_states(finished),
        rd.open_results(finished / "results.zarr"),
        teleport_summary=open_teleport_results(finished)["summary"],
        local_maps=open_network_results(finished, "jacobians"),
        outputs=open_network_results(finished, "outputs"),
        controls=open_controls(finished),
        numbers=[1, 5, 9, 14, 30, 31, 32, 33],
    )
    record = read_json(finished / CLAIMS)
    told = {(one["number"], one["variant"]): one for one in record["claims"]}
    for one in found.claims:
        here = told[one.number, one.variant]
        assert (here["verdict"], here["sentence"], here["origin"]) == (one.verdict, one.sentence, one.origin)
        for criterion, written in zip(one.criteria, here["criteria"], strict=True):
            stored = [np.nan if written[key] is None else written[key] for key in ("value", "low", "high")]
            judged_here = [criterion.value, criterion.low, criterion.high]
            assert stored == pytest.approx(judged_here, nan_ok=True)


def test_a_second_time_nothing_is_judged(residyn, own, monkeypatch):
    before, begun = stamp(own), watched(monkeypatch)
    code, _, errors = residyn("claims", own, "-q")
    assert code == 0, errors
    assert residyn("claims", own, *QUICK)[0] == 0
    assert stamp(own) == before
    assert begun == []


def test_other_settings_are_judged_again_and_stay(residyn, own, monkeypatch):
    before, begun = read_json(own / CLAIMS), watched(monkeypatch)
    assert residyn("claims", own, "--null-draws", 2, "-q")[0] == 0
    after = read_json(own / CLAIMS)
    assert begun == [{}]
    assert after["claims"] != before["claims"]
    assert (
        before["claims"][2]["criteria"][0]["null"]["repeats"],
        after["claims"][2]["criteria"][0]["null"]["repeats"],
    ) == (1, 2)
    assert read_run(own)["claims"] == {"resamples": 20, "null_draws": 2, "null_samples": 200, "claims_seed": 0}
    # What is not typed is as it was judged last.
    assert residyn("claims", own, "-q")[0] == 0
    assert len(begun) == 1


@pytest.mark.parametrize(("option", "value"), [("--claims-seed", 1), ("--resamples", 21)])
def test_each_setting_decides(residyn, own, option, value):
    before = read_json(own / CLAIMS)
    assert residyn("claims", own, option, value, "-q")[0] == 0
    after = read_json(own / CLAIMS)
    assert after["claims"] != before["claims"]
    interval = [one["claims"][3]["criteria"][0]["low"] for one in (before, after)]
    assert interval[0] != interval[1]


@pytest.mark.slow
def test_a_control_that_is_taken_away_is_told_and_judged_without_where_it_is_not_asked_for(residyn, own):
    before = read_json(own / CLAIMS)
    shutil.rmtree(own / "controls" / "untrained-2")
    code, _, errors = residyn("claims", own, "-q")
    assert code == 5
    assert f"again: residyn controls {own}" in " ".join(errors.split())
    assert residyn("controls", own, "--untrained", 2, "-q")[0] == 0
    assert residyn("claims", own, "-q")[0] == 0
    after = read_json(own / CLAIMS)
    assert after["claims"] != before["claims"]
    draws = [
        {one["name"]: one["draws"] for one in record["conditions"]}["untrained"] for record in (before, after)
    ]
    assert draws == [3, 2]


def test_teleports_that_come_later_are_judged(residyn, own, finished):
    assert read_json(own / CLAIMS)["claims"][13]["criteria"][0]["value"] is None
    shutil.copytree(finished / "teleports", own / "teleports")
    assert residyn("claims", own, "-q")[0] == 0
    after = read_json(own / CLAIMS)["claims"][13]["criteria"][0]
    assert after["value"] == read_json(finished / CLAIMS)["claims"][13]["criteria"][0]["value"]


class Interrupted(KeyboardInterrupt):
    """What a user stops the judging with."""


def interrupt(monkeypatch, after: int) -> None:
    """Stop each judging when so many tasks are kept."""
    whole = half_judged.append_bytes
    kept = []

    def append_bytes(path, content):
        whole(path, content)
        kept.append(path)
        if len(kept) == after:
            raise Interrupted

    monkeypatch.setattr(half_judged, "append_bytes", append_bytes)


def lines_of(path) -> list[dict]:
    """What was kept of a judgement, a record a task."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write_lines(path, lines) -> None:
    """The same as it is written, each with its hash."""
    spelled = []
    for line in lines:
        of = [line["fingerprint"], line["made"]]
        spelled.append(json.dumps({**line, "sha256": sha256_of_record(of)}).encode() + b"\n")
    path.write_bytes(b"".join(spelled))


@pytest.mark.parametrize("after", [1, 12])
def test_an_interrupted_judging_goes_on_and_ends_in_the_same_bytes(residyn, own, judged, monkeypatch, after):
    unjudged(own)
    with monkeypatch.context() as patched:
        interrupt(patched, after)
        assert residyn("claims", own, *QUICK)[0] == 130
    assert not (own / CLAIMS).exists()
    left = {task for line in lines_of(own / PARTIAL_CLAIMS) for task in line["made"]}
    assert len(lines_of(own / PARTIAL_CLAIMS)) == after
    begun = watched(monkeypatch)
    code, _, errors = residyn("claims", own, *QUICK)
    assert code == 0, errors
    assert set(begun[0]) == left
    assert (own / CLAIMS).read_bytes() == (judged / CLAIMS).read_bytes()
    assert not (own / PARTIAL_CLAIMS).exists()


def test_what_is_not_defined_survives_the_interruption(own, monkeypatch):
    unjudged(own)
    with monkeypatch.context() as patched:
        interrupt(patched, 1)
        with pytest.raises(Interrupted):
            judging.claims(own, SETTINGS)
    (line,) = lines_of(own / PARTIAL_CLAIMS)
    line["made"]["model"]["magnitude_trend"] = [None] * 21
    write_lines(own / PARTIAL_CLAIMS, [line])
    first = judging.claims(own, SETTINGS).claims[0]
    assert np.isnan(first.criteria[0].value)
    assert first.verdict == "undecided"
    assert np.isnan(first.criteria[0].low)


@pytest.mark.slow
def test_what_is_left_of_other_settings_is_not_gone_on_with(residyn, own, monkeypatch):
    unjudged(own)
    with monkeypatch.context() as patched:
        interrupt(patched, 3)
        assert residyn("claims", own, *QUICK)[0] == 130
    begun = watched(monkeypatch)
    assert residyn("claims", own, *QUICK, "--claims-seed", 1)[0] == 0
    assert begun == [{}]
    assert not (own / PARTIAL_CLAIMS).exists()


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [CLAIMS, PARTIAL_CLAIMS])
@pytest.mark.parametrize("content", [b"", b'{"ledger": "', b"[1, 2]", b"\xff\xfe\x00"])
def test_a_damaged_record_is_made_again(own, judged, damaged, content):
    unjudged(own)
    (own / damaged).write_bytes(content)
    judging.claims(own, SETTINGS)
    assert (own / CLAIMS).read_bytes() == (judged / CLAIMS).read_bytes()
    assert not (own / PARTIAL_CLAIMS).exists()


@pytest.mark.slow
def test_a_ledger_that_was_changed_is_not_gone_on_with(residyn, own, monkeypatch):
    unjudged(own)
    with monkeypatch.context() as patched:
        interrupt(patched, 3)
        assert residyn("claims", own, *QUICK)[0] == 130
    lines = lines_of(own / PARTIAL_CLAIMS)
    task = next(iter(lines[1]["made"].values()))
    task[next(iter(task))][0] = 0.5
    (own / PARTIAL_CLAIMS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    begun = watched(monkeypatch)
    assert residyn("claims", own, *QUICK)[0] == 0
    assert set(begun[0]) == {*lines[0]["made"], *lines[2]["made"]}


@pytest.mark.slow
@pytest.mark.parametrize("cut", [1, 40, 0.5])
def test_a_line_that_was_written_in_part_is_dropped_and_the_ones_before_stay(own, judged, monkeypatch, cut):
    unjudged(own)
    with monkeypatch.context() as patched:
        interrupt(patched, 3)
        with pytest.raises(Interrupted):
            judging.claims(own, SETTINGS)
    content = (own / PARTIAL_CLAIMS).read_bytes()
    last = len(content) - content.rstrip(b"\n").rfind(b"\n") - 1
    (own / PARTIAL_CLAIMS).write_bytes(content[: -(cut if cut >= 1 else int(cut * last))])
    whole = content.splitlines()[: 3 if cut == 1 else 2]
    begun = watched(monkeypatch)
    with monkeypatch.context() as patched:
        interrupt(patched, 1)
        with pytest.raises(Interrupted):
            judging.claims(own, SETTINGS)
    assert set(begun[0]) == {task for line in whole for task in json.loads(line)["made"]}
    # What follows stands on lines of its own: nothing is lost to the part that was there.
    assert (own / PARTIAL_CLAIMS).read_bytes().splitlines()[: len(whole)] == whole
    assert len(lines_of(own / PARTIAL_CLAIMS)) == len(whole) + 1
    judging.claims(own, SETTINGS)
    assert (own / CLAIMS).read_bytes() == (judged / CLAIMS).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record.pop("claims"),
        lambda record: record["claims"][0].update(sentence=5),
        lambda record: record["claims"][3].update(verdict="maybe"),
        lambda record: record["claims"][1]["criteria"][0].pop("threshold"),
    ],
)
def test_verdicts_that_were_changed_since_are_judged_again(own, judged, damage):
    record = read_json(own / CLAIMS)
    damage(record)
    (own / CLAIMS).write_text(json.dumps(record))
    judging.claims(own, SETTINGS)
    assert (own / CLAIMS).read_bytes() == (judged / CLAIMS).read_bytes()


@pytest.mark.parametrize(
    "ledger", [[1], {"model": 3}, {"model": {"x": 1}}, {"model": {"x": ["1"]}}, {"model": {"x": [True]}}, "text"]
)
def test_what_is_left_that_is_no_ledger_is_not_gone_on_with(own, monkeypatch, ledger):
    fingerprint = read_stage(own, judging.NAME).fingerprint
    unjudged(own)
    write_lines(own / PARTIAL_CLAIMS, [{"fingerprint": fingerprint, "made": ledger}])
    begun = []
    monkeypatch.setattr(analysis, "judge", lambda *_, **options: begun.append(options["ledger"]) or stop())
    with pytest.raises(Interrupted):
        judging.claims(own, SETTINGS)
    assert begun == [{}]


def stop():
    raise Interrupted


def test_results_of_other_states_are_warned_of_and_left_out(residyn, own, monkeypatch):
    path = own / "results.zarr"
    rd.save_results(rd.open_results(path).assign_attrs(states_hash="0" * 64), path)
    layout.stage(own, "analysis").unlink()
    given = []
    monkeypatch.setattr(analysis, "judge", lambda *arguments, **_: given.append(arguments[1]) or stop())
    code, _, errors = residyn("claims", own, "-q")
    # The verdicts that are there were made with the results: they are not taken for these.
    assert (code, given) == (130, [None])
    assert f"of earlier states than it holds. Renew them: residyn analyze {own}" in errors


@pytest.mark.slow
def test_other_results_are_judged_again(own, monkeypatch):
    path = own / "results.zarr"
    rd.save_results(rd.open_results(path).drop_vars("massive_ratio"), path)
    layout.stage(own, "analysis").unlink()
    begun = watched(monkeypatch)
    judging.claims(own, SETTINGS)
    assert begun == [{}]
