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
from residyn.claims.ledger import MODEL, NULLS_OF_CURVES, SECOND, Of, Task, draws_of
from residyn.claims.registry import claims
from residyn.claims.work import Judging
from residyn.errors import DataError, UsageError
from residyn.settings import ClaimsSettings
from residyn.store.records import canonical, plain
from residyn.strict import convert

SETTINGS = ClaimsSettings(resamples=20, null_draws=4, null_samples=20)
TIED = 17
"""So many of the 24 samples have one first state."""


# The keys of tasks.


@pytest.mark.parametrize(
    ("task", "key"),
    [
        (Task(Of.MODEL), "model"),
        (Task(Of.SECOND), "second"),
        (Task(Of.NULLS_OF_CURVES), "nulls of curves"),
        (Task(Of.CONDITION, "same samples"), "condition/same samples/0"),
        (Task(Of.CONDITION, "random signs", 2), "condition/random signs/2"),
        (Task(Of.NULL_OF_STATES, "permute_units", 19), "null of states/permute_units/19"),
    ],
)
def test_a_task_is_named_by_what_it_is_of_and_which_draw(task, key):
    assert task.key == key
    assert type(task.key) is str
    assert (MODEL, SECOND, NULLS_OF_CURVES) == ("model", "second", "nulls of curves")


def test_draws_are_found_in_their_order_and_by_what_they_are_of():
    ledger = {Task(Of.CONDITION, "walk", draw).key: {"x": [float(draw)]} for draw in (10, 2, 0, 1, *range(3, 10))}
    ledger |= {
        Task(Of.NULL_OF_STATES, "walk").key: {"x": [50.0]},
        Task(Of.CONDITION, "walk of others", 11).key: {"x": [60.0]},
        Task(Of.CONDITION, "late", 1).key: {"x": [70.0]},
    }
    assert [one["x"][0] for one in draws_of(ledger, Of.CONDITION, "walk")] == list(range(11))
    assert draws_of(ledger, Of.NULL_OF_STATES, "walk") == [{"x": [50.0]}]
    assert draws_of(ledger, Of.CONDITION, "late") == []
    assert draws_of({}, Of.CONDITION, "walk") == []
    # A null whose first draws are a condition's begins where these end.
    later = {Task(Of.NULL_OF_STATES, "random_walk", 3).key: {"x": [3.0]}}
    assert draws_of(later, Of.NULL_OF_STATES, "random_walk", 3) == [{"x": [3.0]}]
    assert draws_of(later, Of.NULL_OF_STATES, "random_walk") == []


# Judging that is interrupted.


class Interrupted(Exception):
    """What a test stops the judging with."""


@pytest.fixture(scope="module")
def states():
    rng = np.random.default_rng(1)
    data = np.cumsum(rng.standard_normal((24, 10, 16)) + 0.3, axis=1)
    data[:TIED, 0] = data[0, 0]
    return synthetic.labelled(data)


@pytest.fixture(scope="module")
def controls(states):
    rng = np.random.default_rng(2)
    names = ("untrained-0", "untrained-1", "untrained-2", "permuted-weights", "shuffled-tokens", "random-position")
    return {name: states + rng.standard_normal(states.shape).astype(np.float32) for name in names}


@pytest.fixture(scope="module")
def summary():
    pull = np.array([0.4, 0.4, 0.0, -0.2, -0.2]) + 0.1 * np.random.default_rng(0).standard_normal((4, 6, 5))
    return synthetic.summary(
        pull, [0, 1, 2, 3, 4], models=["trained", "untrained 0", "untrained 1", "untrained 2"]
    )


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


@pytest.mark.slow
def test_a_judging_that_is_stopped_anywhere_ends_in_the_same_bits(states, options):
    """Of claims that need every sort of task: the model, surrogates, controls, networks, nulls, teleports."""
    few = {**options, "numbers": [3, 4, 13, 14]}
    tasks = []
    found = judge(states, **few, keep=lambda ledger: tasks.append(len(ledger)))
    for after in range(1, len(tasks) + 1):
        ledger = interrupted(states, few, after)
        assert len(ledger) == tasks[after - 1]
        again = []
        resumed = judge(states, **few, ledger=ledger, keep=lambda ledger, again=again: again.append(1))
        assert bits(resumed) == bits(found), after
        assert len(again) == len(tasks) - after


