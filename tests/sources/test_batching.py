"""Batches: what is sent together, and batches that are too large."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkgharvest.model.clock import FixedClock
from pkgharvest.model.errors import BudgetSpent, NotFound, PkgharvestError, RateLimited
from pkgharvest.sources.batching import Batcher, BatchTooLarge
from tests.support.github_case import NOW


@dataclass
class Host:
    """Doubles numbers, up to so many at once; some of them it refuses."""

    max_size: int = 1000
    refused: frozenset[int] = frozenset()
    batches_sent: list[list[int]] = field(default_factory=list)
    error: PkgharvestError | None = None
    partial: bool = False
    """Does what it can of what is too much."""
    going: asyncio.Event | None = None
    """Answers only once this is set."""

    async def ask(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.batches_sent.append(list(numbers))
        await (self.going.wait() if self.going else asyncio.sleep(0))
        if self.error is not None:
            raise self.error
        if len(numbers) > self.max_size and not self.partial:
            raise BatchTooLarge
        done: list[int | Exception] = [
            NotFound(str(number)) if number in self.refused else 2 * number
            for number in numbers[: self.max_size]
        ]
        return [*done, *(BatchTooLarge() for _ in numbers[self.max_size :])]

    @property
    def sizes(self) -> list[int]:
        return [len(numbers) for numbers in self.batches_sent]


class SlowClock(FixedClock):
    """A clock whose sleeps are noted, and last a few turns of the loop."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        for _ in range(5):
            await super().sleep(seconds / 5)


def batches(
    host: Host, max_size: int = 10, expected: Callable[[], int] | None = None
) -> Batcher[int, int]:
    others = {} if expected is None else {"expected": expected}
    return Batcher(host.ask, max_size=max_size, clock=SlowClock(), **others)


async def gathered(source: Batcher[int, int], numbers: Sequence[int]) -> list[int | BaseException]:
    return await asyncio.gather(*map(source.get, numbers), return_exceptions=True)


def run(act: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await act()

    asyncio.run(bounded())


def test_concurrent_items_are_batched_and_a_full_batch_is_sent_at_once() -> None:
    host = Host()

    async def act() -> None:
        source = batches(host)
        assert await gathered(source, range(23)) == [2 * n for n in range(23)]

    run(act)
    assert host.sizes == [10, 10, 3]


def test_a_batch_waits_while_items_still_join() -> None:
    host = Host()

    async def act() -> None:
        source = batches(host)
        tasks = []
        for number in range(8):
            tasks.append(asyncio.create_task(source.get(number)))
            for _ in range(4):  # less than the silence that would send it
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    run(act)
    assert host.sizes == [8]


def test_later_batches_wait_longer_unless_all_expected_items_joined() -> None:
    clock = SlowClock()
    expected = 5

    async def act() -> None:
        nonlocal expected
        source: Batcher[int, int] = Batcher(
            Host().ask, max_size=10, clock=clock, expected=lambda: expected
        )
        await source.get(1)
        first, clock.slept[:] = list(clock.slept), []
        await source.get(2)
        patient, clock.slept[:] = list(clock.slept), []
        expected = 1
        await source.get(3)

        assert sum(patient) > 10 * sum(first)
        assert clock.slept == first

    run(act)


def test_a_batch_that_is_too_large_is_halved_and_the_size_grows_back() -> None:
    host = Host(max_size=3)

    async def act() -> None:
        source = batches(host)
        assert await gathered(source, range(10)) == [2 * n for n in range(10)]
        assert max(host.sizes[-3:]) <= 3
        host.max_size = 1000
        for _ in range(8):
            await gathered(source, range(10))

    run(act)
    assert host.sizes[:3] == [10, 5, 3]
    assert host.sizes[-1] == 10


def test_only_rejected_items_of_a_batch_are_fetched_again() -> None:
    host = Host(max_size=4, partial=True)

    async def act() -> None:
        assert await gathered(batches(host), range(10)) == [2 * n for n in range(10)]

    run(act)
    assert sorted(itertools.chain(*host.batches_sent[1:])) == [4, 5, 6, 7, 8, 9]


def test_a_single_item_that_is_too_large_raises_batch_too_large() -> None:
    class Picky(Host):
        async def ask(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
            if 3 in numbers:
                self.batches_sent.append(list(numbers))
                raise BatchTooLarge
            return await super().ask(numbers)

    async def act() -> None:
        results = await gathered(batches(Picky()), range(8))
        assert isinstance(results.pop(3), BatchTooLarge)
        assert results == [0, 2, 4, 8, 10, 12, 14]

    run(act)


@pytest.mark.parametrize("error", [RateLimited("h", None), BudgetSpent()])
def test_an_error_of_a_whole_batch_is_raised_for_each_item(error: PkgharvestError) -> None:
    async def act() -> None:
        assert await gathered(batches(Host(error=error)), range(3)) == [error] * 3

    run(act)


def test_an_error_of_one_item_is_raised_for_that_item() -> None:
    async def act() -> None:
        first, second, third = await gathered(batches(Host(refused=frozenset({1}))), range(3))
        assert isinstance(second, NotFound)
        assert (first, third) == (0, 4)

    run(act)


def test_an_unexpected_error_leaves_no_task_waiting_for_a_batch() -> None:
    async def ask(_numbers: Sequence[int]) -> Sequence[int | Exception]:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def act() -> None:
        source: Batcher[int, int] = Batcher(ask, max_size=2, clock=SlowClock())
        assert [type(result) for result in await gathered(source, range(2))] == [
            ZeroDivisionError
        ] * 2

    run(act)


def test_cancelled_items_leave_a_batch_and_an_abandoned_batch_stops() -> None:
    host = Host(going=asyncio.Event())

    async def act() -> None:
        source = batches(host, max_size=3)
        before = len(asyncio.all_tasks())
        tasks = [asyncio.create_task(source.get(number)) for number in range(2)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait({tasks[0]})
        for _ in range(100):
            await asyncio.sleep(0)
        assert host.batches_sent == [[1]]
        tasks[1].cancel()
        await asyncio.wait(tasks)
        assert len(asyncio.all_tasks()) == before

        # Cancelled before it is sent: it never is, and the next item is not in its batch.
        early = asyncio.create_task(source.get(5))
        await asyncio.sleep(0)
        early.cancel()
        await asyncio.wait({early})
        assert host.going is not None
        host.going.set()
        assert await source.get(6) == 12

    run(act)
    assert host.batches_sent == [[1], [6]]


@given(
    st.integers(1, 60),
    st.integers(1, 20),
    st.integers(0, 20),
    st.frozensets(st.integers(0, 59)),
    st.booleans(),
)
def test_every_item_of_a_batch_gets_a_result(
    number: int, max_size: int, able: int, refused: frozenset[int], partial: bool
) -> None:
    host = Host(max_size=able, refused=refused, partial=partial)

    async def act() -> None:
        results = await gathered(batches(host, max_size), range(number))
        for item, result in enumerate(results):
            if able == 0:
                assert isinstance(result, BatchTooLarge)
            elif item in refused:
                assert isinstance(result, NotFound)
            else:
                assert result == 2 * item

    run(act)
    assert max(host.sizes) <= max_size
