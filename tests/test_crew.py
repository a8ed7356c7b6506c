"""Tasks that are shared out: tried again, told of, and given up, whatever the engine is."""

from __future__ import annotations

import pickle
from collections import deque
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace

import pytest

from residyn.crew import AHEAD, RETRIES, Rates, Refused, Work, shared_out, workers_of
from residyn.errors import DataError, ResourceError
from residyn.store import OtherSettings


class Engine(Executor):
    """An executor that answers at once, and keeps what it was asked."""

    _max_workers = 2

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def submit(self, function, /, *arguments):
        self.asked.append(arguments)
        future = Future()
        try:
            future.set_result(self.answers(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


class KilledWorker(Exception):
    """As dask.distributed raises it."""

    last_worker = SimpleNamespace(address="tcp://10.0.0.7:41")


def tasks(n=6):
    return deque(Work(f"Shard {i} of DIR", (i,)) for i in range(n))


def never():
    return False


def gather(engine, made, stop=never):
    """The results that were taken before something was raised, which is given."""
    try:
        for one, result in shared_out(engine, None, tasks(), stop):
            made.append((one.arguments[0], result))
    except Exception as error:
        return error
    return None


def test_every_task_comes_back_and_few_are_out_at_a_time():
    out = []

    class Counting(ThreadPoolExecutor):
        def submit(self, function, /, *arguments):
            out.append(self._work_queue.qsize())
            return super().submit(function, *arguments)

    with Counting(2) as engine:
        found = {one.name: result for one, result in shared_out(engine, lambda i: i * i, tasks(40), never)}
    assert found == {f"Shard {i} of DIR": i * i for i in range(40)}
    assert max(out) <= 2 * AHEAD


def test_what_fails_is_tried_again_and_then_told_while_the_others_go_on():
    def answers(i):
        if i == 2:
            raise ValueError("the disk\n of this worker is full")
        return i

    engine, made = Engine(answers), []
    error = gather(engine, made)
    assert sorted(i for i, _ in made) == [0, 1, 3, 4, 5]
    assert engine.asked.count((2,)) == 1 + RETRIES
    assert isinstance(error, ResourceError)
    assert "Shard 2 of DIR" in str(error)
    assert "failed 4 times, the last time with ValueError: the disk of this worker is full" in str(error)


def test_what_fails_once_is_made_after_all():
    failed = []

    def answers(i):
        if i == 3 and not failed:
            failed.append(i)
            raise OSError("a moment")
        return i

    made = []
    assert gather(Engine(answers), made) is None
    assert sorted(i for i, _ in made) == list(range(6))


def test_a_task_that_ends_its_workers_names_itself_and_the_last_of_them():
    def answers(i):
        if i == 1:
            raise KilledWorker
        return i

    engine, made = Engine(answers), []
    error = gather(engine, made)
    assert sorted(i for i, _ in made) == [0, 2, 3, 4, 5]
    # The engine tried several workers itself; the last time nothing else was out.
    assert engine.asked.count((1,)) == 2
    assert engine.asked[-1] == (1,)
    assert isinstance(error, ResourceError)
    assert "Shard 1 of DIR" in str(error)
    assert "tcp://10.0.0.7:41" in str(error)


def test_a_task_that_waited_beside_one_that_ends_its_workers_is_done():
    """The engine blames both."""

    def answers(i):
        if i == 1 or (i == 2 and engine.asked.count((2,)) == 1):
            raise KilledWorker
        return i

    engine, made = Engine(answers), []
    error = gather(engine, made)
    assert sorted(i for i, _ in made) == [0, 2, 3, 4, 5]
    assert "Shard 1 of DIR" in str(error)


def test_an_error_of_residyns_ends_the_sharing_after_what_is_out():
    def answers(i):
        return Refused(DataError("The states are not finite")) if i == 0 else i

    engine, made = Engine(answers), []
    error = gather(engine, made)
    assert isinstance(error, DataError)
    assert len(engine.asked) == 2 * AHEAD
    assert sorted(i for i, _ in made) == [1, 2, 3]


def test_where_the_user_stops_what_is_out_is_taken_and_no_more_handed_out():
    made = []
    engine = Engine(lambda i: i)
    assert gather(engine, made, stop=lambda: bool(made)) is None
    assert len(made) == len(engine.asked) == 2 * AHEAD


def test_an_executor_that_broke_or_was_shut_down_is_told():
    def answers(i):
        raise BrokenProcessPool("A process was terminated abruptly")

    assert isinstance(gather(Engine(answers), []), ResourceError)
    engine = ThreadPoolExecutor(1)
    engine.shutdown()
    with pytest.raises(ResourceError, match="cannot schedule new futures"):
        list(shared_out(engine, len, tasks(), never))


def test_whoever_takes_results_may_add_tasks():
    work, made = tasks(2), []
    for one, _ in shared_out(Engine(lambda i: i), None, work, never):
        made.append(one.arguments[0])
        if len(made) < 5:
            work.append(Work("another", (10 + len(made),)))
    assert sorted(made) == [0, 1, 11, 12, 13, 14]


def test_the_number_of_workers_is_asked_of_the_engine():
    assert workers_of(ThreadPoolExecutor(3)) == 3
    assert workers_of(SimpleNamespace(_client=SimpleNamespace(nthreads=lambda: {"a": 2, "b": 1}))) == 3
    assert workers_of(SimpleNamespace(_client=SimpleNamespace(nthreads=dict))) == 1
    assert workers_of(object()) > 1


def test_rates_are_of_each_worker():
    rates = Rates()
    assert not rates.seen
    for worker, number, seconds in (("a", 100, 1.0), ("b", 90, 3.0), ("a", 100, 1.0)):
        rates.add(worker, number, seconds)
    assert rates.told("tokens") == "2 workers; tokens a second of each: a: 100, b: 30"


def test_an_error_that_says_what_differs_travels():
    error = OtherSettings("DIR holds another run", ["model.revision: stored 1, wanted 2"], "Take another.")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.found) == (str(error), error.found)