@pytest.mark.slow
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
    changed["model"]["magnitude_trend"] = [0.25] * 41
    changed["second"]["unit_correlation_gap"] = [0.125] * 41
    changed["nulls of curves"]["magnitude_trend"] = [0.5, 0.75, 99]
    changed["condition/shuffled tokens/0"]["magnitude_trend"][0] = 0.375
    for draw in range(3):
        changed[f"condition/random walk/{draw}"]["shared_direction"][0] = 1.0
    changed["null of states/random_walk/3"]["shared_direction"][0] = 2.0
    other = judge(states, **options, ledger=changed).claims
    first = other[0].criteria[0]
    assert (first.value, first.low, first.high) == (0.25, 0.25, 0.25)
    assert first.null is not None
    assert (first.null.mean, first.null.p, first.null.repeats) == (0.5, 0.75, 99)
    assert first.conditions["shuffled tokens"].value == 0.375
    other_second, other_null = other[3].criteria[0].second, other[12].criteria[0].null
    assert other_second is not None
    assert other_second.value == 0.125
    assert other_null is not None
    assert (other_null.mean, other_null.repeats) == (1.25, 4)
    assert found.claims[0].criteria[0].value != 0.25


def test_every_task_is_kept_and_counted(states, options, controls):
    work = Judging(states, None, controls, SETTINGS, [claim for claim in claims() if claim.of == "states"])
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
    assert set(kept[-1]) - set(names) == {
        "second",
        "nulls of curves",
        "least p",
        "condition/skip path/0",
        "condition/linear floor/0",
        "condition/norm-free/0",
    }


def test_the_tasks_are_those_of_the_claims_and_controls(states, controls):
    def tasks(numbers, given):
        chosen = [claim for claim in claims() if claim.number in numbers and claim.of == "states"]
        return [name for name, _ in Judging(states, None, given, SETTINGS, chosen).tasks()]

    assert tasks([14], controls) == []
    assert tasks([9], {}) == ["model", "condition/same samples/0", "condition/without massive units/0"]
    assert tasks([9], controls) == [
        "model",
        "condition/same samples/0",
        "condition/without massive units/0",
        "condition/shuffled tokens/0",
        "condition/random positions/0",
        "condition/permuted weights/0",
        "condition/untrained/0",
        "condition/untrained/1",
        "condition/untrained/2",
    ]
    assert tasks([6], {}) == [
        "model",
        "condition/same samples/0",
        *(f"condition/random walk/{draw}" for draw in range(3)),
        *(f"condition/rotated basis/{draw}" for draw in range(2)),
        *(f"null of states/shuffle_samples/{draw}" for draw in range(4)),
    ]
    # A null's first draws are those of the condition that is made of it, where that is tried.
    assert tasks([13], {})[3:] == [f"null of states/random_walk/{draw}" for draw in range(4)]
    assert tasks([5, 13], {})[2:5] == [f"condition/random walk/{draw}" for draw in range(3)]
    assert tasks([5, 13], {})[-1] == "null of states/random_walk/3"


def test_progress_begins_with_what_was_done_before(states, options, whole):
    _, ledger, n_tasks = whole
    counted = []
    gone = ("condition/untrained/0", "condition/random walk/1")
    ledger = {name: made for name, made in ledger.items() if name not in gone}
    assert len(ledger) == len(whole[1]) - 2
    again = judge(
        states,
        **options,
        ledger=copy.deepcopy(ledger),
        progress=lambda done, total: counted.append((done, total)),
    )
    assert counted == [(done, n_tasks) for done in range(n_tasks - 2, n_tasks + 1)]
    assert bits(again) == bits(whole[0])


def same_null(mine, theirs):
    """Draws with replicates are summed in another order than those without: they differ by rounding."""
    if mine is None or theirs is None:
        assert mine is theirs is None
        return
    assert repr(replace(mine, mean=0.0)) == repr(replace(theirs, mean=0.0))
    assert mine.mean == pytest.approx(theirs.mean, rel=1e-9, nan_ok=True)


@pytest.mark.parametrize("numbers", [[1], [3, 9], [12], [11, 4], [14], [13], [13, 14], [5, 13]])
def test_claims_are_judged_apart_as_together(states, options, whole, numbers):
    """The record of a condition may be of more claims' draws, and a criterion be tried under more conditions."""
    found = judge(states, **options, numbers=numbers)
    together = [one for one in whole[0].claims if one.number in numbers]
    assert [one.number for one in found.claims] == [one.number for one in together]
    for alone, one in zip(found.claims, together, strict=True):
        assert repr(replace(alone, criteria=())) == repr(replace(one, criteria=()))
        for mine, theirs in zip(alone.criteria, one.criteria, strict=True):
            assert repr(replace(mine, conditions={}, null=None)) == repr(replace(theirs, conditions={}, null=None))
            same_null(mine.null, theirs.null)
            for name, condition in mine.conditions.items():
                assert repr(condition) == repr(theirs.conditions[name]), name


