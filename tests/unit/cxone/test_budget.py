"""A budget is kept in every span of time, in order, and nobody waits for nothing."""

import asyncio

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaign_throttle.cxone.budget import PLACES, Budget, Priority
from campaign_throttle.cxone.errors import CXoneTimeout, RateLimited
from unit.cxone.virtual_time import run

CHANGE, TOKEN, READ = Priority.CHANGE, Priority.TOKEN, Priority.READ
FOREVER = 1e9


class Callers:
    """Takes turns of a budget, and remembers who had one when."""

    def __init__(self, budget):
        self.budget = budget
        self.served = []
        self.tasks = []

    async def _call(self, name, priority, deadline, busy, used):
        loop = asyncio.get_running_loop()
        async with self.budget.turn("agents", priority, deadline) as turn:
            turn.used = used
            self.served.append((loop.time(), name, used))
            await asyncio.sleep(busy)

    def call(self, name, priority=READ, *, deadline=FOREVER, busy=0.0, used=True):
        self.tasks.append(asyncio.create_task(self._call(name, priority, deadline, busy, used)))
        return self.tasks[-1]

    async def settle(self):
        return await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def names(self):
        return [name for _, name, _ in self.served]

    @property
    def times(self):
        return [time for time, _, used in self.served if used]


def assert_within(times, rate, burst):
    """No span of time holds more than ``burst + rate * t``."""
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert last - first + 1 <= burst + rate * (times[last] - times[first]) + 1e-6


def caller(**differs):
    """A patient one, who comes at once and uses the turn at once."""
    usual = {
        "after": 0.0,
        "priority": Priority.READ,
        "patience": FOREVER,
        "busy": 0.0,
        "used": True,
        "cancel": None,
    }
    return usual | differs


@st.composite
def traffic(draw):
    """Callers who come, wait, hurry, leave and change their minds."""
    return draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "after": st.sampled_from([0.0, 0.0, 0.001, 0.05, 0.3, 2.0]),
                    "priority": st.sampled_from(Priority),
                    "patience": st.sampled_from([FOREVER, FOREVER, 10.0, 0.2, 0.0]),
                    "busy": st.sampled_from([0.0, 0.0, 0.1, 5.0]),
                    "used": st.sampled_from([True, True, True, False]),
                    "cancel": st.sampled_from([None, None, None, 0.0, 0.05, 1.0]),
                }
            ),
            max_size=60,
        )
    )


@settings(max_examples=300, deadline=None)
@given(rate=st.sampled_from([0.5, 1, 3, 7, 20, 1000]), burst=st.integers(1, 12), callers=traffic())
@example(rate=3, burst=5, callers=[])
@example(
    rate=0.5, burst=1, callers=[caller(), caller(busy=5.0, used=False), caller(), caller(), caller(after=0.3)]
)
def test_no_span_of_time_has_more_turns_than_the_budget_allows_and_nobody_waits_for_ever(rate, burst, callers):
    async def scene():
        budget = Budget(rate, burst)
        found = Callers(budget)
        loop = asyncio.get_running_loop()
        for number, caller in enumerate(callers):
            await asyncio.sleep(caller["after"])
            deadline = min(loop.time() + caller["patience"], FOREVER)
            task = found.call(
                number, caller["priority"], deadline=deadline, busy=caller["busy"], used=caller["used"]
            )
            if caller["cancel"] is not None:
                loop.call_later(caller["cancel"], task.cancel)
        outcomes = await found.settle()
        assert_within(found.times, rate, burst)
        assert {type(outcome) for outcome in outcomes} <= {
            type(None),
            RateLimited,
            CXoneTimeout,
            asyncio.CancelledError,
        }
        for number, (caller, outcome) in enumerate(zip(callers, outcomes, strict=True)):
            if caller["patience"] == FOREVER and caller["cancel"] is None:
                assert outcome is None, number
        assert budget._free == PLACES
        assert not any(budget._waiting.values())
        async with budget.turn("agents", READ, FOREVER):  # and it goes on
            pass

    run(scene())


