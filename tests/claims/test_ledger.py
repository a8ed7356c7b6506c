"""Judging that is interrupted and gone on with; claims judged apart and together; the record as JSON."""

from __future__ import annotations

import copy
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

import synthetic_claims as synthetic
from residyn.claims import Verdicts, judge
from residyn.claims.registry import claims
from residyn.claims.work import Work
from residyn.errors import DataError, UsageError
from residyn.settings import ClaimsSettings
from residyn.store.records import canonical, plain

SETTINGS = ClaimsSettings(resamples=20, null_draws=2, null_samples=20)


class Interrupted(Exception):
    """What a test stops the judging with."""


@pytest.fixture(scope="module")
def states():
    rng = np.random.default_rng(1)
    sites = ("attn", "mlp")
    return synthetic.labelled(
        np.cumsum(rng.standard_normal((24, 10, 16)) + 0.3, axis=1), sites=sites, tie_fraction=0.7
    )


@pytest.fixture(scope="module")
def controls(states):
    rng = np.random.default_rng(2)
    names = ("untrained-0", "untrained-1", "shuffled-tokens", "random-position")
    return {name: states + rng.standard_normal(states.shape).astype(np.float32) for name in names}


@pytest.fixture(scope="module")
def summary():
    pull = np.array([0.4, 0.4, 0.0, -0.2, -0.2]) + 0.1 * np.random.default_rng(0).standard_normal((3, 6, 5))
    return synthetic.summary(pull, [0, 1, 2, 3, 4], models=["trained", "untrained 0", "untrained 1"])


@pytest.fixture(scope="module")
def options(controls, summary):
    return {"controls": controls, "teleport_summary": summary, "settings": SETTINGS}


@pytest.fixture(scope="module")
def whole(states, options) -> tuple[Verdicts, dict, int]:
    """The verdicts, their ledger, and how many tasks were done."""
    kept = []
    found = judge(states, **options, keep=lambda ledger: kept.append(copy.deepcopy(ledger)))
    return found, kept[-1], len(kept)


def bits(found: Verdicts) -> bytes:
    return canonical(plain(found.to_record()))


def interrupted(states, options, after: int, ledger: dict | None = None) -> dict:
    """What is left of a judging that is stopped after some tasks, as a file keeps it."""
    kept = []

    def keep(ledger):
        kept.append(json.loads(json.dumps(ledger)))
        if len(kept) == after:
            raise Interrupted

    with pytest.raises(Interrupted):
        judge(states, **options, keep=keep, ledger=ledger)
    return kept[-1]


def test_a_judging_that_is_stopped_anywhere_ends_in_the_same_bits(states, options):
    """Of claims that need every sort of task: the model, surrogates, controls, twins, nulls, teleports."""
    few = {**options, "numbers": [3, 9, 12, 14]}
    tasks = []
    found = judge(states, **few, keep=lambda ledger: tasks.append(len(ledger)))
    for after in range(1, len(tasks) + 1):
        ledger = interrupted(states, few, after)
        assert len(ledger) == tasks[after - 1]
        again = []
        resumed = judge(states, **few, ledger=ledger, keep=lambda ledger, again=again: again.append(1))
        assert bits(resumed) == bits(found), after
        assert len(again) == len(tasks) - after


