"""Several requests at once, none of which is given up because another one failed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from campaign_throttle.cxone.errors import CXoneError

S = TypeVar("S")
T = TypeVar("T")


async def settle(call: Callable[[S], Awaitable[T]], subjects: Iterable[S]) -> list[T | CXoneError]:
    """What the call returned or raised for each subject, in their order. Cancelled together with the caller."""

    async def outcome(subject: S) -> T | CXoneError:
        try:
            return await call(subject)
        except CXoneError as error:
            return error

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(outcome(subject)) for subject in subjects]
    return [task.result() for task in tasks]


async def all_of(call: Callable[[S], Awaitable[T]], subjects: Iterable[S]) -> list[T]:
    """What the call returned for each subject. Raises the most telling CXoneError if any failed."""
    outcomes = await settle(call, subjects)
    failures = [outcome for outcome in outcomes if isinstance(outcome, CXoneError)]
    if failures:
        raise most_telling(failures)
    return [outcome for outcome in outcomes if not isinstance(outcome, CXoneError)]


def most_telling(failures: list[CXoneError]) -> CXoneError:
    """The first that only a person can mend; the first of all if there is none."""
    return next((failure for failure in failures if failure.permanent), failures[0])