@settings(max_examples=100, deadline=None)
@given(rate=st.sampled_from([1, 20]), burst=st.integers(1, 10), priorities=st.lists(st.sampled_from(Priority)))
def test_who_waits_together_is_served_by_priority_and_then_in_order_of_arrival(rate, burst, priorities):
    async def scene():
        found = Callers(Budget(rate, burst))
        for number in range(burst):
            found.call(("early", number))
        await asyncio.sleep(0)
        for number, priority in enumerate(priorities):
            found.call((priority, number), priority)
        await found.settle()
        assert found.names[burst:] == sorted(found.names[burst:])

    run(scene())


def test_turns_are_as_many_as_the_budget_allows_and_not_fewer():
    async def scene():
        found = Callers(Budget(20, 10))
        for number in range(10 + 20 * 60):
            found.call(number)
        await found.settle()
        assert found.times[9] == 0.0
        assert found.times[-1] == pytest.approx(60.0)
        assert found.names == list(range(1210))

    run(scene())


def test_a_burst_is_saved_up_again_by_asking_less():
    async def scene():
        found = Callers(Budget(2, 4))
        for pause in (0, 100, 1):
            await asyncio.sleep(pause)
            for _ in range(6):
                found.call(len(found.tasks))
            await found.settle()
        assert found.times == pytest.approx(
            [0, 0, 0, 0, 0.5, 1.0, *(101 + time for time in (0, 0, 0, 0, 0.5, 1.0, 2.0, 2.0, 2.5, 3.0, 3.5, 4.0))]
        )

    run(scene())


def test_a_newcomer_does_not_overtake_those_who_wait():
    async def scene():
        found = Callers(Budget(1, 1))
        for number in range(3):
            found.call(number)
        await asyncio.sleep(0.999_999_999_5)
        found.call(3)
        await found.settle()
        assert found.names == [0, 1, 2, 3]

    run(scene())


def test_a_pause_does_not_queue_behind_two_thousand_reads():
    async def scene():
        found = Callers(Budget(20, 10))
        for number in range(2000):
            found.call(number)
        await asyncio.sleep(1.01)
        found.call("pause", CHANGE)
        found.call("token", TOKEN)
        await found.settle()
        assert found.names.index("pause") == 30
        assert found.names.index("token") == 31

    run(scene())


def test_a_pause_has_a_place_while_all_reads_hang():
    async def scene():
        found = Callers(Budget.unlimited())
        for number in range(100):
            found.call(number, busy=15.0)
        await asyncio.sleep(0.1)
        assert len(found.served) == PLACES[READ]
        found.call("pause", CHANGE)
        found.call("token", TOKEN)
        await asyncio.sleep(0.1)
        assert found.names[-2:] == ["pause", "token"]
        await found.settle()

    run(scene())


@pytest.mark.parametrize(("priority", "places"), PLACES.items())
def test_each_kind_has_so_many_places_and_no_more(priority, places):
    async def scene():
        found = Callers(Budget.unlimited())
        for number in range(50):
            found.call(number, priority, busy=1.0)
        await found.settle()
        assert [found.times.count(float(second)) for second in range(2)] == [places, places]
        assert found.names == list(range(50))

    run(scene())


def test_turns_are_taken_when_they_are_sent_and_not_saved_up_by_who_waits_for_a_place():
    """Turns granted while CXone hangs must not come out all at once when it answers again."""

    async def scene():
        found = Callers(Budget(20, 1))
        for number in range(PLACES[READ]):
            found.call(number, busy=15.0)
        for number in range(100):
            found.call(number)
        await found.settle()
        assert_within(found.times, 20, 1)

    run(scene())