def test_it_can_be_stopped_again_and_again(states, options, whole):
    found, _, n_tasks = whole
    ledger = None
    for _ in range(n_tasks // 5):
        ledger = interrupted(states, options, 5, ledger)
    resumed = judge(states, **options, ledger=ledger)
    assert bits(resumed) == bits(found)


def test_what_is_done_is_not_done_again(states, options, whole, monkeypatch):
    found, ledger, _ = whole
    monkeypatch.setattr("residyn.claims.work.measured", lambda *_, **__: pytest.fail("computed again"))
    assert bits(judge(states, **options, ledger=copy.deepcopy(ledger))) == bits(found)


def test_what_was_left_behind_is_what_is_used(states, options, whole):
    found, ledger, _ = whole
    changed = copy.deepcopy(ledger)
    changed["model"]["magnitude_trend"] = [0.25] * 21
    other = judge(states, **options, ledger=changed).claims[0].parts[0]
    assert (other.value, found.claims[0].parts[0].value) == (0.25, pytest.approx(1, abs=0.3))


def test_every_task_is_kept_and_counted(states, options, controls):
    work = Work(states, None, controls, SETTINGS, [claim for claim in claims() if claim.of == "states"])
    names = [name for name, _ in work.tasks()]
    assert len(set(names)) == len(names)
    kept, counted = [], []
    judge(
        states,
        **options,
        keep=lambda ledger: kept.append(list(ledger)),
        progress=lambda done, total: counted.append((done, total)),
    )
    assert counted == [(done, len(names)) for done in range(len(names) + 1)]
    assert [name in made for name, made in zip(names, kept, strict=True)] == [True] * len(names)
    assert all(set(before) < set(after) for before, after in itertools.pairwise(kept))
    assert set(kept[-1]) - set(names) == {"curve nulls", "skip path", "linear floor", "norm-free"}


def test_the_tasks_are_those_of_the_claims_and_controls(states, controls):
    def tasks(numbers, given):
        chosen = [claim for claim in claims() if claim.number in numbers and claim.of == "states"]
        return [name for name, _ in Work(states, None, given, SETTINGS, chosen).tasks()]

    assert tasks([14], controls) == []
    assert tasks([9], {}) == ["model", "same samples", "without massive units 0"]
    assert tasks([9], controls) == [
        "model",
        "same samples",
        "without massive units 0",
        "shuffled tokens 0",
        "untrained-0",
        "untrained-1",
    ]
    assert tasks([6], {}) == [
        "model",
        "same samples",
        *(f"random walk {i}" for i in range(3)),
        *(f"rotated basis {i}" for i in range(2)),
        *(f"null shuffle_samples {i}" for i in range(SETTINGS.null_draws)),
    ]
    assert "random positions 0" in tasks([12], controls)
    assert "random positions 0" not in tasks([9], controls)


def test_progress_begins_with_what_was_done_before(states, options, whole):
    _, ledger, n_tasks = whole
    counted = []
    ledger = {name: made for name, made in ledger.items() if name not in ("untrained-0", "random walk 1")}
    judge(
        states,
        **options,
        ledger=copy.deepcopy(ledger),
        progress=lambda done, total: counted.append((done, total)),
    )
    assert counted == [(done, n_tasks) for done in range(n_tasks - 2, n_tasks + 1)]


@pytest.mark.parametrize("numbers", [[1], [3, 9], [12], [11, 4], [14], [13, 14]])
def test_claims_are_judged_apart_as_together(states, options, whole, numbers):
    found = judge(states, **options, numbers=numbers)
    together = [one for one in whole[0].claims if one.number in numbers]
    assert [one.number for one in found.claims] == [one.number for one in together]
    for alone, one in zip(found.claims, together, strict=True):
        assert repr(replace(alone, parts=())) == repr(replace(one, parts=()))
        for mine, theirs in zip(alone.parts, one.parts, strict=True):
            assert repr(replace(mine, columns={})) == repr(replace(theirs, columns={}))
            for name, column in mine.columns.items():
                assert repr(column) == repr(theirs.columns[name]), name


def test_all_claims_are_judged_in_the_paper_s_order(whole):
    assert [one.number for one in whole[0].claims] == [*range(1, 14), 14, 14]


def test_the_same_states_give_the_same_bits_and_another_seed_others(states, options, whole):
    found = whole[0]
    assert bits(judge(states, **options)) == bits(found)
    other = judge(states, **{**options, "settings": SETTINGS.changed(claims_seed=1)})
    assert other.claims[0].parts[0].value == found.claims[0].parts[0].value
    assert other.claims[3].parts[0].low != found.claims[3].parts[0].low
    nulls = [one.claims[5].parts[0].null for one in (found, other)]
    assert nulls[0] is not None
    assert nulls[1] is not None
    # Groups of another seed are summed in another order: what rounding tells apart is the same draw.
    assert abs(nulls[0].mean - nulls[1].mean) > 1e-6


def test_the_record_says_what_was_judged_and_with_what(states, whole):
    found = whole[0]
    assert (found.model, found.states_hash) == ("synthetic", "0f" * 8)
    assert (found.n_samples, found.n_groups, found.documents_known) == (24, 20, False)
    assert (found.seed, found.resamples) == (0, 20)
    of_documents = states.assign_coords(document=("sample", np.arange(24) // 4))
    known = judge(of_documents, numbers=[1], settings=SETTINGS)
    assert (known.n_groups, known.documents_known) == (6, True)


def test_the_caution_of_repeated_last_tokens_is_read_from_the_states(states, whole):
    assert "70% of the samples share their last token" in whole[0].claims[5].sentence
    assert "last token" not in whole[0].claims[0].sentence
    bare = states.copy()
    del bare.attrs["tie_fraction"]
    assert "last token" not in judge(bare, numbers=[6], settings=SETTINGS).claims[0].sentence


def test_the_record_is_json_and_what_is_not_defined_is_null(states):
    found = judge(states.isel(sample=[0]), settings=SETTINGS)
    record = json.loads(canonical(plain(found.to_record())))
    assert (record["format"], record["format_version"]) == ("residyn claims", 1)
    first = record["claims"][0]
    assert (first["number"], first["verdict"], first["origin"]) == (1, "undecided", "")
    part = first["parts"][0]
    assert isinstance(part["value"], float)
    assert part["low"] is None
    assert part["high"] is None
    assert part["columns"]["same samples"]["difference"] is None
    assert record["claims"][3]["parts"][0]["value"] is None
    assert record["claims"][13]["parts"][0]["null"] is None


def test_the_record_holds_what_the_verdicts_do(whole):
    record = plain(whole[0].to_record())
    assert [one["sentence"] for one in record["claims"]] == [one.sentence for one in whole[0].claims]
    assert [one["name"] for one in record["columns"]] == [one.name for one in whole[0].columns]
    part, made = record["claims"][7]["parts"][1], whole[0].claims[7].parts[1]
    assert part["value"] == made.value
    assert part["null"]["p"] == made.null.p
    assert part["columns"]["untrained"]["difference_low"] == made.columns["untrained"].difference_low


@pytest.mark.parametrize(
    ("changed", "least"),
    [({"resamples": 19}, 20), ({"null_draws": 0}, 1), ({"null_samples": 3}, 4), ({"claims_seed": -1}, 0)],
)
def test_settings_out_of_range_are_refused(states, changed, least):
    (name, value), *_ = changed.items()
    with pytest.raises(UsageError, match=f"{name} is a whole number of at least {least}; got {value}"):
        judge(states, settings=SETTINGS.changed(**changed))
    ClaimsSettings(**{name: least}).check()


@pytest.mark.parametrize(("numbers", "came"), [([], "none"), ([0], "0"), ([1, 15], "1, 15")])
def test_claims_that_there_are_not_are_refused(states, numbers, came):
    with pytest.raises(UsageError, match=f"one of 1, 2, .*, 14; got {came}"):
        judge(states, numbers=numbers)


def test_states_that_are_none_are_refused(states):
    with pytest.raises(DataError, match="at least one sample"):
        judge(states.isel(sample=slice(0)), settings=SETTINGS)
    with pytest.raises(DataError, match="Expected states with dimensions"):
        judge(states.rename(unit="neuron"), settings=SETTINGS)


def test_settings_are_told_as_what_decides_the_numbers():
    assert json.loads(ClaimsSettings(null_draws=5).to_json()) == {
        "claims_seed": 0,
        "null_draws": 5,
        "null_samples": 200,
        "resamples": 200,
    }
    assert ClaimsSettings().to_json() != ClaimsSettings(null_samples=100).to_json()