def test_a_null_that_is_a_condition_too_has_all_its_draws(states, options, whole):
    alone = judge(states, **options, numbers=[13]).claims[0].criteria[0]
    both = whole[0].claims[12].criteria[0]
    assert alone.null is not None
    assert alone.null.repeats == SETTINGS.null_draws == 4
    same_null(both.null, alone.null)
    fewer = judge(states, **{**options, "settings": SETTINGS.changed(null_draws=2)}).claims[12].criteria[0]
    assert fewer.null is not None
    assert fewer.null.repeats == 2


def test_all_claims_are_judged_the_paper_s_first(whole):
    numbers = [one.number for one in whole[0].claims]
    assert numbers[:15] == [*range(1, 14), 14, 14]
    assert numbers == [one.number for one in claims()]


def test_the_same_states_give_the_same_bits_and_another_seed_others(states, options, whole):
    found = whole[0]
    assert bits(judge(states, **options)) == bits(found)
    other = judge(states, **{**options, "settings": SETTINGS.changed(claims_seed=1)})
    assert other.claims[0].criteria[0].value == found.claims[0].criteria[0].value
    assert other.claims[3].criteria[0].low != found.claims[3].criteria[0].low
    nulls = [one.claims[5].criteria[0].null for one in (found, other)]
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


def test_the_caution_of_first_states_that_samples_share_is_read_from_the_states(states, whole):
    caution = "71% of the samples share their first state with others: the first sublayers rest on few."
    assert [one.number for one in whole[0].claims if one.sentence.endswith(caution)] == [6, 10, 11, 12]
    assert judge(states, numbers=[6], settings=SETTINGS).claims[0].sentence.endswith(caution)
    free = states + np.arange(24)[:, None, None].astype(np.float32) / 100
    assert "first state" not in judge(free, numbers=[6], settings=SETTINGS).claims[0].sentence


def test_samples_that_share_their_first_state_leave_information_undecided(whole):
    for number in (10, 11):
        found = whole[0].claims[number - 1]
        tied = found.criteria[0]
        assert (tied.name, tied.premise, tied.verdict) == ("tied_at_start", True, "does not hold")
        assert tied.value == pytest.approx(TIED / 24)
        assert found.verdict == "undecided"
        assert found.sentence.startswith(
            "Undecided: the share of samples that share their first state with others is"
        )


def test_the_record_is_json_and_what_is_not_defined_is_null(states):
    found = judge(states.isel(sample=[0]), settings=SETTINGS)
    record = json.loads(canonical(plain(found.to_record())))
    assert (record["format"], record["format_version"]) == ("residyn claims", 2)
    first = record["claims"][0]
    assert (first["number"], first["verdict"], first["origin"]) == (1, "undecided", "")
    criterion = first["criteria"][0]
    assert isinstance(criterion["value"], float)
    assert criterion["low"] is None
    assert criterion["high"] is None
    assert criterion["second"] is None
    assert criterion["paper"] is None
    assert criterion["conditions"]["same samples"]["difference"] is None
    assert record["claims"][3]["criteria"][0]["value"] is None
    assert record["claims"][3]["criteria"][0]["second"]["value"] is None
    assert record["claims"][13]["criteria"][0]["null"] is None


def test_the_record_holds_what_the_verdicts_do(whole):
    record = plain(whole[0].to_record())
    assert [one["sentence"] for one in record["claims"]] == [one.sentence for one in whole[0].claims]
    assert [one["name"] for one in record["conditions"]] == [one.name for one in whole[0].conditions]
    criterion, made = record["claims"][7]["criteria"][2], whole[0].claims[7].criteria[2]
    assert criterion["value"] == made.value
    assert criterion["null"]["p"] == made.null.p
    assert criterion["paper"] == made.paper
    untrained = made.conditions["untrained"]
    assert criterion["conditions"]["untrained"]["difference_low"] == untrained.difference_low
    assert criterion["conditions"]["untrained"]["reaches"] == untrained.reaches
    assert {one["role"] for one in record["conditions"]} >= {"model", "null", "scale", "untrained", "direction"}
    read = convert(json.loads(canonical(record)), Verdicts)
    assert isinstance(read, Verdicts)
    assert bits(read) == bits(whole[0])


# What is refused.


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
    with pytest.raises(UsageError, match=f"one of 1, 2, .*, 14.*; got {came}"):
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
