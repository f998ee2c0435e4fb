"""The clock: tied to the wall clock at a speed, and idle when nothing is due."""

import math
from collections.abc import Generator

import pytest
from simpy import Event

from cxone_simulator.clock import Clock


class Seconds:
    """A monotonic clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Seconds:
    return Seconds()


def test_speed_is_simulated_seconds_per_second(wall: Seconds) -> None:
    clock = Clock(10, monotonic=wall)
    wall.now += 3
    assert clock.seconds == 30

    clock.set_speed(2)
    wall.now += 5
    assert clock.seconds == 40

    clock.set_speed(0)
    wall.now += 100
    assert clock.seconds == 40


@pytest.mark.parametrize("speed", [-1, 10_001, math.nan])
def test_a_speed_out_of_bounds_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be"):
        Clock(1).set_speed(speed)


def test_what_is_due_happens_when_the_clock_is_brought_up_to_date(wall: Seconds) -> None:
    clock = Clock(60, monotonic=wall)
    early, late = clock.env.timeout(59), clock.env.timeout(61)
    wall.now += 1

    clock.synchronise()

    assert (early.processed, late.processed) == (True, False)


async def test_a_step_adds_to_the_time_that_passes_by_itself(wall: Seconds) -> None:
    clock = Clock(1, monotonic=wall)
    at_its_end = clock.env.timeout(65)
    wall.now += 5

    await clock.step(60)

    assert clock.seconds == 65
    assert at_its_end.processed
    wall.now += 5
    assert clock.seconds == 70


async def test_forgotten_events_never_happen(wall: Seconds) -> None:
    clock = Clock(0, monotonic=wall)
    await clock.step(10)
    event = clock.env.timeout(5)

    clock.forget_events()
    await clock.step(10)

    assert not event.processed
    assert clock.seconds == 20


def test_a_clock_that_can_not_keep_up_loses_time_instead_of_keeping_its_caller_waiting(
    wall: Seconds,
) -> None:
    clock = Clock(10_000, monotonic=wall)

    def busy_for_ever() -> Generator[Event, None, None]:
        while True:
            yield clock.env.timeout(0.0001)

    clock.env.process(busy_for_ever())
    wall.now += 100

    clock.synchronise()

    assert 0 < clock.seconds < 1_000_000