def test_who_cannot_be_served_in_time_is_told_at_once_and_costs_nothing():
    async def scene():
        found = Callers(Budget(1, 1))
        outcomes = [found.call(number, deadline=5.5) for number in range(20)]
        await asyncio.sleep(0)
        assert [task.done() for task in outcomes[7:]] == [True] * 13
        with pytest.raises(RateLimited, match=r"raise spec\.rateLimit of the tenant, or use longer intervals"):
            await outcomes[-1]
        await found.settle()
        assert found.times == pytest.approx([0, 1, 2, 3, 4, 5])

    run(scene())


def test_who_is_overtaken_by_changes_is_over_at_the_deadline():
    async def scene():
        loop = asyncio.get_running_loop()
        found = Callers(Budget(1, 1))
        found.call("first")
        read = found.call("read", deadline=2.5)
        await asyncio.sleep(0.5)
        for number in range(4):
            found.call(number, CHANGE)
        with pytest.raises(RateLimited):
            await read
        assert loop.time() == pytest.approx(2.5)
        await found.settle()
        assert found.times == pytest.approx([0, 1, 2, 3, 4])

    run(scene())


def test_who_finds_no_place_in_time_has_a_slow_cxone_to_blame_and_nothing_was_sent():
    async def scene():
        found = Callers(Budget(1000, 100))
        for number in range(PLACES[CHANGE]):
            found.call(number, CHANGE, busy=60.0)
        with pytest.raises(CXoneTimeout, match="reachable") as caught:
            await found.call("late", CHANGE, deadline=3.0)
        assert not caught.value.outcome_unknown
        await found.settle()

    run(scene())


def test_a_turn_that_was_not_used_is_anothers():
    async def scene():
        found = Callers(Budget(1, 1))
        found.call("unused", used=False)
        found.call("used")
        found.call("next")
        await found.settle()
        assert [(time, name) for time, name, _ in found.served] == [(0, "unused"), (0, "used"), (1, "next")]

    run(scene())


@pytest.mark.parametrize("first", ["served", "cancelled"])
def test_a_turn_that_comes_in_the_moment_in_which_its_caller_leaves_is_anothers(first, monkeypatch):
    async def scene():
        budget = Budget(1, 1)
        found = Callers(budget)
        found.call("first")
        leaving = found.call("leaving")
        found.call("next")
        on_time = budget._on_time

        def at_once():
            both = [on_time, leaving.cancel]
            for step in both if first == "served" else reversed(both):
                step()

        monkeypatch.setattr(budget, "_on_time", at_once)
        await asyncio.sleep(2)
        assert leaving.cancelled()
        assert [(time, name) for time, name, _ in found.served] == [(0, "first"), (1, "next")]
        assert budget._free == PLACES

    run(scene())


def test_a_deadline_that_has_passed_has_no_turn():
    async def scene():
        found = Callers(Budget.unlimited())
        with pytest.raises(CXoneTimeout):
            await found.call("late", deadline=0.0)
        assert not found.served

    run(scene())


def test_the_delay_that_a_newcomer_has_to_expect_is_told():
    async def scene():
        budget = Budget(2, 4)
        found = Callers(budget)
        assert budget.delay() == 0.0
        for number in range(10):
            found.call(number)
        await asyncio.sleep(0)
        assert budget.delay() == pytest.approx(3.5)
        assert budget.delay(CHANGE) == pytest.approx(0.5)
        assert Budget.unlimited().delay() == 0.0
        await found.settle()

    run(scene())


def test_forty_clients_of_one_budget_are_served_alike():
    """Each asks again as soon as it was served: who polls least polls nearly as often as who polls most."""

    async def scene():
        budget, loop = Budget(20, 10), asyncio.get_running_loop()
        served = [0] * 40

        async def client(number):
            while loop.time() < 60:
                async with budget.turn("agents", READ, FOREVER):
                    served[number] += 1
                    await asyncio.sleep(0.02)

        await asyncio.gather(*(client(number) for number in range(40)))
        assert max(served) - min(served) <= 1

    run(scene())
